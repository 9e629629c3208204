"""The report's table of the Cox models with several covariates, from `stats.cox_multivariable`."""

from __future__ import annotations

import duckdb

from dlm.marts import confidence, has_table, rows
from dlm.report.tables import DASH, Line, Table, cells, number, p_value
from dlm.wording import Text, wording

_PLACES = {
    term: place
    for place, term in enumerate(("some_left", "age_decades", "n_lesions", "synchronous"))
}


def multivariable(connection: duckdb.DuckDBPyConnection) -> Table | None:
    """One line per covariate of each endpoint's model, or why there is none; None if not run."""
    if not has_table(connection, "stats", "cox_multivariable"):
        return None
    found = rows(connection, "select * from stats.cox_multivariable")
    order = {"RFS": 0, "OS": 1}
    found.sort(
        key=lambda row: (order.get(row["paramcd"], 2), _PLACES.get(row["term"], len(_PLACES)))
    )
    lines: list[Line] = []
    for paramcd in dict.fromkeys(row["paramcd"] for row in found):
        own = [row for row in found if row["paramcd"] == paramcd]
        title = wording("endpoint", paramcd)
        if own[0]["status"] != "estimated":
            reason = wording("not_estimable", own[0]["status"])
            why = f"{reason.en}: {own[0]['reason']}"
            lines.append(Line(title, (Text(why, f"{reason.ja}：{own[0]['reason']}"), *[DASH] * 3)))
            continue
        lines.append(Line(title))
        lines += [
            Line(
                wording("covariate", row["term"]),
                cells(
                    (
                        wording("covariate_contrast", row["term"]),
                        f"{number(row['hazard_ratio'], 2)} "
                        f"({number(row['hr_lower'], 2)}–{number(row['hr_upper'], 2)})",
                        p_value(row["p_value"]),
                        p_value(row["ph_p_value"]),
                    )
                ),
                indent=1,
            )
            for row in own
        ]
    said, level = found[0], confidence(connection)
    return Table(
        "table-cox-models",
        Text(
            "Cox models with several covariates (exploratory)",
            "多変量Coxモデル（探索的）",
        ),
        (
            Text("Endpoint and covariate", "評価項目と共変量"),
            Text("Contrast", "比較"),
            Text(f"Hazard ratio ({level} CI)", f"ハザード比（{level}信頼区間）"),
            Text("p (exploratory)", "p値（探索的）"),
            Text("p, proportional hazards", "比例ハザード性のp値"),
        ),
        tuple(lines),
        texts=frozenset({1}),
        note=Text(
            f"Method: {said['method']}. Computed by {said['library']}; model {said['formula']}. "
            "Patients with a confirmed DLM and complete covariates. A small p value in the last "
            "column speaks against one hazard ratio for the whole time.",
            "方法：Cox比例ハザードモデル（同順位はEfron法、Wald信頼区間）。比例ハザード性は、尺度化"
            "Schoenfeld残差とイベント時点の順位との相関による検定（Grambsch・Therneau 1994）。"
            f"計算：{said['library']}、モデル式：{said['formula']}。対象は確定DLMを有し共変量に"
            "欠測のない患者。最終列のp値が小さい場合、全期間を通じて一定のハザード比という仮定は"
            "疑わしい。",
        ),
    )
