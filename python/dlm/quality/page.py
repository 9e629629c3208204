"""The stewards' page ``quality/index.html``: what is wrong, where, since when, and who acts.

A folder that needs no network and opens from the disk: the page with its tables in English and
Japanese, and beside it ``data/`` with the records and timelines that its script loads. Without
JavaScript the tables still stand. Identifiers in it are the trial's pseudonyms.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import duckdb
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from dlm.quality import charts
from dlm.quality.checks import CheckResult, CheckRun
from dlm.quality.page_data import (
    NO_SITE,
    History,
    Records,
    Row,
    has_table,
    read_history,
    read_records,
    read_rules,
    read_sites,
    read_table,
    read_timelines,
)
from dlm.stamp import Stamp
from dlm.wording import Text, plain, wording
from dlm.yaml_text import load_yaml

MAX_ROWS = 500
"""Rows of one listing on the page; the table in the warehouse has them all."""

RECORDS_PER_FILE = 5_000
PATIENTS_PER_FILE = 250

SEVERITIES = ("S1", "S2", "S3", "S4")
WORST_FIRST = (
    "error",
    "fail",
    "warn",
    "pass_with_rows",
    "not_evaluated",
    "pass",
    "not_applicable",
)
"""Statuses by how much a steward should care: a check that did not run goes before a pass."""

_HERE = Path(__file__).parent
_MISSING = """
    select source, form, column_name, missing_reason, raw_text, count(*) as n_records
    from quality.missing_values
    group by all
"""
"""Single cells are in the table; a steward asks where a word for missing is frequent."""
_LISTINGS = {
    "quality.quarantine": None,
    "quality.unreadable_values": None,
    "quality.unmapped_values": None,
    "quality.missing_values": _MISSING,
    "quality.conflicting_duplicates": None,
    "quality.orphan_records": None,
}
"""Tables that the page lists in order, with what it shows of each where that is not all."""


@dataclass(frozen=True)
class TableSummary:
    """How the expectations of one table ended.

    Attributes:
        table: ``schema.table``.
        n: expectations run.
        n_pass, n_warn, n_fail, n_error: how many ended so; they add up to n.
    """

    table: str
    n: int
    n_pass: int
    n_warn: int
    n_fail: int
    n_error: int


@dataclass(frozen=True)
class Listing:
    """A table of the warehouse as the page shows it.

    Attributes:
        name: ``schema.table``.
        there: the work database has the table; if not, there is nothing to show.
        columns: names, in the order of the table or of what is shown of it.
        rows: at most MAX_ROWS, in total order.
        n: rows there are to show.
    """

    name: str
    there: bool
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    n: int


@dataclass(frozen=True)
class RuleSummary:
    """One rule over all sites.

    Attributes:
        rule: its row in the catalogue.
        n_violated, n_checked: sums over the sites where it was evaluated.
        percent: of these; None without a denominator.
        status: the worst of the sites' statuses.
        counts: sites per status.
        strip: the sites' statuses as a picture.
        spark: percent over the deliveries as a picture.
        page: address of its documentation page; None when there is none.
    """

    rule: Row
    n_violated: int
    n_checked: int
    percent: float | None
    status: str
    counts: dict[str, int]
    strip: Markup
    spark: Markup
    page: str | None


@dataclass(frozen=True)
class SiteTrend:
    """Findings of one site over the deliveries."""

    site_id: str
    picture: Markup
    severe: int | None
    other: int | None


def write_page(
    connection: duckdb.DuckDBPyConnection, run: CheckRun, out: Path, stamp: Stamp
) -> Path:
    """Write the page from the results of the expectations and the tables of schema quality.

    Args:
        connection: on the work database; only read from.
        run: results of Great Expectations.
        out: folder of the quality pages; rules/ID.html in it is linked where it is there.
        stamp: where the data come from.

    Returns:
        The page.
    """
    out.mkdir(parents=True, exist_ok=True)
    sites = read_sites(connection)
    rules = read_rules(connection)
    results = read_table(connection, "quality.rule_results", "rule_id, site_id")
    history = read_history(connection)
    records = read_records(connection)
    data = _write_data(connection, out, records, history)
    scorecard = read_table(connection, "quality.site_scorecard", "site_id")
    summaries = summarise_rules(rules, results, history, sites, out)
    accounting = _listing(connection, "quality.row_accounting")
    page = (
        _environment()
        .get_template("page.html.j2")
        .render(
            stamp=stamp,
            css=_trusted("assets/report.css") + _trusted("quality/page.css"),
            js=_trusted("quality/page.js"),
            data=_embedded(
                data
                | {
                    "sites": sites,
                    "rules": [_rule_for_script(summary) for summary in summaries],
                    "results": _results_for_script(results, rules, sites),
                    "words": {
                        section: words
                        for section, words in _words().items()
                        if section not in ("funnel_status", "delivery_status")
                    }
                    | {"verdict": _shared("verdict"), "form": _shared("form")},
                    "no_site": NO_SITE,
                }
            ),
            say=_say,
            no_site=NO_SITE,
            glyph=charts.glyph,
            records=records,
            severities=SEVERITIES,
            statuses=WORST_FIRST,
            sites=_answering(sites),
            summaries=summaries,
            did_not_run=sum(row["status"] in ("error", "not_evaluated") for row in results),
            n_results=len(results),
            scorecard=scorecard,
            funnel=_funnel(scorecard),
            calendar=_calendar(connection),
            history=history,
            trend=_trend(rules, history),
            site_trends=_site_trends(rules, history, sites),
            tables=summarise(run.results),
            totals=Counter(result.status for result in run.results),
            n_expectations=len(run.results),
            findings=sorted(
                (result for result in run.results if result.status != "pass"),
                key=lambda result: ("error", "fail", "warn").index(result.status),
            ),
            accounting=accounting,
            accounting_totals=_totals(accounting),
            listings=[_listing(connection, name, shown) for name, shown in _LISTINGS.items()],
            max_rows=MAX_ROWS,
        )
    )
    path = out / "index.html"
    lines = (line.rstrip() for line in page.splitlines())
    path.write_text("\n".join(line for line in lines if line) + "\n", encoding="utf-8")
    return path


def summarise(results: Sequence[CheckResult]) -> list[TableSummary]:
    """One summary per table, in the order the tables were checked."""
    by_table: dict[str, Counter[str]] = {}
    for result in results:
        by_table.setdefault(result.table_name, Counter())[result.status] += 1
    return [
        TableSummary(
            table, counts.total(), counts["pass"], counts["warn"], counts["fail"], counts["error"]
        )
        for table, counts in by_table.items()
    ]


def summarise_rules(
    rules: Sequence[Row],
    results: Sequence[Row],
    history: History,
    sites: Sequence[str],
    out: Path,
) -> list[RuleSummary]:
    """Every rule of the catalogue over all sites, in the order given."""
    by_rule: dict[str, dict[str, Row]] = {}
    for row in results:
        by_rule.setdefault(row["rule_id"], {})[row["site_id"]] = row
    columns = _answering(sites)
    return [
        _summary(rule, by_rule.get(rule["rule_id"], {}), history, columns, out) for rule in rules
    ]


def _answering(sites: Sequence[str]) -> list[str]:
    return [site for site in sites if site != NO_SITE]


def _summary(
    rule: Row, results: Mapping[str, Row], history: History, columns: Sequence[str], out: Path
) -> RuleSummary:
    rule_id = rule["rule_id"]
    counts = Counter(row["status"] for row in results.values())
    n_violated = sum(row["n_violated"] or 0 for row in results.values())
    n_checked = sum(row["n_checked"] or 0 for row in results.values())
    page = f"rules/{rule_id}.html"
    return RuleSummary(
        rule=rule,
        n_violated=n_violated,
        n_checked=n_checked,
        percent=100 * n_violated / n_checked if n_checked else None,
        status=next((name for name in WORST_FIRST if counts[name]), "not_evaluated"),
        counts={name: counts[name] for name in WORST_FIRST if counts[name]},
        strip=charts.strip(
            [results[site]["status"] if site in results else None for site in columns]
        )
        if set(results) & set(columns)
        else Markup(""),
        spark=charts.sparkline(_over_time(history, rule_id)),
        page=page if (out / page).is_file() else None,
    )


def _over_time(history: History, rule_id: str) -> list[float | None]:
    """Percent of the rule over all sites at each snapshot; None where it was not evaluated."""
    values: list[float | None] = []
    for number in range(len(history.snapshots)):
        cells = [of_site[number] for of_site in history.cells.get(rule_id, {}).values()]
        run = [cell for cell in cells if cell is not None and cell[1]]
        checked = sum(cell[1] for cell in run)
        values.append(100 * sum(cell[0] or 0 for cell in run) / checked if checked else None)
    return values


def _counted(
    history: History, rule_ids: Sequence[str], site: str | None = None
) -> list[int | None]:
    """Records that violate any of the rules at each snapshot, at one site or all.

    None where none of the rules was evaluated.
    """
    counts: list[int | None] = []
    for number in range(len(history.snapshots)):
        cells = [
            of_site[number]
            for rule_id in rule_ids
            for name, of_site in history.cells.get(rule_id, {}).items()
            if site is None or name == site
        ]
        run = [cell for cell in cells if cell is not None and cell[2] not in _DID_NOT_RUN]
        counts.append(sum(cell[0] or 0 for cell in run) if run else None)
    return counts


_DID_NOT_RUN = ("not_evaluated", "error")


def _trend(rules: Sequence[Row], history: History) -> list[tuple[int, str, list[int | None], int]]:
    """Per snapshot: number, day, records per severity, and checks that did not run."""
    by_severity = [
        _counted(history, [rule["rule_id"] for rule in rules if rule["severity"] == severity])
        for severity in SEVERITIES
    ]
    trend = []
    for place, (number, day) in enumerate(history.snapshots):
        missing = sum(
            cells[place] is not None and cells[place][2] in _DID_NOT_RUN  # type: ignore[index]
            for of_rule in history.cells.values()
            for cells in of_rule.values()
        )
        trend.append((number, day, [counts[place] for counts in by_severity], missing))
    return trend


def _site_trends(rules: Sequence[Row], history: History, sites: Sequence[str]) -> list[SiteTrend]:
    if not history.snapshots:
        return []
    severe = [rule["rule_id"] for rule in rules if rule["severity"] in ("S1", "S2")]
    other = [rule["rule_id"] for rule in rules if rule["severity"] not in ("S1", "S2")]
    counted = [
        (
            site,
            _counted(history, severe, site),
            _counted(history, other, site),
        )
        for site in sites
    ]
    top = max((n for _, a, b in counted for n in (*a, *b) if n is not None), default=0)
    return [
        SiteTrend(site, charts.small_multiple(a, b, top), a[-1], b[-1]) for site, a, b in counted
    ]


def _funnel(scorecard: Sequence[Row]) -> Markup | None:
    """The funnel plot; None when no site has a rate and limits."""
    limits = ("funnel_lower_95", "funnel_upper_95", "funnel_lower_998", "funnel_upper_998")
    points = [
        charts.FunnelPoint(
            label=row["site_id"],
            n=row["n_records"],
            rate=row["violations_per_100_records"],
            center=row["funnel_center"],
            limits=(row[limits[0]], row[limits[1]], row[limits[2]], row[limits[3]]),
            status=row["funnel_status"],
        )
        for row in scorecard
        if row["funnel_status"] != "not_estimable"
        and row["n_records"]
        and all(row[name] is not None for name in (*limits, "funnel_center"))
        and row["violations_per_100_records"] is not None
    ]
    if not points:
        return None
    return charts.funnel(
        points,
        _two("Records of the site", "施設のレコード数", svg=True),
        _two("Findings per 100 records", "100レコードあたりの指摘件数", svg=True),
    )


@dataclass(frozen=True)
class Calendar:
    """The delivery calendar of one data centre.

    Attributes:
        source: data centre.
        as_of: last day on which anything was received.
        forms: columns.
        rows: site_id and, per form, its row of quality.delivery_calendar or None.
    """

    source: str
    as_of: str
    forms: list[str]
    rows: list[tuple[str, list[Row | None]]]


def _calendar(connection: duckdb.DuckDBPyConnection) -> list[Calendar]:
    entries = read_table(connection, "quality.delivery_calendar", "source, site_id, form")
    order = list(_shared("form"))
    calendars = []
    for source in dict.fromkeys(row["source"] for row in entries):
        of_source = [row for row in entries if row["source"] == source]
        forms = sorted(
            {row["form"] for row in of_source},
            key=lambda form: (order.index(form) if form in order else len(order), form),
        )
        found = {(row["site_id"], row["form"]): row for row in of_source}
        calendars.append(
            Calendar(
                source,
                of_source[0]["as_of"],
                forms,
                [
                    (site, [found.get((site, form)) for form in forms])
                    for site in dict.fromkeys(row["site_id"] for row in of_source)
                ],
            )
        )
    return calendars


# ---- data files

_SPARSE = (
    "previous_evidence",
    "resolved_at",
    "n_reopened",
    "waiver_reason",
    "waiver_author",
    "waiver_approved_by",
    "waiver_expires",
    "reply",
    "replied_at",
    "is_reply_earlier",
)
_DENSE = (
    "rule_id",
    "severity",
    "site_id",
    "patient_id",
    "lesion_id",
    "form",
    "record_key",
    "column_name",
    "evidence",
    "file",
    "line",
    "query_id",
    "state",
    "first_seen",
    "last_seen",
    "age_days",
)
_CODED = (
    "rule_id",
    "severity",
    "site_id",
    "form",
    "column_name",
    "file",
    "state",
    "first_seen",
    "last_seen",
)


def _write_data(
    connection: duckdb.DuckDBPyConnection, out: Path, records: Records, history: History
) -> dict[str, Any]:
    """Write the files that the page's script loads, and return what it needs to read them.

    A record is a list in the order of _DENSE, texts that recur coded by a number, then an object
    with those of _SPARSE that it has.
    """
    folder = out / "data"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    codes: dict[str, dict[Any, int]] = {name: {} for name in _CODED}
    coded = [_coded(row, codes) for row in records.rows]
    record_files = [
        _write_script(folder, f"records-{number:03d}", coded[start : start + RECORDS_PER_FILE])
        for number, start in enumerate(range(0, len(coded), RECORDS_PER_FILE), 1)
    ]
    timelines = read_timelines(connection, records.rows)
    patients = sorted(timelines)
    timeline_files = []
    for number, start in enumerate(range(0, len(patients), PATIENTS_PER_FILE), 1):
        chunk = patients[start : start + PATIENTS_PER_FILE]
        name = _write_script(
            folder, f"timelines-{number:03d}", {patient: timelines[patient] for patient in chunk}
        )
        timeline_files.append([chunk[0], name])
    history_file = None
    if history.snapshots:
        history_file = _write_script(folder, "history", history.cells)
    return {
        "columns": _DENSE,
        "codes": {name: list(values) for name, values in codes.items()},
        "n_records": records.n,
        "has_queries": records.has_queries,
        "record_files": record_files,
        "timeline_files": timeline_files,
        "history_file": history_file,
        "snapshots": history.snapshots,
    }


def _coded(row: Row, codes: dict[str, dict[Any, int]]) -> list[Any]:
    values: list[Any] = []
    for name in _DENSE:
        value = row[name]
        if name in codes and value is not None:
            value = codes[name].setdefault(value, len(codes[name]))
        values.append(value)
    values.append({name: row[name] for name in _SPARSE if row[name]})
    return values


def _write_script(folder: Path, name: str, content: Any) -> str:
    """Write data as a script, which a page opened from the disk can load as it cannot load JSON."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    file = f"{name}.js"
    (folder / file).write_text(f'dlmQuality("{file}",{text});\n', encoding="utf-8")
    return file


def _embedded(content: Any) -> Markup:
    """JSON that may stand in a script element, whatever is in it."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)


def _rule_for_script(summary: RuleSummary) -> dict[str, Any]:
    rule = summary.rule
    pair = ("title", "description", "message", "action")
    return {
        **{
            name: rule[name]
            for name in (
                "rule_id",
                "severity",
                "table_name",
                "form",
                "column_name",
                "owner",
                "category",
                "check_kind",
                "threshold_percent",
                "citation",
                "version",
            )
        },
        **{name: [rule[f"{name}_en"], rule[f"{name}_ja"]] for name in pair},
        "threshold_reason": [rule["threshold_reason"], rule["threshold_reason_ja"]],
        "page": summary.page,
    }


def _results_for_script(
    results: Sequence[Row], rules: Sequence[Row], sites: Sequence[str]
) -> list[list[Any]]:
    """Results as [rule's place, site's place, n_violated, n_checked, percent, status, reason]."""
    rule_place = {rule["rule_id"]: number for number, rule in enumerate(rules)}
    site_place = {site: number for number, site in enumerate(sites)}
    return [
        [
            rule_place[row["rule_id"]],
            site_place[row["site_id"]],
            row["n_violated"],
            row["n_checked"],
            row["percent"],
            row["status"],
            row["reason"],
        ]
        for row in results
        if row["rule_id"] in rule_place
    ]


# ---- words


def _words() -> dict[str, dict[str, list[str]]]:
    loaded: dict[str, dict[str, list[str]]] = load_yaml(_trusted("quality/words.yml"))
    return loaded


def _shared(section: str) -> dict[str, list[str]]:
    """A section of the report's words."""
    loaded = load_yaml(_trusted("assets/wording.yml"))
    found: dict[str, list[str]] = loaded[section]
    return found


def _trusted(name: str) -> Markup:
    """A file of this package, which may stand in the page as it is."""
    return Markup((resources.files("dlm") / name).read_text(encoding="utf-8"))


def _two(en: object, ja: object, svg: bool = False) -> Markup:
    """A text in both languages, of which the chosen one shows."""
    tag = "tspan" if svg else "span"
    return Markup(
        '<{0} class="in-en" lang="en">{1}</{0}><{0} class="in-ja" lang="ja">{2}</{0}>'
    ).format(Markup(tag), en, ja)


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["two"] = _two
    return environment


def _say(section: str, code: object) -> Markup:
    """The words of a code in both languages; of a code without words itself."""
    found = _WORDS.get(section, {}).get(str(code))
    text = Text(*found) if found else wording(section, code)
    return Markup("{}").format(text.en) if text == plain(text.en) else _two(text.en, text.ja)


_WORDS = _words()


def _listing(connection: duckdb.DuckDBPyConnection, name: str, shown: str | None = None) -> Listing:
    if not has_table(connection, name):
        return Listing(name, False, (), (), 0)
    content = f"({shown})" if shown else name
    found = connection.execute(f"select * from {content} order by all limit {MAX_ROWS}")
    columns = tuple(column[0] for column in found.description or ())
    rows = tuple(found.fetchall())
    count = connection.execute(f"select count(*) from {content}").fetchall()[0][0]
    return Listing(name, True, columns, rows, int(count))


def _totals(accounting: Listing) -> dict[str, int]:
    """Sums of the counts of row accounting over the files shown."""
    counts = ("records_in", "loaded", "quarantined", "exact_duplicates")
    return {
        name: sum(row[accounting.columns.index(name)] or 0 for row in accounting.rows)
        for name in counts
        if name in accounting.columns
    }
