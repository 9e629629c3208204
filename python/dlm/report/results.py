"""The report's tables of results, each from one mart, with small cells hidden."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence

import duckdb

from dlm import disclosure
from dlm.concordance import PRIMARY, Entry, Key, read_concordance
from dlm.disclosure import Mark, is_small, protect, show
from dlm.marts import Row, confidence, rows, settings
from dlm.patient_flow import PARTS, REASONS, Step, read_flow
from dlm.report.tables import (
    DASH,
    Line,
    Table,
    cells,
    number,
    p_value,
    percent,
    percent_interval,
)
from dlm.wording import Text, plain, position, wording

CONF_TYPE = "log-log"
UNDIVIDED = "all"
GROUPS = ("all_resected", "some_left")
ENDPOINTS = ("RFS", "OS")
GROUPINGS = ("resection_group", "resection_group_r0_r1", "resection_group_by_dlm")
"""How the resection groups are formed: the trial's way, then its sensitivity analyses."""
SMALL_CELLS = Text(
    "<5: a count of 1 to 4 patients, or a cell that would reveal one. –: withheld for the same "
    "reason, or not estimable.",
    "<5：1〜4例、またはそれを明らかにするセル。–：同じ理由による非表示、または推定不能。",
)
# Columns of Table 1: analysis set and group.
_COHORTS = (
    ("registered", "overall"),
    ("operated", "overall"),
    ("dlm", "overall"),
    ("confirmed_dlm", "overall"),
    ("confirmed_dlm", "all_resected"),
    ("confirmed_dlm", "some_left"),
)
_MISSING = "(missing)"

Cell = tuple[tuple[str, str], str, str]


def tiles(connection: duckdb.DuckDBPyConnection) -> list[tuple[Text, Text]]:
    """The trial in numbers: a figure and what it is, from the flow, concordance and survival."""
    flow = {step.name: step for step in read_flow(connection)}
    shown = []
    for step in ("registered", "operated"):
        if step in flow:
            shown.append((plain(flow[step].patients), _patients_of(step)))
    for step in ("dlm", "confirmed_dlm", "evaluable_confirmed_dlm"):
        if step in flow:
            shown.append((plain(flow[step].lesions), _lesions_of(step, flow[step])))
    primary = read_concordance(connection)[Key(PRIMARY, "overall", "all")].row
    limit = float(settings(connection)["npv_threshold"])
    level = confidence(connection)
    interval = f"{percent(primary['clustered_lower'])}–{percent(primary['clustered_upper'])}"
    shown.append(
        (
            plain(f"{percent(primary['npv'])} %"),
            Text(
                f"nonviable ({level} CI {interval}); primary endpoint, prespecified threshold "
                f"{percent(limit, 0)} %",
                f"腫瘍細胞残存なしの割合（{level}信頼区間 {interval}）。主要評価項目、"
                f"事前規定の閾値 {percent(limit, 0)} %",
            ),
        )
    )
    for paramcd in ENDPOINTS:
        for group, (row, mark) in _survival_rows(connection, paramcd).items():
            if group in GROUPS and mark is Mark.SHOWN:
                endpoint, name = wording("endpoint", paramcd), wording("group", group)
                median = _months(row["median_months"])
                value = (
                    Text(f"{median.en} months", f"{median.ja}か月")
                    if row["median_months"] is not None
                    else median
                )
                shown.append(
                    (
                        value,
                        Text(
                            f"median {endpoint.en.lower()}, {_lower(name.en)}",
                            f"{endpoint.ja}中央値、{name.ja}",
                        ),
                    )
                )
    return shown


def baseline(connection: duckdb.DuckDBPyConnection) -> Table:
    """Table 1, from `marts.baseline_characteristics`."""
    found = rows(
        connection,
        "select * from marts.baseline_characteristics order by characteristic_order, level_order",
    )
    by_cell: dict[Cell, Row] = {
        ((row["analysis_set"], row["group_name"]), row["characteristic"], row["level"]): row
        for row in found
    }
    cohorts = [cohort for cohort in _COHORTS if any(cell[0] == cohort for cell in by_cell)]
    sizes = {cell[0]: row["n_total"] for cell, row in by_cell.items()}
    marks = _mark_baseline(by_cell, cohorts, sizes)
    lines: list[Line] = []
    for characteristic in dict.fromkeys(row["characteristic"] for row in found):
        title = wording("characteristic", characteristic)
        here = [row for row in found if row["characteristic"] == characteristic]
        if here[0]["statistic"] == "median_iqr":
            lines.append(
                Line(
                    Text(f"{title.en}: median (IQR)", f"{title.ja}：中央値（四分位範囲）"),
                    tuple(
                        _median(
                            by_cell.get((cohort, characteristic, here[0]["level"])),
                            marks[(cohort, "", "")],
                        )
                        for cohort in cohorts
                    ),
                )
            )
            continue
        lines.append(Line(Text(f"{title.en}: n (%)", f"{title.ja}：例数（%）")))
        for level in dict.fromkeys(row["level"] for row in here):
            lines.append(
                Line(
                    wording("level", level),
                    tuple(
                        _count(
                            by_cell.get((cohort, characteristic, level)),
                            marks.get((cohort, characteristic, level), Mark.SHOWN),
                            marks.get((cohort, characteristic, _MISSING), Mark.SHOWN),
                        )
                        for cohort in cohorts
                    ),
                    indent=1,
                )
            )
        if any(row["n_missing"] for row in here):
            lines.append(
                Line(
                    Text("Missing", "欠測"),
                    tuple(
                        plain(
                            show(
                                _missing(by_cell, cohort, characteristic),
                                marks[(cohort, characteristic, _MISSING)],
                            )
                        )
                        for cohort in cohorts
                    ),
                    indent=1,
                )
            )
    return Table(
        "table-baseline",
        Text("Baseline characteristics", "患者背景"),
        (
            Text("Characteristic", "項目"),
            *(_cohort_title(cohort, sizes[cohort], marks[(cohort, "", "")]) for cohort in cohorts),
        ),
        tuple(lines),
        note=Text(
            f"Percentages are of patients with a known value. {SMALL_CELLS.en}",
            f"割合は値の判明している患者に対するもの。{SMALL_CELLS.ja}",
        ),
    )


def flow(connection: duckdb.DuckDBPyConnection) -> Table:
    """The flow of the figure as a table, from `marts.patient_flow`."""
    lines: list[Line] = []
    for step in read_flow(connection):
        for part in step.excluded:
            lines.append(
                Line(
                    _excluded(wording(REASONS, part.reason)),
                    cells((part.patients or " ", part.lesions or " ")),
                    indent=2,
                )
            )
        lines.append(
            Line(wording("flow_step", step.name), cells((step.patients, step.lesions)), strong=True)
        )
        for part in step.of_which:
            lines.append(
                Line(
                    wording(PARTS, part.reason),
                    cells((part.patients or " ", part.lesions or " ")),
                    indent=1,
                )
            )
    return Table(
        "table-flow",
        Text("Each step, and who was left out on the way to it", "各段階の対象と除外理由"),
        (Text("Step", "段階"), Text("Patients", "患者"), Text("Lesions", "病変")),
        tuple(lines),
        note=SMALL_CELLS,
    )


def concordance_overall(connection: duckdb.DuckDBPyConnection) -> Table:
    """The undivided rows of `marts.modality_concordance`."""
    found = read_concordance(connection)
    level = confidence(connection)
    lines = [
        Line(
            wording("population", key.population),
            cells(
                (
                    show(entry.row["n_lesions"]),
                    show(entry.row["n_evaluable"]),
                    show(entry.row["n_patients"]),
                    show(entry.row["n_nonviable"]),
                    show(entry.row["n_viable"]),
                    _npv(entry.row, "clustered"),
                    _naive(entry.row),
                    number(entry.row["design_effect"], 2),
                    number(entry.row["icc"], 2),
                )
            ),
            strong=key.population == PRIMARY,
        )
        for key, entry in found.items()
        if key.stratum == "overall"
    ]
    return Table(
        "table-concordance",
        Text(
            "Lesions without viable tumour by imaging group, all evaluable lesions",
            "画像所見別の腫瘍細胞残存なしの割合（評価可能病変全体）",
        ),
        (
            Text("Imaging group", "画像所見"),
            Text("Lesions", "病変"),
            Text("Evaluable", "評価可能"),
            Text("Patients", "患者"),
            Text("Nonviable", "残存なし"),
            Text("Viable or regrowth", "残存・再発"),
            Text(
                f"% nonviable ({level} CI, clustered)",
                f"残存なし%（{level}信頼区間、クラスター考慮）",
            ),
            Text(f"{level} CI, naive", f"{level}信頼区間（単純）"),
            Text("Design effect", "デザイン効果"),
            Text("ICC", "級内相関"),
        ),
        tuple(lines),
        note=Text(
            "Patients: with at least one evaluable lesion. Bold: primary endpoint.",
            "患者：評価可能病変を1つ以上有する例。太字：主要評価項目。",
        ),
    )


def concordance_strata(connection: duckdb.DuckDBPyConnection) -> Table:
    """The strata of `marts.modality_concordance`, by population."""
    found = read_concordance(connection)
    level = confidence(connection)
    groups: dict[tuple[str, str], dict[str, Entry]] = {}
    for key, entry in found.items():
        if key.stratum != "overall":
            groups.setdefault((key.population, key.stratum), {})[key.stratum_value] = entry
    lines: list[Line] = []
    for (population, stratum), entries in groups.items():
        title = Text(
            f"{wording('population', population).en}: {_lower(wording('stratum', stratum).en)}",
            f"{wording('population', population).ja}：{wording('stratum', stratum).ja}",
        )
        if not any(row["n_patients"] and mark is Mark.SHOWN for row, mark in entries.values()):
            lines.append(
                Line(
                    Text(
                        f"{title.en}: too few patients to show", f"{title.ja}：症例数が少なく非表示"
                    )
                )
            )
            continue
        lines.append(Line(title))
        lines += [
            Line(wording("stratum_value", value), _stratum_cells(entry), indent=1)
            for value, entry in entries.items()
        ]
    return Table(
        "table-strata",
        Text(
            "Lesions without viable tumour by imaging group and stratum",
            "画像所見・層別の腫瘍細胞残存なしの割合",
        ),
        (
            Text("Stratum", "層"),
            Text("Patients", "患者"),
            Text("Evaluable lesions", "評価可能病変"),
            Text("Nonviable", "残存なし"),
            Text(f"% ({level} CI, clustered)", f"%（{level}信頼区間、クラスター考慮）"),
            Text(f"{level} CI, naive", f"{level}信頼区間（単純）"),
        ),
        tuple(lines),
        note=SMALL_CELLS,
    )


def crosstab(connection: duckdb.DuckDBPyConnection) -> Table:
    """Verdict against truth by test, from `marts.modality_crosstab` (undivided; lesions)."""
    found = rows(connection, "select test, verdict, truth, n_lesions from marts.modality_crosstab")
    counts = {(row["test"], row["verdict"], row["truth"]): row["n_lesions"] for row in found}
    truths = ("nonviable", "viable", "indeterminate")
    lines: list[Line] = []
    for test in _in_order("test", {row["test"] for row in found}):
        lines.append(Line(wording("test", test)))
        for verdict in _in_order("verdict", {row["verdict"] for row in found}):
            here = [counts.get((test, verdict, truth), 0) for truth in truths]
            if any(here):
                lines.append(
                    Line(
                        wording("verdict", verdict),
                        cells([show(count) for count in here]),
                        indent=1,
                    )
                )
    return Table(
        "table-crosstab",
        Text(
            "What each test said against what was true: baseline lesions of operated patients",
            "各検査の所見と真の状態：手術例の治療前病変",
        ),
        (
            Text("Test and verdict", "検査と所見"),
            Text("Nonviable", "残存なし"),
            Text("Viable or regrowth", "残存・再発"),
            Text("Indeterminate", "判定不能"),
        ),
        tuple(lines),
    )


def agreement(connection: duckdb.DuckDBPyConnection) -> Table:
    """Agreement of tests and of readers, from `marts.modality_agreement`."""
    found = rows(
        connection,
        "select * from marts.modality_agreement where n_pairs > 0 order by kind desc, comparison,"
        " timepoint",
    )
    kinds = {
        "test": Text("Two tests on one lesion", "同一病変に対する2つの検査"),
        "reader": Text("Local against central read of one exam", "同一検査の施設読影と中央読影"),
    }
    level = confidence(connection)
    lines: list[Line] = []
    for kind in dict.fromkeys(row["kind"] for row in found):
        lines.append(Line(kinds.get(kind, plain(kind))))
        for row in found:
            if row["kind"] == kind:
                lines.append(
                    Line(
                        _comparison(row),
                        cells(
                            (
                                show(row["n_pairs"]),
                                show(row["n_both_visible"]),
                                show(row["n_first_only"]),
                                show(row["n_second_only"]),
                                show(row["n_both_not_visible"]),
                                percent(row["agreement"]),
                                _kappa(row),
                                p_value(row["obuchowski_p_value"]),
                                p_value(row["durkalski_p_value"]),
                            )
                        ),
                        indent=1,
                    )
                )
    return Table(
        "table-agreement",
        Text("Agreement between tests and between readers", "検査間・読影者間の一致"),
        (
            Text("Pair", "組"),
            Text("Pairs", "組数"),
            Text("Both seen", "両方可視"),
            Text("First only", "前者のみ"),
            Text("Second only", "後者のみ"),
            Text("Neither", "両方不可視"),
            Text("Agreement, %", "一致率（%）"),
            Text(f"Kappa ({level} CI)", f"κ（{level}信頼区間）"),
            Text("p, Obuchowski", "p値（Obuchowski）"),
            Text("p, Durkalski", "p値（Durkalski）"),
        ),
        tuple(lines),
        note=Text(
            "Agreement compares two observations with each other; the share nonviable compares an "
            "observation with the truth. Intervals allow for lesions of one patient being alike; p "
            "(exploratory): clustered McNemar tests that both see equally many, pairs (Obuchowski) "
            "or patients (Durkalski) weighing alike.",
            "一致率は2つの所見どうしの比較、残存なしの割合は所見と真の状態との比較である。信頼区間は患者内クラスターを"
            "考慮。p値（探索的）：両者の可視割合が等しいとするクラスター化McNemar検定（Obuchowskiは組、Durkalskiは"
            "患者を等しく重み付け）。",
        ),
    )


def survival(connection: duckdb.DuckDBPyConnection) -> Table:
    """Medians and landmark survival, from `marts.km_summary` (log-log intervals)."""
    days_per_month = float(settings(connection)["days_per_month"])
    months, level = _landmark_months(connection), confidence(connection)
    lines: list[Line] = []
    for paramcd in ENDPOINTS:
        lines.append(Line(wording("endpoint", paramcd)))
        for group, (row, _) in _survival_rows(connection, paramcd).items():
            lines.append(
                Line(
                    wording("group", group),
                    _survival_cells(connection, row, months, days_per_month),
                    indent=1,
                )
            )
    return Table(
        "table-survival",
        Text("Recurrence-free and overall survival", "無再発生存期間と全生存期間"),
        (
            Text("Group", "群"),
            Text("Patients", "患者"),
            Text("Events", "イベント"),
            Text(f"Median, months ({level} CI)", f"中央値、か月（{level}信頼区間）"),
            *(
                Text(f"% at {month} months ({level} CI)", f"{month}か月%（{level}信頼区間）")
                for month in months
            ),
            Text("Median follow-up, months", "追跡期間中央値、か月"),
        ),
        tuple(lines),
        texts=frozenset({3}),
        note=Text(
            "Kaplan-Meier, log-log intervals; follow-up by reverse Kaplan-Meier. All: every "
            "operated patient. Survival of a group is given while at least 5 of it are at risk. "
            + SMALL_CELLS.en,
            "Kaplan-Meier法、log-log信頼区間。追跡期間は逆Kaplan-Meier法。全例：手術例全体。"
            "群の生存割合はリスク集合が5例以上の時点のみ示す。" + SMALL_CELLS.ja,
        ),
    )


def comparison(connection: duckdb.DuckDBPyConnection) -> Table:
    """The exploratory comparison and its sensitivity, from `marts.survival_comparison`."""
    found = {
        (row["paramcd"], row["grouping"]): row
        for row in rows(connection, "select * from marts.survival_comparison")
    }
    level = confidence(connection)
    lines: list[Line] = []
    above: tuple[str, str | None] = ("", None)
    for paramcd, grouping in itertools.product(ENDPOINTS, GROUPINGS):
        # What divides a small group of the trial otherwise is about the same few patients.
        hidden = any(
            mark is not Mark.SHOWN
            for formed_by in (GROUPINGS[0], grouping)
            for _, mark in _survival_rows(connection, paramcd, formed_by).values()
        )
        if (paramcd, grouping) not in found or hidden:
            continue
        row = found[paramcd, grouping]
        ratio = (
            f"{number(row['hazard_ratio'], 2)} "
            f"({number(row['hr_lower'], 2)}–{number(row['hr_upper'], 2)})"
        )
        contrast = row["hr_contrast"]
        if above[0] != paramcd or contrast not in (None, above[1]):
            above = (paramcd, contrast)
            lines.append(Line(_compared(*above)))
        lines.append(
            Line(
                wording("grouping", grouping),
                cells(
                    (
                        DASH if row["hazard_ratio"] is None else ratio,
                        number(row["logrank_chi2"], 2),
                        show(row["df"]),
                        p_value(row["p_value"]),
                        p_value(row["stratified_p_value"]),
                    )
                ),
                indent=1,
            )
        )
    return Table(
        "table-comparison",
        Text(
            "Exploratory comparison of the resection groups",
            "切除群間の探索的比較",
        ),
        (
            Text("Groups formed by", "群の定義"),
            Text(f"Hazard ratio ({level} CI)", f"ハザード比（{level}信頼区間）"),
            Text("Log-rank χ²", "ログランクχ²"),
            Text("df", "自由度"),
            Text("p (exploratory)", "p値（探索的）"),
            Text("p, stratified by region", "p値（地域で層別）"),
        ),
        tuple(lines),
        note=Text(
            "Groups were formed by what surgery did, not by randomisation. Confirmed DLMs: the "
            "trial's groups; the others are its sensitivity analyses. p values are "
            "exploratory and not adjusted for multiplicity.",
            "群は手術内容によるもので無作為化ではない。確定DLMによる群が本試験の定義で、他は感度分析である。"
            "p値は探索的で、多重性の調整はしていない。",
        ),
    )


def _compared(paramcd: str, contrast: str | None) -> Text:
    """An endpoint and what is compared in it, over the lines that do."""
    endpoint = wording("endpoint", paramcd)
    if contrast is None:
        return endpoint
    groups = wording("contrast", contrast)
    return Text(f"{endpoint.en}: {groups.en}", f"{endpoint.ja}：{groups.ja}")


def published(connection: duckdb.DuckDBPyConnection) -> Table:
    """Every published claim beside what this build computes, from `marts.published_results`."""
    found = rows(connection, "select * from marts.published_results")
    lines: list[Line] = []
    for topic in _in_order("topic", {row["topic"] for row in found}):
        lines.append(Line(wording("topic", topic)))
        here = {row["claim_id"]: row for row in found if row["topic"] == topic}
        lines += [_claim(here[claim]) for claim in _in_order("claim", set(here))]
    return Table(
        "table-published",
        Text(
            "Each published figure and what this build computes",
            "公表された各数値と本ビルドの計算値",
        ),
        (
            Text("Claim", "記載"),
            Text("Published", "公表値"),
            Text("Computed", "計算値"),
            Text("n/N", "n/N"),
            Text("Status", "判定"),
            Text("Reason", "理由"),
        ),
        tuple(lines),
        texts=frozenset({4, 5}),
        note=Text(
            "A claim is reproduced when the computed value rounds to the printed decimals. Claims "
            "that contradict each other or themselves are kept and marked. Source: press release "
            "of 30 September 2025 and a co-author's summary.",
            "計算値が印刷された桁に丸めて一致すれば「再現」とする。互いに、またはそれ自体が矛盾する記載も残して明示する。"
            "出典：2025年9月30日付報道発表および共著者の要約。",
        ),
    )


def literature(connection: duckdb.DuckDBPyConnection) -> Table:
    """Earlier series with their sources, from `marts.literature_evidence`."""
    found = rows(
        connection,
        "select * from marts.literature_evidence where not is_this_trial"
        " order by unit, year, study, parent_stratum nulls first, stratum",
    )
    level = confidence(connection)
    lines: list[Line] = []
    for unit in dict.fromkeys(row["unit"] for row in found):
        lines.append(Line(wording("unit", unit)))
        for row in found:
            if row["unit"] == unit:
                stratum = wording("literature_stratum", row["stratum"])
                lines.append(
                    Line(
                        Text(
                            f"{row['study']} {row['year']}, {stratum.en}",
                            f"{row['study']} {row['year']}、{stratum.ja}",
                        ),
                        cells(
                            (
                                wording("index_test", row["index_test"]),
                                f"{row['nonviable']}/{row['evaluated']}",
                                percent_interval(
                                    row["proportion"], row["ci_lower"], row["ci_upper"]
                                ),
                                row["source"],
                            )
                        ),
                        indent=1,
                    )
                )
    return Table(
        "table-literature",
        Text("Earlier series", "既報"),
        (
            Text("Series", "報告"),
            Text("Index test", "検査"),
            Text("n/N", "n/N"),
            Text(f"% ({level} CI, naive)", f"%（{level}信頼区間、単純）"),
            Text("Source", "出典"),
        ),
        tuple(lines),
        texts=frozenset({1, 4}),
    )


def _patients_of(name: str) -> Text:
    step = wording("flow_step", name)
    return Text(f"patients {_lower(step.en)}", f"{step.ja}（例）")


def _lesions_of(name: str, step: Step) -> Text:
    title = {
        "dlm": Text("lesions gone on CT", "CTで消失した病変"),
        "confirmed_dlm": Text("lesions gone on CT and MRI", "CT・MRIとも消失した病変"),
    }.get(name, Text("of these lesions evaluable", "うち評価可能な病変"))
    return Text(f"{title.en}, in {step.patients} patients", f"{title.ja}（{step.patients}例）")


def _lower(text: str) -> str:
    """A label inside a sentence; abbreviations keep their capitals."""
    return text if text[:2].isupper() else text[:1].lower() + text[1:]


def _in_order(section: str, codes: set[str]) -> list[str]:
    return sorted(codes, key=lambda code: (position(section, code), code))


def _mark_baseline(
    by_cell: Mapping[Cell, Row],
    cohorts: Sequence[tuple[str, str]],
    sizes: Mapping[tuple[str, str], int],
) -> dict[Cell, Mark]:
    """Marks of every count of Table 1; the size of a column is under ("", "").

    What a reader can combine: the levels and the missing of a column add up to its size; the two
    resection groups and the few patients of neither to all with a confirmed DLM; and each of the
    sets is part of the one before.
    """
    counts: dict[Cell, int] = {(cohort, "", ""): sizes[cohort] for cohort in cohorts}
    listed = {cell[1] for cell, row in by_cell.items() if row["n_missing"]}
    for (cohort, characteristic, level), row in by_cell.items():
        if cohort in cohorts and row["statistic"] == "n_percent":
            counts[cohort, characteristic, level] = row["n"]
            if characteristic in listed:
                counts[cohort, characteristic, _MISSING] = row["n_missing"]
    order = list(counts)
    place = {cell: number for number, cell in enumerate(order)}
    down = [
        disclosure.Line(
            place[cohort, "", ""],
            tuple(place[cell] for cell in order if cell[:2] == (cohort, characteristic)),
        )
        for cohort in cohorts
        for characteristic in dict.fromkeys(cell[1] for cell in order if cell[1])
    ]
    whole, *groups = _COHORTS[3:]
    across = []
    if all(cohort in cohorts for cohort in (whole, *groups)):
        rest = sizes[whole] - sum(sizes[group] for group in groups)
        across = [
            disclosure.Line(
                place[cell], tuple(place[group, cell[1], cell[2]] for group in groups), rest
            )
            for cell in order
            if cell[0] == whole and all((group, *cell[1:]) in place for group in groups)
        ]
    nested = [
        disclosure.Subset(place[inner, *cell[1:]], place[cell])
        for outer, inner in itertools.pairwise(_COHORTS[:4])
        for cell in order
        if cell[0] == outer and (inner, *cell[1:]) in place
    ]
    marks = protect(
        [counts[cell] for cell in order],
        [*across, *down],
        exempt={place[cohort, "", ""] for cohort in cohorts if cohort[1] == "overall"},
        subsets=nested,
    )
    return dict(zip(order, marks, strict=True))


def _missing(by_cell: Mapping[Cell, Row], cohort: tuple[str, str], characteristic: str) -> int:
    return next(
        (row["n_missing"] for cell, row in by_cell.items() if cell[:2] == (cohort, characteristic)),
        0,
    )


def _cohort_title(cohort: tuple[str, str], size: int, mark: Mark) -> Text:
    analysis_set, group = cohort
    title = wording("analysis_set", analysis_set)
    if group != "overall":
        title = wording("group", group)
    return Text(
        f"{title.en}, n\u00a0=\u00a0{show(size, mark)}",
        f"{title.ja}、n\u00a0=\u00a0{show(size, mark)}",
    )


def _count(row: Row | None, mark: Mark, missing: Mark) -> Text:
    """A count and its percentage, which would tell how many are missing where that is hidden."""
    if row is None:
        return DASH
    if mark is not Mark.SHOWN or missing is not Mark.SHOWN:
        return plain(show(row["n"], mark))
    return plain(f"{show(row['n'])} ({number(row['percent'], 1)})")


def _median(row: Row | None, column: Mark) -> Text:
    if row is None or row["median"] is None or column is not Mark.SHOWN or is_small(row["n"]):
        return DASH
    return plain(f"{number(row['median'], 1)} ({number(row['q1'], 1)}–{number(row['q3'], 1)})")


def _excluded(reason: Text) -> Text:
    return Text(f"excluded: {_lower(reason.en)}", f"除外：{reason.ja}")


def _npv(row: Row, interval: str) -> str:
    return percent_interval(row["npv"], row[f"{interval}_lower"], row[f"{interval}_upper"])


def _naive(row: Row) -> str:
    if row["naive_lower"] is None or row["naive_upper"] is None:
        return "–"
    return f"{percent(row['naive_lower'])}–{percent(row['naive_upper'])}"


def _stratum_cells(entry: Entry) -> tuple[Text, ...]:
    row, mark = entry
    if mark is not Mark.SHOWN:
        return (plain(show(row["n_patients"], mark)), DASH, DASH, DASH, DASH)
    return cells(
        (
            show(row["n_patients"]),
            show(row["n_evaluable"]),
            show(row["n_nonviable"]),
            _npv(row, "clustered"),
            _naive(row),
        )
    )


def _kappa(row: Row) -> str:
    if row["kappa"] is None or row["kappa_lower"] is None:
        return number(row["kappa"], 2)
    return f"{row['kappa']:.2f} ({row['kappa_lower']:.2f} to {row['kappa_upper']:.2f})"


def _comparison(row: Row) -> Text:
    times = {
        "baseline": Text("baseline", "治療前"),
        "preop": Text("before surgery", "術前"),
        "intraop": Text("during surgery", "術中"),
        "preop and intraop": Text("before and during surgery", "術前と術中"),
        "followup": Text("follow-up", "術後"),
    }
    when = times.get(row["timepoint"], plain(row["timepoint"]))
    if row["kind"] == "test":
        pair = Text(f"{row['first']} – {row['second']}", f"{row['first']} – {row['second']}")
    else:
        modality = row["comparison"].split(":")[0]
        pair = Text(f"{modality}, local – central", f"{modality}、施設 – 中央")
    return Text(f"{pair.en}, {when.en}", f"{pair.ja}、{when.ja}")


def _survival_rows(
    connection: duckdb.DuckDBPyConnection, paramcd: str, grouping: str = GROUPINGS[0]
) -> dict[str, tuple[Row, Mark]]:
    """All operated patients and each group; a group of few patients is marked."""
    found = {
        row["group_value"]: row
        for row in rows(
            connection,
            "select * from marts.km_summary where paramcd = ? and conf_type = ?"
            " and grouping in ('overall', ?)",
            paramcd,
            CONF_TYPE,
            grouping,
        )
    }
    return {
        group: (found[group], _small_mark(found[group]["n"], group))
        for group in (UNDIVIDED, *GROUPS)
        if group in found
    }


def _landmark_months(connection: duckdb.DuckDBPyConnection) -> list[int]:
    """The landmarks of `marts.km_summary`, which has columns for each."""
    described = connection.execute("from marts.km_summary limit 0").description
    found = (re.fullmatch(r"survival_(\d+)m", str(column[0])) for column in described or [])
    return [int(landmark[1]) for landmark in found if landmark]


def _small_mark(count: int, group: str) -> Mark:
    return Mark.SMALL if group in GROUPS and is_small(count) else Mark.SHOWN


def _survival_cells(
    connection: duckdb.DuckDBPyConnection, row: Row, months: Sequence[int], days_per_month: float
) -> tuple[Text, ...]:
    """One row of the table; nothing is estimated in words where fewer than 5 remain at risk."""
    group = row["group_value"]
    size = plain(show(row["n"], _small_mark(row["n"], group)))
    events = plain(show(row["events"], _small_mark(row["events"], group)))
    if _small_mark(row["n"], group) is not Mark.SHOWN:
        return (size, *[DASH] * (len(months) + 3))
    landmarks = [
        DASH
        if group in GROUPS
        and _at_risk(connection, row, month * days_per_month) < disclosure.SMALLEST_SHOWN
        else plain(
            percent_interval(
                row[f"survival_{month}m"],
                row[f"survival_{month}m_lower"],
                row[f"survival_{month}m_upper"],
            )
        )
        for month in months
    ]
    days = row["followup_median_days"]
    follow_up = number(None if days is None else days / days_per_month, 1)
    return (size, events, _median_months(row), *landmarks, plain(follow_up))


def _at_risk(connection: duckdb.DuckDBPyConnection, row: Row, days: float) -> int:
    """Patients of a curve with a time of at least so many days, from `marts.km_curve`."""
    found = rows(
        connection,
        "select coalesce(max(n_risk), 0) as n from marts.km_curve where paramcd = ?"
        " and grouping = ? and group_value = ? and conf_type = ? and time_days >= ?",
        *(row[name] for name in ("paramcd", "grouping", "group_value", "conf_type")),
        days,
    )
    return int(found[0]["n"])


def _months(value: float | None) -> Text:
    return Text("not reached", "未到達") if value is None else plain(f"{value:.1f}")


def _median_months(row: Row) -> Text:
    median, lower, upper = (
        _months(row[name])
        for name in ("median_months", "median_lower_months", "median_upper_months")
    )
    return Text(f"{median.en} ({lower.en} to {upper.en})", f"{median.ja}（{lower.ja}〜{upper.ja}）")


def _claim(row: Row) -> Line:
    unit = wording("claim_unit", row["unit"]) if row["unit"] else plain("")
    share = " "
    if row["numerator"] is not None and row["denominator"] is not None:
        # The survival claims are of one resection group: patients, not lesions.
        hidden = row["topic"] == "survival" and (
            is_small(row["numerator"]) or is_small(row["denominator"])
        )
        share = "–" if hidden else f"{row['numerator']}/{row['denominator']}"
    pieces = [
        wording("claim_reason", piece) for piece in (row["reason"] or "").split("; ") if piece
    ]
    return Line(
        wording("claim", row["claim_id"]),
        cells(
            (
                _with_unit(row["published_value"], unit),
                _with_unit(row["computed_value"], unit),
                share,
                wording("claim_status", row["status"]),
                Text(
                    "; ".join(piece.en for piece in pieces), "；".join(piece.ja for piece in pieces)
                ),
            )
        ),
        indent=1,
    )


def _with_unit(value: str | None, unit: Text) -> Text:
    if value is None:
        return DASH
    words = {
        "not reached": Text("not reached", "未到達"),
        "none": Text("none", "なし"),
    }
    if value in words:
        return words[value]
    return Text(f"{value} {unit.en}".strip(), f"{value}{' ' if unit.ja == '%' else ''}{unit.ja}")
