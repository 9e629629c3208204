"""The stewards' page: what it says, that no value in it runs, and how it works in Chromium.

The tests in the browser are left out where there is no Chromium; what the page holds is still
checked there.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import browser
import duckdb
import offline
import pytest
import yaml
from fake_quality import HOSTILE, HOSTILE_KEY, fake_quality
from test_pages import Outline

from dlm.quality import page as quality_page
from dlm.quality import page_data
from dlm.quality.charts import GLYPHS, FunnelPoint, funnel
from dlm.quality.checks import CheckResult, CheckRun
from dlm.quality.page import write_page
from dlm.stamp import Stamp

ROOT = Path(__file__).parents[2]
STAMP = Stamp(True, None, "0.1.0", "1", "0123456789abcdef", "fedcba9876543210", ("a note",))
REAL = Stamp(False, "2024-06-30", "0.1.0", "1", "", "fedcba9876543210")
READY = "document.documentElement.dataset.ready"
RUN = CheckRun(
    (
        CheckResult(
            suite="core",
            table_name="core.fct_read",
            rule_id="RD05",
            severity="S1",
            expectation="expect_x",
            column_name="verdict",
            level="warning",
            status="warn",
            n_checked=100,
            n_violated=2,
            failing_keys="a, b",
            detail="x; y",
            description="why",
            description_ja="なぜ",
        ),
    )
)


def write(connection: duckdb.DuckDBPyConnection, folder: Path, stamp: Stamp = STAMP) -> Path:
    """The page as a build leaves it, with its neighbours, and documentation of one rule."""
    quality = folder / "quality"
    for path in ("rules/RD05.html", "data_docs/index.html",
                 "data_docs/validations/core.fct_read.html", "../docs/index.html",
                 "../report.html"):  # fmt: skip
        (quality / path).parent.mkdir(parents=True, exist_ok=True)
        (quality / path).touch()
    return write_page(connection, RUN, quality, stamp)


@pytest.fixture(scope="module")
def warehouse() -> duckdb.DuckDBPyConnection:
    return fake_quality()


@pytest.fixture(scope="module")
def path(warehouse: duckdb.DuckDBPyConnection, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(warehouse, tmp_path_factory.mktemp("page"))


@pytest.fixture(scope="module")
def page(path: Path) -> str:
    return path.read_text("utf-8")


def data_of(path: Path, name: str) -> Any:
    """The content of one data file of the page."""
    text = (path.parent / "data" / name).read_text("utf-8")
    return json.loads(text[text.index(",") + 1 : text.rindex(")")])


def cells(page: str, ident: str) -> list[list[str]]:
    """The rows of one table as text, English only."""
    table = page[page.index(f'id="{ident}"') :].split("</table>")[0]
    table = re.sub(r'<t?span class="in-ja".*?</t?span>', "", table)
    return [
        [
            re.sub(r"\s+", " ", re.sub("<.*?>", "", cell)).strip()
            for cell in re.findall(r"<t[hd].*?>(.*?)</t[hd]>", row, re.DOTALL)
        ]
        for row in re.findall(r"<tr.*?</tr>", table, re.DOTALL)
    ]


# What stands in the page


def test_the_page_is_well_formed_with_headings_in_order(page: str) -> None:
    outline = Outline(page)
    assert outline.open == []
    assert outline.headings[0] == 1 and outline.headings.count(1) == 1
    assert all(b - a <= 1 for a, b in zip(outline.headings, outline.headings[1:], strict=False))
    assert len(outline.ids) == len(set(outline.ids))
    assert set(outline.references) <= set(outline.ids)


def test_the_page_loads_nothing_from_elsewhere_and_its_links_lead_somewhere(path: Path) -> None:
    assert offline.problems(path.parent) == []
    anchors = {link[1:] for link in offline.read(path).links if link[:1] == "#" and "=" not in link}
    assert {"sites", "rules", "records"} <= anchors <= set(Outline(path.read_text("utf-8")).ids)


def test_both_languages_are_whole(page: str) -> None:
    english, japanese = page.count('class="in-en"'), page.count('class="in-ja"')
    assert english == japanese > 200
    for word in ("データ品質", "合成データ", "未解決のS1", "「消失」と判定された病変"):
        assert word in page


def test_every_word_of_the_script_and_every_code_has_two_languages() -> None:
    words = yaml.safe_load((ROOT / "python/dlm/quality/words.yml").read_text("utf-8"))
    script = (ROOT / "python/dlm/quality/page.js").read_text("utf-8")
    used = set(re.findall(r'\bui\("(\w+)"', script)) | set(re.findall(r'fact\("(\w+)"', script))
    used = {key for key in used if not key.endswith("_")}  # made up of parts: lane_operation
    assert used - set(words["ui"]) == set()
    for section, codes in words.items():
        for code, texts in codes.items():
            assert len(texts) == 2 and all(texts), (section, code)
            slots = [sorted(re.findall(r"\{\w+\}", text)) for text in texts]
            assert slots[0] == slots[1], (section, code)
    assert set(words["status"]) == set(GLYPHS) == set(quality_page.WORST_FIRST)


def test_values_are_shown_and_never_run(path: Path, page: str) -> None:
    records = (path.parent / "data/records-001.js").read_text("utf-8")
    assert HOSTILE in records  # as data of a script, where it is only text
    assert page.count("<script") == 2  # the data and the code of the page itself
    for text in ("<img", "<b>", "<by>"):
        assert text not in page
    assert "Duration &lt;b&gt;out of range&lt;/b&gt; &amp;" in page
    assert "&lt;script&gt;alert(3)&lt;/script&gt;" in page
    embedded = page[page.index('id="data">') + 10 :].split("</script>")[0]
    assert "<" not in embedded and json.loads(embedded)["rules"]


def test_the_scorecard_lists_every_site_in_order_of_its_code(page: str) -> None:
    rows = cells(page, "scorecard")[1:]
    assert [row[0] for row in rows] == sorted(row[0] for row in rows)
    assert len(rows) == 21
    assert rows[0][5] == "6 / 6"  # EU01, S1: open / found


def test_the_funnel_shows_each_site_that_has_a_rate(page: str) -> None:
    drawn = page[page.index('<svg class="funnel"') :].split("</svg>")[0]
    labels = re.findall(r'text-anchor="(?:start|middle|end)">([A-Z]{2}\d\d)<', drawn)
    assert len(labels) == 20 and "US02" not in labels  # that site sent nothing
    shapes = len(re.findall(r'<circle class="inside"|<path class="(?:above|below)_', drawn))
    assert shapes == 20


def test_limits_keep_their_width_between_sites() -> None:
    """Limits drawn between two sites are those of the formula that gave the sites' limits."""

    def limits(n: int) -> tuple[float, float, float, float]:
        return (5 - 40 / n**0.5, 5 + 40 / n**0.5, 5 - 60 / n**0.5, 5 + 60 / n**0.5)

    points = [FunnelPoint(f"S{n}", n, 5.0, 5.0, limits(n), "inside") for n in (400, 900, 1600)]
    drawn = str(funnel(points, "n", "rate"))  # type: ignore[arg-type]
    ticks = re.findall(r'class="tick" x="54" y="([\d.]+)" text-anchor="end">(\d+)<', drawn)
    (y0, v0), (y1, v1) = ticks[0], ticks[-1]
    scale = (float(y1) - float(y0)) / (int(v1) - int(v0))
    curve = re.findall(r'class="limit-95" points="([^"]+)"', drawn)[1].split()
    spots = {float(x): (float(y) + 4 - float(y0)) / scale for x, y in (s.split(",") for s in curve)}
    marks = re.findall(r'class="inside" cx="([\d.]+)"', drawn)
    at_900 = min(spots.items(), key=lambda spot: abs(spot[0] - float(marks[1])))
    assert at_900[1] == pytest.approx(5 + 40 / 30, abs=0.05)


def test_rules_show_counts_the_worst_status_and_their_page(page: str) -> None:
    rows = {row[0]: row for row in cells(page, "rules-table") if len(row) == 10}
    assert rows["RD05"][3] == "fail" and rows["RD05"][4] == "12"
    assert rows["RD24"][3] == "did not run"
    assert 'href="rules/RD05.html"' in page and 'href="rules/PT10.html"' not in page
    order = [row[0] for row in cells(page, "rules-table") if len(row) == 10]
    assert order.index("RD05") < order.index("DL12") < order.index("FU02") < order.index("RD24")


def test_checks_that_did_not_run_are_counted(
    warehouse: duckdb.DuckDBPyConnection, page: str
) -> None:
    ((missing, n),) = warehouse.execute(
        "select count_if(status in ('not_evaluated', 'error')), count(*) from quality.rule_results"
    ).fetchall()
    assert f"{missing} of {n} checks (rule and site) did not run" in page


def test_the_calendar_tells_late_from_missing(page: str) -> None:
    japan = {row[0]: row for row in cells(page, "calendar-2")}
    assert japan["JP03"][3].startswith("late 12 d")
    america = {row[0]: row for row in cells(page, "calendar-3")}
    assert all(cell.startswith("missing") for cell in america["US02"][1:])


def test_words_for_missing_are_counted_by_column_and_reason(page: str) -> None:
    assert cells(page, "missing-table")[1:] == [
        ["eortc", "outcome", "cause", "unknown", "&lt;b&gt;UNK&lt;/b&gt;", "1"],
        ["jcog", "read", "size_mm", "not done", "未実施", "2"],
    ]


def test_a_page_of_a_build_without_some_records_says_they_block_nothing_more(
    page: str, tmp_path: Path
) -> None:
    assert "open S1 records block the analysis" in page
    without = write(fake_quality(snapshots=1), tmp_path, replace(STAMP, excluded_records=4))
    text = without.read_text("utf-8")
    assert "the 4 records of their patients are in no number" in text
    assert "block the analysis.<" not in text


def test_synthetic_data_say_so_and_others_do_not(page: str, tmp_path: Path) -> None:
    assert 'class="banner"' in page and "SYNTHETIC DATA" in page
    real = write(fake_quality(snapshots=1), tmp_path, REAL).read_text("utf-8")
    assert 'class="banner"' not in real and "ynthetic" not in real.split("<script")[0].lower()
    assert "2024-06-30" in real


def test_the_same_warehouse_gives_the_same_files(path: Path, tmp_path: Path) -> None:
    again = write(fake_quality(), tmp_path)
    files = sorted((path.parent / "data").iterdir())
    assert again.read_bytes() == path.read_bytes()
    assert [file.name for file in sorted((again.parent / "data").iterdir())] == [
        file.name for file in files
    ]
    for file in files:
        assert (again.parent / "data" / file.name).read_bytes() == file.read_bytes()


def test_a_warehouse_without_quality_tables_still_gets_its_page(tmp_path: Path) -> None:
    page = write(duckdb.connect(), tmp_path).read_text("utf-8")
    for text in ("no catalogue of rules", "no scorecard", "keeps no history", "No deliveries"):
        assert text in page
    assert Outline(page).open == []


def test_one_snapshot_and_no_queries_are_said(tmp_path: Path) -> None:
    path = write(fake_quality(snapshots=1, with_queries=False), tmp_path)
    page = path.read_text("utf-8")
    assert "the trend begins with the second" in page
    assert "keeps no queries" in page and "oldest open query" not in page


def test_the_made_up_warehouse_has_the_columns_of_the_models(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    promised = {
        model["name"]: {column["name"] for column in model["columns"]}
        for file in (ROOT / "models").rglob("_*__models.yml")
        for model in yaml.safe_load(file.read_text("utf-8")).get("models", [])
        if "columns" in model
    }
    made: dict[str, set[str]] = {}
    for schema, table, column in warehouse.execute(
        "select table_schema, table_name, column_name from information_schema.columns"
    ).fetchall():
        if schema in ("quality", "core", "intermediate"):
            made.setdefault(table, set()).add(column)
    known = set(made) & set(promised)
    assert {"dim_site", "quarantine", "delivery_calendar", "record_sources"} <= known
    assert {name: made[name] - promised[name] for name in known} == {name: set() for name in known}


# The records


def test_a_record_has_the_state_of_its_query_and_closed_ones_stay(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    records = page_data.read_records(warehouse)
    found = records.rows
    ((n,),) = warehouse.execute("select count(*) from quality.violations").fetchall()
    assert len(found) == records.n == n + 1  # and the one that is resolved
    (resolved,) = [row for row in found if row["state"] == "resolved"]
    assert resolved["query_id"] == "Q-resolved01" and resolved["resolved_at"] == "2024-08-01"
    assert sum(records.n_open.values()) == sum(
        row["state"] not in page_data.CLOSED for row in found
    )
    severities = [row["severity"] for row in found if row["state"] not in page_data.CLOSED]
    assert severities == sorted(severities)
    earlier = warehouse.execute(
        "select query_id from quality.queries where not is_reply_current order by query_id"
    ).fetchall()
    told = sorted(row["query_id"] for row in found if row["is_reply_earlier"])
    assert told and told == [query_id for (query_id,) in earlier]


def test_of_too_many_records_every_rule_and_site_keeps_its_share(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    few = page_data.read_records(warehouse, max_records=200)
    everything = page_data.read_records(warehouse)
    pairs = {(row["rule_id"], row["site_id"]) for row in everything.rows}
    assert len(few.rows) == 200 and few.n == everything.n
    assert {(row["rule_id"], row["site_id"]) for row in few.rows} == pairs
    assert few.n_open == everything.n_open


def test_a_timeline_holds_every_read_operation_specimen_and_visit_in_order(path: Path) -> None:
    timeline = data_of(path, "timelines-001.js")["EU01-001"]
    events = timeline["lesions"]["EU01-001-L01"]
    kinds = [event[1] for event in events]
    assert kinds.count("read") == 6 and kinds.count("specimen") == 1
    assert kinds.count("disposition") == 1
    assert [event[0] for event in events] == sorted(event[0] for event in events)
    of_patient = [event[1] for event in timeline["events"]]
    assert of_patient.count("operation") == 1 and of_patient.count("visit") == 3
    read = next(event for event in events if event[1] == "read")
    assert read[5] == "EU/read.csv" and isinstance(read[6], int)


def test_timelines_are_made_only_for_lesions_that_a_record_is_about(
    warehouse: duckdb.DuckDBPyConnection, path: Path
) -> None:
    lesions = {
        lesion
        for timeline in data_of(path, "timelines-001.js").values()
        for lesion in timeline["lesions"]
    }
    wanted = {row["lesion_id"] for row in page_data.read_records(warehouse).rows}
    assert lesions == wanted - {None}


# In the browser

needs_browser = pytest.mark.skipif(browser.PROGRAM is None, reason="no Chromium on this machine")


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[browser.Tab]:
    with browser.start(tmp_path_factory.mktemp("profile")) as started:
        yield started.tab()


def records_shown(tab: browser.Tab) -> int:
    return int(tab.run("document.querySelectorAll('#records-table tr[data-number]').length"))


def pick(tab: browser.Tab, ident: str, value: str) -> None:
    tab.run(
        f"(() => {{ const box = document.getElementById({json.dumps(ident)});"
        f" box.value = {json.dumps(value)};"
        " box.dispatchEvent(new Event(box.type === 'search' ? 'input' : 'change'))})()"
    )


@needs_browser
def test_nothing_runs_that_came_from_a_file_and_nothing_is_asked_of_the_network(
    tab: browser.Tab, path: Path
) -> None:
    tab.open(path, "#rule=PA01&state=all&q=onerror&lang=en", READY)
    tab.run("document.querySelector('#records-table .toggle').click()")
    tab.wait("document.querySelector('.record-card')")
    shown = tab.run("document.getElementById('records-table').textContent")
    assert HOSTILE in shown and HOSTILE_KEY in shown
    assert tab.run("document.querySelectorAll('img, #records-table script').length") == 0
    assert tab.errors == [] and tab.requests_elsewhere == []


@needs_browser
@pytest.mark.parametrize(
    ("is_current", "words"),
    [("true", "Reply of the site"), ("false", "Reply of the site to earlier values")],
)
def test_a_reply_to_earlier_values_is_told_as_one(
    tab: browser.Tab, tmp_path: Path, is_current: str, words: str
) -> None:
    replied = fake_quality()
    replied.execute(f"update quality.queries set reply = 'Seen.', is_reply_current = {is_current}")
    tab.open(write(replied, tmp_path), "#rule=RD05&site=JP07&lang=en", READY)
    tab.run("document.querySelector('#records-table .toggle').click()")
    tab.wait("document.querySelector('.record-card')")
    assert words in tab.texts(".record-card dt")


@needs_browser
def test_a_deep_link_leads_from_rule_to_site_to_record_to_timeline(
    tab: browser.Tab, path: Path
) -> None:
    tab.open(path, "#rule=RD05&site=JP07&lang=en", READY)
    assert tab.texts("#rule-title") == ["S1 RD05 Lesion called not visible has a size"]
    assert tab.run("document.querySelector('.sites-of-rule tr.strong th').textContent") == "JP07"
    n = records_shown(tab)
    assert tab.texts("#count")[0].startswith(f"{n} of ") and n >= 4
    assert set(tab.texts('#records-table td[data-label="Site"]')) == {"JP07"}
    tab.run("document.querySelector('#records-table .toggle').click()")
    tab.wait("document.querySelector('.events')")
    assert "record=" in tab.run("location.hash")
    assert tab.texts(".record-card h4")[0] == "Timeline of lesion JP07-001-L01"
    days = [day for day in tab.texts(".events tbody th") if day != "no date"]
    assert days == sorted(days) and len(days) > 12
    here = tab.texts(".events tr.here td:nth-child(3)")
    assert len(here) == 1 and here[0].endswith("this record")
    assert tab.run("document.querySelectorAll('.timeline .here').length") == 1
    address = tab.run("location.hash")
    tab.open(path, address, READY)
    tab.wait("document.querySelector('.events')")


@needs_browser
def test_filters_and_search_narrow_the_list_and_clear(tab: browser.Tab, path: Path) -> None:
    tab.open(path, "#state=unresolved&lang=en", READY)
    everything = tab.texts("#count")[0]
    pick(tab, "filter-severity", "S1")
    assert set(tab.texts('#records-table td[data-label="Severity"]')) == {"S1"}
    pick(tab, "filter-state", "resolved")
    assert tab.texts("#count")[0].startswith("1 of ")
    tab.run("document.getElementById('reset').click()")
    assert tab.texts("#count")[0] == everything
    pick(tab, "filter-q", "jp07-001-l02")
    tab.wait("location.hash.includes('q=')")
    assert {text.split()[0] for text in tab.texts("#records-table .toggle")} <= {"JP07-001-L02"}
    pick(tab, "filter-q", "no such thing")
    tab.wait("document.getElementById('records-list').textContent.includes('No record fits')")


@needs_browser
def test_the_rules_table_shows_one_site_and_what_failed(tab: browser.Tab, path: Path) -> None:
    tab.open(path, "#state=unresolved&lang=en", READY)
    pick(tab, "rules-show", "failed")
    shown = tab.texts("#rules-table tr[data-rule] th")
    assert "RD05" in shown and "PT10" not in shown
    pick(tab, "rules-show", "all")
    pick(tab, "rules-site", "JP07")
    assert tab.texts('tr[data-rule="RD05"] .cell-violated') == ["6"]
    assert tab.texts('tr[data-rule="RD05"] .cell-status')[0] == "fail"
    pick(tab, "rules-site", "EU03")
    assert tab.texts('tr[data-rule="RD05"] .cell-status')[0] == "pass"
    assert tab.texts("#rules-for") == ["The table shows EU03."]


@needs_browser
def test_the_language_switch_changes_everything_and_stands_in_the_link(
    tab: browser.Tab, path: Path
) -> None:
    tab.open(path, "#rule=RD05&site=JP07&lang=en", READY)
    tab.run("document.querySelector('label[for=language-ja]').click()")
    assert tab.run("document.documentElement.lang") == "ja"
    assert tab.texts("h1") == ["データ品質"]
    assert tab.texts("#rule-title")[0].endswith("「消失」と判定された病変に径が記載されている")
    assert tab.texts("#records-table thead th")[0] == "記録"
    assert "lang=ja" in tab.run("location.hash")
    text = tab.run("document.querySelector('main').innerText")
    for word in ("Severity", "Records and queries", "What was found", "Site sent"):
        assert word not in text
    tab.open(path, "#rule=RD05&lang=en", READY)
    assert tab.texts("h1") == ["Data quality"]


@needs_browser
def test_everything_can_be_done_by_keyboard(tab: browser.Tab, path: Path) -> None:
    tab.open(path, "#rule=RD05&site=JP07&lang=en", READY)
    tab.run("document.querySelector('#records-table .toggle').focus()")
    tab.press("Enter", 13, "\r")
    tab.wait("document.querySelector('.events')")
    assert tab.run("document.activeElement.getAttribute('aria-expanded')") == "true"
    tab.press("Enter", 13, "\r")
    tab.wait("!document.querySelector('.record-card')")
    assert tab.run("document.activeElement.className") == "toggle"
    reached = set()
    tab.run("document.querySelector('.skip').focus()")
    assert tab.run("document.querySelector('.skip').getBoundingClientRect().left") >= 0
    for _ in range(3):
        tab.press("Tab", 9)
        reached.add(tab.run("document.activeElement.id || document.activeElement.tagName"))
    assert {"language-en", "A"} <= reached


CONTRAST = """
(() => {
  const part = (v) => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; };
  const light = (c) => 0.2126 * part(c[0]) + 0.7152 * part(c[1]) + 0.0722 * part(c[2]);
  const colour = (text) => (text.match(/[\\d.]+/g) || []).map(Number);
  const back = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const c = colour(getComputedStyle(e).backgroundColor);
      if (c.length === 3 || c[3] > 0.99) return c;
    }
    return [255, 255, 255];
  };
  const bad = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walk.nextNode(); node; node = walk.nextNode()) {
    const e = node.parentElement;
    if (!node.textContent.trim() || !e.getClientRects().length) continue;
    if (e.closest('script, style, noscript, .vh, option, [disabled]')) continue;
    const svg = e.closest('svg');
    const style = getComputedStyle(e);
    const front = colour(svg ? style.fill : style.color);
    const [a, b] = [light(front), light(back(svg || e))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) bad.push([node.textContent.trim().slice(0, 40), ratio.toFixed(2)]);
  }
  return bad;
})()
"""
NAMELESS = """
[...document.querySelectorAll('a, button, input, select, [role=region], table, svg[role=img]')]
  .filter(e => e.getClientRects().length)
  .filter(e => {
    const by = (e.getAttribute('aria-labelledby') || '').split(' ').filter(Boolean)
      .map(id => (document.getElementById(id) || {}).textContent || '').join('');
    const label = e.labels && e.labels.length ? e.labels[0].textContent : '';
    const caption = e.tagName === 'TABLE' && e.caption ? e.caption.textContent : '';
    const inside = ['A', 'BUTTON'].includes(e.tagName) ? e.textContent : '';
    const near = e.tagName === 'TABLE' && e.closest('[role=region]')
      && (e.closest('[role=region]').getAttribute('aria-label') || '');
    return !(by + (e.getAttribute('aria-label') || '') + label + caption + inside + near).trim();
  }).map(e => e.outerHTML.slice(0, 120))
"""


@needs_browser
@pytest.mark.parametrize("language", ["en", "ja"])
def test_text_stands_out_and_every_control_has_a_name(
    tab: browser.Tab, path: Path, language: str
) -> None:
    tab.open(path, f"#rule=RD05&site=JP07&lang={language}", READY)
    tab.run("document.querySelector('#records-table .toggle').click()")
    tab.wait("document.querySelector('.events')")
    assert tab.run(CONTRAST) == []
    assert tab.run(NAMELESS) == []
    headings = tab.run(
        "[...document.querySelectorAll('h1, h2, h3, h4')].map(e => Number(e.tagName[1]))"
    )
    assert all(b - a <= 1 for a, b in itertools.pairwise(headings))
    ids = tab.run("[...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(ids) == len(set(ids))
    missing = "[...document.querySelectorAll('th:not([scope])')].length"
    assert tab.run(missing) == 0


@needs_browser
def test_nothing_needs_sideways_scrolling_of_the_page_on_a_telephone(
    tab: browser.Tab, path: Path
) -> None:
    tab.resize(390, 800)
    try:
        tab.open(path, "#rule=RD05&site=JP07&lang=en", READY)
        tab.run("document.querySelector('#records-table .toggle').click()")
        tab.wait("document.querySelector('.events')")
        assert tab.run("document.documentElement.scrollWidth") <= 390
    finally:
        tab.resize(1280, 900)


@needs_browser
def test_without_script_the_tables_stand_and_the_language_still_switches(
    tab: browser.Tab, path: Path
) -> None:
    tab.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        tab.open(path)
        # A disabled script does not keep the tests' own questions from being answered.
        assert len(tab.texts("#rules-table tr[data-rule]")) == 8
        assert len(tab.texts("#scorecard tbody tr")) == 21
        assert "need JavaScript" in tab.texts("noscript")[0]
        tab.run("document.querySelector('label[for=language-ja]').click()")
        assert tab.texts("h1") == ["データ品質"]
    finally:
        tab.call("Emulation.setScriptExecutionDisabled", value=False)


@needs_browser
def test_fifty_thousand_records_are_quick(tab: browser.Tab, tmp_path: Path) -> None:
    warehouse = fake_quality()
    warehouse.execute(
        "insert into quality.violations by name"
        " select * exclude (copy) replace (record_key || '/' || copy as record_key)"
        " from quality.violations, (select unnest(range(1, 120)) as copy)"
    )
    path = write(warehouse, tmp_path)
    tab.open(path, "#state=unresolved&lang=en", READY)
    n = tab.run("Number(document.getElementById('count').textContent.match(/of ([\\d,]+)/)[1]"
                ".replaceAll(',', ''))")  # fmt: skip
    assert n == page_data.MAX_RECORDS
    assert "The page holds 50,000 of" in tab.texts("#explorer > .note")[0]
    elapsed = tab.run(
        "(() => { const before = performance.now();"
        " const box = document.getElementById('filter-site'); box.value = 'JP07';"
        " box.dispatchEvent(new Event('change')); return performance.now() - before })()"
    )
    assert elapsed < 1000  # a sixth of that on a quiet machine
    assert records_shown(tab) == 50


@needs_browser
def test_a_lost_data_file_is_told(tab: browser.Tab, tmp_path: Path) -> None:
    path = write(fake_quality(), tmp_path)
    (path.parent / "data/records-001.js").unlink()
    tab.open(path, "#state=unresolved&lang=en", READY)
    assert "data/records-001.js could not be loaded" in tab.texts("#count")[0]
    tab.errors.clear()


@needs_browser
def test_the_page_prints_in_the_language_chosen(
    tab: browser.Tab, path: Path, tmp_path: Path
) -> None:
    tab.open(path, "#rule=RD05&site=JP07&lang=ja", READY)
    tab.call("Emulation.setEmulatedMedia", media="print")
    try:
        assert tab.texts("h1") == ["データ品質"]
        assert tab.texts(".filters, nav, .pager, input.language + label") == []
        assert len(tab.texts("#records-table tr[data-number]")) >= 4
    finally:
        tab.call("Emulation.setEmulatedMedia", media="")
    tab.pdf(tmp_path / "page.pdf")
    assert (tmp_path / "page.pdf").read_bytes().startswith(b"%PDF")
