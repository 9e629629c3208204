"""Judge what the rules counted by other thresholds, without checking any record again.

How a count becomes a status is said once, in ``models/quality/rules/rule_results.sql``; that file
uses nothing of dbt but ``ref``, so it is rendered here over the published tables.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dlm.errors import UsageError

if TYPE_CHECKING:
    import duckdb

MODEL = Path("models") / "quality" / "rules" / "rule_results.sql"
_COLUMNS = ("rule_id", "threshold_percent")


@dataclass(frozen=True)
class Judgement:
    """One rule at one site, as published and by the other thresholds.

    Attributes:
        percent: share violated, in percent; None where the rule did not run.
        status_before: as published.
        status: by the thresholds given.
    """

    rule_id: str
    site_id: str
    n_violated: int
    n_checked: int
    percent: float | None
    threshold_before: float
    threshold: float
    status_before: str
    status: str


def read_thresholds(path: Path) -> dict[str, float]:
    """Thresholds in percent by rule, from a CSV file with the columns rule_id, threshold_percent.

    Raises:
        UsageError: the file cannot be read, names a rule twice or holds no percentage.
    """
    thresholds: dict[str, float] = {}
    if not path.is_file():
        raise UsageError(f"there is no file {path}")
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            if missing := set(_COLUMNS) - set(reader.fieldnames or ()):
                raise UsageError(f"{path} has no column {', '.join(sorted(missing))}")
            for row in reader:
                rule_id = (row["rule_id"] or "").strip()
                where = f"{path}, line {reader.line_num}"
                if not rule_id or rule_id in thresholds:
                    raise UsageError(f"{where}: name each rule once")
                thresholds[rule_id] = _percentage(row["threshold_percent"], where)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{path} cannot be read as a UTF-8 CSV file: {error}") from None
    return thresholds


def _percentage(text: str | None, where: str) -> float:
    try:
        value = float(text or "")
    except ValueError:
        value = -1.0
    if not 0 <= value <= 100:
        raise UsageError(f"{where}: threshold_percent is no number from 0 to 100")
    return value


def rejudge(
    connection: duckdb.DuckDBPyConnection, project: Path, thresholds: Mapping[str, float]
) -> list[Judgement]:
    """Every rule and site by other thresholds, in the order of rule and site.

    Args:
        connection: on a warehouse with quality.rules, rule_counts and rule_results; only read from.
        project: the project's folder.
        thresholds: in percent by rule; a rule that is not named keeps its own.

    Raises:
        UsageError: a rule is not in the catalogue.
    """
    known = {rule for (rule,) in connection.execute("select rule_id from quality.rules").fetchall()}
    if unknown := set(thresholds) - known:
        raise UsageError(f"not in the catalogue of rules: {', '.join(sorted(unknown))}")
    connection.execute("create or replace temp table given (rule_id varchar, percent double)")
    if thresholds:
        connection.executemany("insert into given values (?, ?)", sorted(thresholds.items()))
    connection.execute(
        "create or replace temp view judged_rules as "
        "select r.* replace (coalesce(g.percent, r.threshold_percent) as threshold_percent) "
        "from quality.rules as r left join given as g on r.rule_id = g.rule_id"
    )
    rows = connection.execute(
        f"with judged as ({_model(project)}) "
        "select j.rule_id, j.site_id, j.n_violated, j.n_checked, j.percent, "
        "p.threshold_percent, j.threshold_percent, p.status, j.status "
        "from judged as j inner join quality.rule_results as p "
        "on j.rule_id = p.rule_id and j.site_id = p.site_id order by 1, 2"
    ).fetchall()
    return [Judgement(*row) for row in rows]


def _model(project: Path) -> str:
    """SQL of the model over the published counts and the rules with the thresholds given."""
    import jinja2

    relations = {"rule_counts": "quality.rule_counts", "rules": "judged_rules"}
    source = (project / MODEL).read_text(encoding="utf-8")
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=False)
    return environment.from_string(source).render(ref=relations.__getitem__)
