"""The report: self-contained, in two languages, escaped, and without small cells."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import offline
import pytest
import yaml
from fake_warehouse import fake_warehouse

from dlm import figures
from dlm.report import write_report
from dlm.stamp import Stamp
from dlm.wording import plain, wording

ROOT = Path(__file__).parents[2]
STAMP = Stamp(True, None, "0.1.0", "1", "0123456789abcdef", "fedcba9876543210", ("a note",))
REAL = Stamp(False, "2024-06-30", "0.1.0", "1", "", "fedcba9876543210")
CONTRAST = "at least one left against all resected"
VOID = {"meta", "input", "br", "link", "hr"}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("figures")
    figures.draw_all(fake_warehouse(), out, STAMP)
    return out


@pytest.fixture(scope="module")
def page(drawn: Path) -> str:
    return write_report(fake_warehouse(), drawn, drawn / "report.html", STAMP).read_text("utf-8")


class Outline(HTMLParser):
    """Checks nesting, and collects headings, ids and addresses."""

    def __init__(self, text: str):
        super().__init__()
        self.open: list[str] = []
        self.headings: list[int] = []
        self.ids: list[str] = []
        self.references: list[str] = []
        self.addresses: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag not in VOID:
            self.open.append(tag)
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        self.ids += [given["id"] or ""] if "id" in given else []
        self.references += (given.get("aria-labelledby") or "").split()
        for name in ("href", "src", "xlink:href"):
            self.addresses += [given[name] or ""] if name in given else []

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def cells_of(page: str, ident: str) -> list[list[str]]:
    """The rows of one table as text, English only."""
    table = page[page.index(f'<caption id="{ident}"') :].split("</table>")[0]
    table = re.sub(r'<span class="in-ja".*?</span>', "", table)
    return [
        [
            re.sub("<.*?>", "", cell).replace("&lt;", "<").strip()
            for cell in re.findall(r"<t[hd].*?>(.*?)</t[hd]>", row)
        ]
        for row in re.findall(r"<tr.*?</tr>", table, re.DOTALL)
    ]


def test_the_page_is_well_formed_with_headings_in_order(page: str) -> None:
    outline = Outline(page)
    assert outline.open == []
    assert outline.headings[0] == 1 and outline.headings.count(1) == 1
    assert all(b - a <= 1 for a, b in zip(outline.headings, outline.headings[1:], strict=False))
    assert len(outline.ids) == len(set(outline.ids))
    assert set(outline.references) <= set(outline.ids)


def test_the_page_loads_nothing(page: str) -> None:
    assert all(address.startswith("#") for address in Outline(page).addresses)
    assert "<script" not in page and offline.css_loads(page) == []


def test_both_languages_are_whole(page: str) -> None:
    english, japanese = page.count('class="in-en"'), page.count('class="in-ja"')
    assert english == japanese > 200
    for word in ("消失肝転移", "造影術中超音波", "無再発生存期間", "全生存期間", "一致率ではない"):
        assert word in page


def test_what_comes_from_a_mart_is_escaped(drawn: Path, tmp_path: Path) -> None:
    warehouse = fake_warehouse()
    warehouse.execute(
        "update marts.published_results set claim_id = '<script>alert(1)</script>'"
        " where topic = 'baseline'"
    )
    page = write_report(warehouse, drawn, tmp_path / "report.html", STAMP).read_text("utf-8")
    assert "<script" not in page and "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_synthetic_data_say_so_and_others_do_not(page: str, drawn: Path, tmp_path: Path) -> None:
    assert 'class="banner"' in page and "合成データ" in page
    real = write_report(fake_warehouse(), drawn, tmp_path / "report.html", REAL).read_text("utf-8")
    assert 'class="banner"' not in real and "2024-06-30" in real


def test_the_same_warehouse_gives_the_same_page(page: str, drawn: Path, tmp_path: Path) -> None:
    again = write_report(fake_warehouse(), drawn, tmp_path / "report.html", STAMP)
    assert again.read_text("utf-8") == page


def test_baseline_hides_small_counts_their_complement_and_percentages(page: str) -> None:
    rows = {row[0]: row[1:] for row in cells_of(page, "table-baseline")}
    # Operated, confirmed, all resected, some left.
    assert rows["Male"] == ["38 (63.3)", "15 (62.5)", "–", "–"]
    assert rows["Female"] == ["22 (36.7)", "9 (37.5)", "<5", "–"]
    assert rows["Age, years: median (IQR)"][0] == "60.5 (53.0–67.0)"


def test_strata_hide_small_cells_and_overall_rows_do_not(page: str) -> None:
    rows = cells_of(page, "table-strata")
    assert ["United States", "<5", "–", "–", "–", "–"] in rows
    overall = {row[0]: row[1:] for row in cells_of(page, "table-concordance")}
    assert overall["Gone on CT and MRI (confirmed DLM)"][:4] == ["110", "80", "24", "50"]


def test_other_methods_stand_beside_the_default(page: str) -> None:
    rows = cells_of(page, "table-sensitivity")
    assert ["Wilson on the effective number", "50/80", "62.5 (52.5–72.5)", "", ""] in rows
    assert ["Score test; H0: NPV &gt;= 0.85", "50/80", "62.5", "0.003", ""] in rows
    assert ["Bounds", "50–80/110", "35.5–55.5 [20.0–90.0]", "", ""] in rows
    model = "Generalised estimating equations, exchangeable"
    assert [model, "50/80", "61.0 (50.0–70.0)", "", "statsmodels 0.15.0"] in rows
    pooled = cells_of(page, "table-pooled")
    assert pooled[1][1:5] == ["4", "142/323", "39.0 (14.0–73.0)", "1.0–98.0"]


def test_parts_of_few_patients_show_no_accuracy(page: str) -> None:
    # How many patients have nonviable lesions only is told of the whole population alone.
    rows = [row[0] for row in cells_of(page, "table-sensitivity")]
    assert rows.count("Patients with nonviable lesions only") == 1
    # Three patients with a visible lesion left: the resected ones would give them away.
    accuracy = {row[0]: row[1:] for row in cells_of(page, "table-accuracy")}
    assert accuracy["All lesions"][2] == "130/150: 86.7 (81.7–91.7)"
    assert accuracy["Resected"] == ["–", "–", "–", "40/75: 53.3 (48.3–58.3)"]
    assert accuracy["Left in place"] == ["–", "–", "–", "26/45: 57.8 (52.8–62.8)"]
    # Three patients with a resected lesion that MRI sees.
    differences = {row[0]: row[1:] for row in cells_of(page, "table-differences")}
    assert differences["All lesions"][3] == "-23.0 (-41.0 to -5.0)"
    assert set(differences["Resected"]) == {"–"} == set(differences["Left in place"])


def test_every_interval_says_the_level_it_has(tmp_path: Path) -> None:
    warehouse = fake_warehouse()
    warehouse.execute(
        "update marts.build_settings set value = '0.9' where setting = 'confidence_level'"
    )
    figures.draw_all(warehouse, tmp_path, STAMP)
    page = write_report(warehouse, tmp_path, tmp_path / "report.html", STAMP).read_text("utf-8")
    # the texts of a figure stand as remarks beside their outlines
    assert not re.search(r"95\s*%", page)
    for told in ("90 % CI", "90 % interval", "90 % confidence bands", "Kaplan-Meier, 90 %"):
        assert told in page
    assert "90 %信頼区間" in page and "90 %信頼帯" in page and "90 %予測区間" in page


def test_landmarks_are_those_of_the_mart(drawn: Path, tmp_path: Path) -> None:
    warehouse = fake_warehouse()
    for bound in ("", "_lower", "_upper"):
        warehouse.execute(
            f"alter table marts.km_summary rename column survival_36m{bound} to survival_60m{bound}"
        )
    page = write_report(warehouse, drawn, tmp_path / "report.html", STAMP).read_text("utf-8")
    columns = cells_of(page, "table-survival")[0]
    assert columns[4:8] == [f"% at {month} months (95 % CI)" for month in (6, 12, 24, 60)]


def test_survival_stops_where_few_remain_at_risk(page: str) -> None:
    rows = cells_of(page, "table-survival")
    group = next(row for row in rows if row[0] == "All confirmed DLMs resected")
    assert group[4] == "80.0 (60.0–90.0)" and group[7] == "–"


def test_models_of_several_covariates_come_with_method_and_formula(page: str) -> None:
    rows = cells_of(page, "table-cox-models")
    lines = [row[0] for row in rows if len(row) > 1][1:]
    assert lines == ["Resection group", "Age", "Overall survival"]
    assert rows[-1][1] == "Not estimable: 15 events for 4 covariates"
    assert "lifelines 0.30.3; model Surv ~ x" in page
    assert "推定不能" in page


def test_the_comparison_stands_beside_its_sensitivity_analyses(page: str) -> None:
    assert [row[:2] for row in cells_of(page, "table-comparison")[1:]] == [
        [f"Recurrence-free survival: {CONTRAST}"],
        ["confirmed DLMs", "1.42 (0.76–2.64)"],
        ["confirmed DLMs, resected R0 or R1", "1.38 (0.71–2.70)"],
        ["all DLMs", "–"],
        [f"Overall survival: {CONTRAST}"],
        ["confirmed DLMs", "1.25 (0.50–3.10)"],
    ]


def test_a_small_group_shows_no_survival(drawn: Path, tmp_path: Path) -> None:
    warehouse = fake_warehouse(smaller_group=4)
    page = write_report(warehouse, drawn, tmp_path / "report.html", STAMP).read_text("utf-8")
    rows = cells_of(page, "table-survival")
    small = next(row for row in rows if row[0].startswith("At least one"))
    assert small[1] == "<5" and set(small[2:]) == {"–"}
    assert len(cells_of(page, "table-comparison")) == 1


def test_stewards_records_stay_out(page: str) -> None:
    assert "EU01-001" not in page and "12,x" not in page


def test_checks_are_counted_and_their_absence_is_said(
    page: str, drawn: Path, tmp_path: Path
) -> None:
    assert ["core.fct_read", "Warning", "1", "0", "1", "0", "0"] in cells_of(page, "table-checks")
    warehouse = fake_warehouse(with_gx=False)
    without = write_report(warehouse, drawn, tmp_path / "report.html", STAMP).read_text("utf-8")
    assert "not in this warehouse" in without


def test_the_made_up_warehouse_has_the_marts_columns() -> None:
    """What these tests read is what the models promise (time_to_event: what a curve needs)."""
    promised = {
        model["name"]: [column["name"] for column in model["columns"]]
        for path in (ROOT / "models").rglob("_*__models.yml")
        for model in yaml.safe_load(path.read_text("utf-8")).get("models", [])
    }
    made: dict[str, list[str]] = {}
    for table, column in (
        fake_warehouse()
        .execute(
            "select table_name, column_name from information_schema.columns"
            " where table_name not in ('gx_results') and table_schema not in ('reference', 'stats')"
            " order by ordinal_position"
        )
        .fetchall()
    ):
        made.setdefault(table, []).append(column)
    assert set(made.pop("time_to_event")) <= set(promised["time_to_event"])
    assert {table: sorted(columns) for table, columns in made.items()} == {
        table: sorted(promised[table]) for table in made
    }


def test_a_trial_without_lesions_or_times_still_makes_its_pages(tmp_path: Path) -> None:
    warehouse = fake_warehouse()
    for table in ("time_to_event", "km_curve", "km_summary", "survival_comparison"):
        warehouse.execute(f"delete from marts.{table}")
    warehouse.execute("delete from marts.modality_concordance where stratum <> 'overall'")
    warehouse.execute(
        "update marts.modality_concordance set n_lesions = 0, n_evaluable = 0, n_nonviable = 0,"
        " n_viable = 0, n_patients = 0, npv = null, clustered_lower = null, naive_lower = null"
    )
    warehouse.execute(
        "update marts.modality_concordance_sensitivity set estimate = null, lower_bound = null,"
        " upper_bound = null, p_value = null, reason = 'no evaluable lesion'"
    )
    warehouse.execute("drop table stats.npv_gee; drop table stats.literature_pooled")
    figures.draw_all(warehouse, tmp_path, STAMP)
    page = write_report(warehouse, tmp_path, tmp_path / "report.html", STAMP).read_text("utf-8")
    assert Outline(page).open == []
    assert "were not pooled in this build" in page
    told = {row[0]: row[1:] for row in cells_of(page, "table-sensitivity")}
    assert told["Bootstrap over patients"] == ["50/80", "–", "", "no evaluable lesion"]
    assert told["Resected: too few patients to show"] == []


@pytest.mark.parametrize("section", ["exclusion_reason", "level"])
def test_codes_that_the_models_allow_have_words(section: str) -> None:
    columns = {
        "exclusion_reason": ["not_operated_reason"],
        "level": ["sex", "primary_site", "ras_status", "resectability"],
    }[section]
    models = yaml.safe_load((ROOT / "models/core/_core__models.yml").read_text("utf-8"))["models"]
    patients = next(model for model in models if model["name"] == "dim_patient")
    allowed = next(
        test["values_within"]["arguments"]["values"]
        for test in patients["data_tests"]
        if "values_within" in test
    )
    codes = [code for column in columns for code in allowed[column]]
    assert [code for code in codes if wording(section, code) == plain(code.replace("_", " "))] == []


def test_no_key_of_the_wording_is_written_twice() -> None:
    text = (Path(figures.__file__).parents[1] / "assets" / "wording.yml").read_text(
        encoding="utf-8"
    )
    keys = [line for line in text.splitlines() if line and line[0] not in " #"]

    assert len(keys) == len(set(keys))
