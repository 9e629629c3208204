"""The report's tables of imaging accuracy: other methods, measures, differences, pooled series."""

from __future__ import annotations

import duckdb

from dlm.accuracy import (
    PARTS,
    read_accuracy,
    read_differences,
    read_models,
    read_sensitivity,
)
from dlm.concordance import Key
from dlm.disclosure import Mark, show
from dlm.marts import Row, confidence, has_table, rows
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

_MODELS = {
    "npv_gee": Text(
        "Generalised estimating equations, exchangeable",
        "一般化推定方程式（GEE、交換可能な相関構造）",
    ),
    "npv_bootstrap": Text(
        "Bootstrap over patients, bias-corrected and accelerated",
        "患者単位のブートストラップ（BCa法）",
    ),
}
_MEASURES = ("sensitivity", "specificity", "ppv", "npv")
_HIDDEN = Text("too few patients to show", "症例数が少なく非表示")


def sensitivity(connection: duckdb.DuckDBPyConnection) -> Table:
    """The primary endpoint by every other method, and of resected and left lesions apart."""
    found = read_sensitivity(connection)
    models = {table: read_models(connection, table) for table in _MODELS}
    level = confidence(connection)
    lines: list[Line] = []
    for key in PARTS:
        if key not in found:
            title = _part(key)
            lines.append(Line(Text(f"{title.en}: {_HIDDEN.en}", f"{title.ja}：{_HIDDEN.ja}")))
            continue
        lines.append(Line(_part(key)))
        for row in found[key]:
            lines.append(Line(_method(row), _sensitivity_cells(row), indent=1))
            if row["method"] == "bootstrap":
                lines += [
                    Line(_MODELS[table], _model_cells(own[key]), indent=1)
                    for table, own in models.items()
                    if key in own
                ]
    return Table(
        "table-sensitivity",
        Text(
            "Lesions gone on CT and MRI without viable tumour, by other methods",
            "CT・MRIとも消失した病変の残存なしの割合：他の方法による感度分析",
        ),
        (
            Text("Method", "方法"),
            Text("n/N", "n/N"),
            Text(f"% nonviable ({level} CI, or bounds)", f"残存なし%（{level}信頼区間または限界）"),
            Text("p (one-sided)", "p値（片側）"),
            Text("Remark", "備考"),
        ),
        tuple(lines),
        texts=frozenset({4}),
        note=Text(
            "N: lesions, or patients where the method says so. Bounds: the share if every lesion "
            "that is not evaluable were viable, to the share if every one were nonviable; in "
            f"brackets the {level} interval around both. Resected lesions are judged by "
            "pathology, left ones by follow-up. Formulas and references are in "
            "marts.modality_concordance_sensitivity.",
            "N：病変数（患者単位の方法では患者数）。限界：評価不能病変をすべて残存ありとした割合"
            f"から、すべて残存なしとした割合まで（角括弧内は両端を含む{level}信頼区間）。切除病変は"
            "病理、温存病変は経過観察で判定。式と文献はmarts.modality_concordance_sensitivityにある。",
        ),
    )


def measures(connection: duckdb.DuckDBPyConnection) -> Table:
    """Sensitivity, specificity and predictive values, from `marts.modality_accuracy`."""
    found = {
        (row["test"], row["stratum_value"], row["measure"]): (row, mark)
        for row, mark in read_accuracy(connection)
    }
    level = confidence(connection)
    lines: list[Line] = []
    for test in _in_order("test", {key[0] for key in found}):
        lines.append(Line(wording("test", test)))
        for part in _in_order("accuracy_stratum", {key[1] for key in found}):
            own = [found[(test, part, measure)] for measure in _MEASURES]
            lines.append(
                Line(
                    _stratum(part),
                    tuple(plain(_measure(row, mark)) for row, mark in own),
                    indent=1,
                )
            )
    return Table(
        "table-accuracy",
        Text(
            "Accuracy of each test against the reference standard",
            "参照基準に対する各検査の精度",
        ),
        (
            Text("Test and lesions", "検査と病変"),
            *(wording("measure", measure) for measure in _MEASURES),
        ),
        tuple(lines),
        texts=frozenset(),
        note=Text(
            f"%, with the counts and {level} intervals clustered by patient. Baseline lesions of "
            "operated patients that the test judged and whose truth is known, whatever the "
            "acquisition conditions; positive: seen, diseased: viable. –: not estimable, or too "
            "few patients to show. Sensitivity and specificity are not given for resected and "
            "left lesions apart, since what surgery did depended on what the tests said.",
            f"%、件数、患者内クラスターを考慮した{level}信頼区間。手術例の治療前病変のうち検査で"
            "判定され真の状態が判明しているもの（撮像条件は問わない）。陽性：可視、疾患あり：残存。"
            "–：推定不能、または症例数が少なく非表示。"
            "切除・温存の別は検査所見に左右されるため、感度・特異度は両者を分けて示さない。",
        ),
    )


def differences(connection: duckdb.DuckDBPyConnection) -> Table:
    """Differences of shares nonviable with patients in common, from `marts.modality_agreement`."""
    found = {
        (row["first"], row["second"], row["stratum_value"]): (row, mark)
        for row, mark in read_differences(connection)
    }
    level = confidence(connection)
    lines: list[Line] = []
    for first, second in dict.fromkeys(sorted((key[:2] for key in found), key=_places)):
        names = wording("population", first), wording("population", second)
        lines.append(
            Line(Text(f"{names[1].en}, against {names[0].en}", f"{names[1].ja} 対 {names[0].ja}"))
        )
        lines += [
            Line(_stratum(part), _difference(*found[(first, second, part)]), indent=1)
            for part in _in_order("accuracy_stratum", {key[2] for key in found})
        ]
    return Table(
        "table-differences",
        Text(
            "Differences in the share nonviable between imaging groups",
            "画像所見群間の残存なしの割合の差",
        ),
        (
            Text("Groups and lesions", "群と病変"),
            Text("Patients", "患者"),
            Text("First, %", "前者%"),
            Text("Second, %", "後者%"),
            Text(f"Difference, points ({level} CI)", f"差（ポイント、{level}信頼区間）"),
            Text("p (exploratory)", "p値（探索的）"),
        ),
        tuple(lines),
        note=Text(
            "The groups share patients, or one lies within the other: difference of two ratios, "
            "linearised over patients (t, patients less one). First: the group named after "
            "“against”. –: not estimable, or too few patients to show.",
            "両群は患者を共有するか、一方が他方に含まれるため、2つの比の差を患者単位で線形化した"
            "（t分布、自由度は患者数−1）。前者：「対」の後の群。–：推定不能、または症例数が少なく非表示。",
        ),
    )


def pooled(connection: duckdb.DuckDBPyConnection) -> Table | None:
    """Earlier series pooled, from `stats.literature_pooled`; None when it was not run."""
    if not has_table(connection, "stats", "literature_pooled"):
        return None
    found = rows(connection, "select * from stats.literature_pooled order by all")
    level = confidence(connection)
    lines = []
    for row in found:
        if row["unit"] is None:
            continue
        unit, part = wording("pooled_unit", row["unit"]), wording("pooled_part", row["stratum"])
        lines.append(
            Line(
                Text(f"{unit.en}, {part.en}", f"{unit.ja}、{part.ja}"),
                cells(
                    (
                        show(row["n_studies"]),
                        f"{row['nonviable']}/{row['evaluated']}",
                        percent_interval(row["pooled_share"], row["ci_lower"], row["ci_upper"])
                        if row["pooled_share"] is not None
                        else wording("not_estimable", row["reason"]),
                        _range(row["prediction_lower"], row["prediction_upper"]),
                        number(row["tau_squared"], 2),
                        percent(row["i_squared"], 0),
                        percent_interval(
                            row["trial_share"], row["trial_lower"], row["trial_upper"]
                        ),
                    )
                ),
            )
        )
    if not lines:
        return None
    return Table(
        "table-pooled",
        Text("Earlier series pooled, and this trial beside them", "既報の統合と本試験"),
        (
            Text("Counted and part", "単位と対象"),
            Text("Series", "報告数"),
            Text("n/N", "n/N"),
            Text(f"Mean % ({level} CI)", f"平均%（{level}信頼区間）"),
            Text(f"{level} for a new series", f"新たな報告の{level}予測区間"),
            Text("τ²", "τ²"),
            Text("I², %", "I²（%）"),
            Text(f"This trial, % ({level} CI)", f"本試験%（{level}信頼区間）"),
        ),
        tuple(lines),
        note=Text(
            f"{found[0]['method']}. A part is never pooled with its whole, nor patients with "
            "lesions. Index tests and standards differ between series, and their lesions are taken "
            "for independent. This trial: gone on CT and MRI, not in the mean.",
            "ロジットの変量効果メタ解析（Paule-Mandel法）。平均の区間はHartung-Knapp-Sidik-Jonkman法（尺度は1以上）、予測区間は"
            "Higgins-Thompson-Spiegelhalter法（t分布、自由度は報告数−2）。部分と全体、患者と病変は統合しない。"
            "検査と参照基準は報告により異なり、既報の病変は独立とみなした。本試験（CT・MRIとも消失）は平均に含めない。",
        ),
    )


def _in_order(section: str, codes: set[str]) -> list[str]:
    return sorted(codes, key=lambda code: (position(section, code), code))


def _places(populations: tuple[str, ...]) -> tuple[int, ...]:
    return tuple(position("population", name) for name in populations)


def _part(key: Key) -> Text:
    return _stratum(key.stratum_value)


def _stratum(value: str) -> Text:
    return wording("accuracy_stratum", value)


def _method(row: Row) -> Text:
    title = Text(row["title_en"], row["title_ja"])
    if row["hypotheses"] is None:
        return title
    null = row["hypotheses"].split(";")[0]
    return Text(f"{title.en}; {null}", f"{title.ja}、{null}")


def _sensitivity_cells(row: Row) -> tuple[Text, ...]:
    counts = f"{row['numerator']}/{row['denominator']}"
    if row["kind"] == "bounds":
        counts = f"{row['numerator']}–{row['numerator_upper']}/{row['denominator']}"
        outer = _range(row["outer_lower"], row["outer_upper"])
        inner = _range(row["lower_bound"], row["upper_bound"])
        share = f"{inner} [{outer}]" if outer != "–" else inner
    else:
        share = percent_interval(row["estimate"], row["lower_bound"], row["upper_bound"])
    reason = wording("not_estimable", row["reason"]) if row["reason"] else plain(" ")
    return cells((counts, share, p_value(row["p_value"]) if row["hypotheses"] else " ", reason))


def _model_cells(row: Row) -> tuple[Text, ...]:
    reason = wording("not_estimable", row["reason"]) if row["reason"] else plain(row["library"])
    return cells(
        (
            f"{row['n_nonviable']}/{row['n_evaluable']}",
            percent_interval(row["share"], row["lower_bound"], row["upper_bound"]),
            " ",
            reason,
        )
    )


def _measure(row: Row, mark: Mark) -> str:
    if mark is not Mark.SHOWN or row["estimate"] is None:
        return "–"
    share = percent_interval(row["estimate"], row["clustered_lower"], row["clustered_upper"])
    return f"{row['numerator']}/{row['denominator']}: {share}"


def _difference(row: Row, mark: Mark) -> tuple[Text, ...]:
    if mark is not Mark.SHOWN:
        return (DASH,) * 5
    difference = percent(row["difference"])
    if row["difference_lower"] is not None:
        ends = f"{percent(row['difference_lower'])} to {percent(row['difference_upper'])}"
        difference = f"{difference} ({ends})"
    return cells(
        (
            show(row["n_patients"]),
            percent(row["first_share"]),
            percent(row["second_share"]),
            difference,
            p_value(row["difference_p_value"]),
        )
    )


def _range(lower: float | None, upper: float | None) -> str:
    return "–" if lower is None or upper is None else f"{percent(lower)}–{percent(upper)}"
