"""The rule catalogue as a whole, and its thresholds."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import builds
import duckdb
import pytest

from dlm.errors import UsageError
from dlm.quality.thresholds import read_thresholds, rejudge

CATALOGUE = builds.PROJECT / "seeds" / "reference" / "ref_quality_rules.csv"
STATUSES = {"pass", "pass_with_rows", "warn", "fail", "not_applicable", "not_evaluated", "error"}


def catalogue() -> list[dict[str, str]]:
    with CATALOGUE.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def built(plain_build: dict[str, Any]) -> duckdb.DuckDBPyConnection:
    return duckdb.connect(plain_build["database"], read_only=True)


def test_every_rule_says_everything_in_both_languages() -> None:
    rules = catalogue()
    assert len(rules) >= 117
    assert len({rule["rule_id"] for rule in rules}) == len(rules)
    may_be_blank = {"form", "column_name"}
    for rule in rules:
        blank = [name for name, text in rule.items() if not text and name not in may_be_blank]
        assert blank == [], rule["rule_id"]
        for name in ("title", "description", "message", "action"):
            assert rule[f"{name}_en"].isascii() or "é" in rule[f"{name}_en"], rule["rule_id"]
            assert not rule[f"{name}_ja"].isascii(), rule["rule_id"]


def test_every_rule_of_the_catalogue_ran_and_no_other(built: duckdb.DuckDBPyConnection) -> None:
    """A rule without a predicate would end in an error; one without words in no row at all."""
    found = built.execute(
        "select distinct rule_id from quality.rule_results where status <> 'error'"
    ).fetchall()
    assert {rule_id for (rule_id,) in found} == {rule["rule_id"] for rule in catalogue()}
    counted = built.execute("select distinct rule_id from quality.rule_expectations").fetchall()
    assert {rule_id for (rule_id,) in counted} <= {rule["rule_id"] for rule in catalogue()}


def test_a_kind_of_check_is_given_to_great_expectations(built: duckdb.DuckDBPyConnection) -> None:
    by_kind = {rule["rule_id"] for rule in catalogue() if rule["check_kind"] != "sql"}
    made = built.execute("select distinct rule_id from quality.rule_expectations").fetchall()
    assert {rule_id for (rule_id,) in made} == by_kind


def test_results_are_counts_and_counts_are_violations(built: duckdb.DuckDBPyConnection) -> None:
    assert built.execute(
        "select count(*) from quality.rule_results as r full join "
        "(select rule_id, site_id, count(*) as n from quality.violations group by all) as v "
        "using (rule_id, site_id) where coalesce(v.n, 0) is distinct from r.n_violated"
    ).fetchall() == [(0,)]
    statuses = built.execute("select distinct status from quality.rule_results").fetchall()
    assert {status for (status,) in statuses} <= STATUSES


def test_a_site_that_sent_no_form_is_not_judged_by_it(built: duckdb.DuckDBPyConnection) -> None:
    """In the seeds every form is there, so no rule lacks one."""
    assert built.execute(
        "select count(*) from quality.rule_coverage where not is_covered"
    ).fetchall() == [(0,)]


def test_other_thresholds_judge_the_same_counts(
    built: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    before = rejudge(built, builds.PROJECT, {})
    assert before
    assert all(each.status == each.status_before for each in before)
    path = tmp_path / "thresholds.csv"
    path.write_text("rule_id,threshold_percent\nPT10,100\nLE08,0\n", encoding="utf-8")
    after = rejudge(built, builds.PROJECT, read_thresholds(path))
    changed = {each.rule_id for each in after if each.status != each.status_before}
    assert changed == {"PT10", "LE08"}
    assert {each.status for each in after if each.rule_id == "PT10"} <= {
        "pass",
        "pass_with_rows",
        "not_applicable",
    }
    assert "warn" in {each.status for each in after if each.rule_id == "LE08"}
    with pytest.raises(UsageError, match="XX99"):
        rejudge(built, builds.PROJECT, {"XX99": 1.0})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rule_id\nPT10\n", "no column threshold_percent"),
        ("rule_id,threshold_percent\nPT10,many\n", "line 2: threshold_percent is no number"),
        ("rule_id,threshold_percent\nPT10,101\n", "line 2: threshold_percent is no number"),
        ("rule_id,threshold_percent\nPT10,nan\n", "line 2: threshold_percent is no number"),
        ("rule_id,threshold_percent\nPT10,1\nPT10,2\n", "line 3: name each rule once"),
    ],
)
def test_wrong_thresholds_are_refused(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "thresholds.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=said):
        read_thresholds(path)
