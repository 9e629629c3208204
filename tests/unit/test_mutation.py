"""Mutation run: each rule finds the fault planted for it, names its record, and nothing else.

Clean synthetic trials get one fault of each kind at random places. ``--mutation-seeds N`` draws N
trials instead of two, and each without a fault too:

    python -m pytest tests/unit/test_mutation.py --mutation-seeds 8
"""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path
from typing import Any

import builds
import duckdb
import mutation
import pandas as pd
import pytest
import rule_harness

from dlm.quality.checks import check_suites
from dlm.quality.suites import Suite, load_suites
from dlm.synthetic.common import FORMS
from dlm.synthetic.fault_kinds import FAULT_KINDS, FAULTS

FILES = ("delivery", "change")
DERIVED = [
    name for name in {one["name"] for one in rule_harness.inputs()} if name not in (*FORMS, *FILES)
]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One trial per seed, with faults; without any as well when more seeds are asked for."""
    faulty, clean = builds.mutation_trials(metafunc.config.getoption("--mutation-seeds"))
    if "trial" in metafunc.fixturenames:
        metafunc.parametrize("trial", faulty, indirect=True)
    if "clean_trial" in metafunc.fixturenames:
        metafunc.parametrize("clean_trial", clean, indirect=True)


@pytest.fixture
def trial(mutated: dict[str, Any], request: pytest.FixtureRequest) -> Path:
    return Path(mutated["folder"]) / request.param


@pytest.fixture
def clean_trial(mutated: dict[str, Any], request: pytest.FixtureRequest) -> Path:
    return Path(mutated["folder"]) / request.param


def rows(trial: Path, query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(trial / "work.duckdb"), read_only=True) as connection:
        return connection.execute(query).fetchall()


def truth(trial: Path) -> list[dict[str, str]]:
    path = trial / "delivery" / "truth" / "findings.csv"
    with path.open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle, strict=True))


def test_every_fault_is_found_and_nothing_else(trial: Path) -> None:
    wanted = Counter(
        ("GN04", row["source"])
        # Of exact duplicates a file is told, not each record.
        if row["rule_id"] == "GN04"
        else (row["rule_id"], row["form"], row["record_key"], row["column_name"])
        for row in truth(trial)
    )
    n_lines = len((trial / "delivery" / mutation.JOINED).read_bytes().splitlines())
    wanted |= {
        ("DL10", "outcome", f"{mutation.JOINED}|line {line}", ""): 1
        for line in range(n_lines - mutation.N_JOINED + 1, n_lines + 1)
    }
    query = (
        "select rule_id, coalesce(form, ''), record_key, coalesce(column_name, ''), source "
        "from quality.violations"
    )
    # What a whole site is told is statistics: in so small a trial some sites differ by chance.
    found = Counter(
        ("GN04", source) if rule_id == "GN04" else (rule_id, *named)
        for rule_id, *named, source in rows(trial, query)
        if rule_id not in rule_harness.ids_of("site")
    )
    assert sorted((wanted - found).elements()) == [], "planted and not found"
    assert sorted((found - wanted).elements()) == [], "found and not planted"


def test_a_clean_trial_has_no_finding(clean_trial: Path) -> None:
    assert truth(clean_trial) == []
    query = "select rule_id, record_key, evidence from quality.violations where severity <> 'S4'"
    assert rows(clean_trial, query) == []


def test_a_finding_quotes_its_values_and_its_line(trial: Path) -> None:
    query = (
        "select distinct rule_id from quality.violations "
        "where evidence is null or file is null or line is null"
    )
    assert {rule_id for (rule_id,) in rows(trial, query)} <= rule_harness.ids_of(*DERIVED, *FILES)


def test_every_rule_has_a_row_for_every_site(trial: Path) -> None:
    places = "select rule_id, site_id from quality.rules cross join reference.ref_sites"
    assert rows(trial, f"{places} except select rule_id, site_id from quality.rule_results") == []
    assert rows(trial, "select * from quality.rule_results where status = 'error'") == []


def test_counts_agree_with_the_records(trial: Path) -> None:
    assert (
        rows(
            trial,
            "select rule_id, site_id, count(*) from quality.violations group by all "
            "except select rule_id, site_id, n_violated from quality.rule_results",
        )
        == []
    )
    impossible = "select * from quality.rule_results where n_violated > n_checked"
    assert rows(trial, impossible) == []


def test_every_kind_was_planted(mutated: dict[str, Any]) -> None:
    planted: set[str] = set()
    for folder in sorted(Path(mutated["folder"]).glob("all_*")):
        planted |= {row["kind"] for row in truth(folder)}
    assert planted == set(FAULT_KINDS)


def test_faults_and_rules_match(trial: Path) -> None:
    severity = dict(rows(trial, "select rule_id, severity from quality.rules"))
    blocking = {
        kind: "S1" in {severity[fault.rule_id], *(severity[one.rule_id] for one in fault.follows)}
        for kind, fault in FAULTS.items()
    }
    assert blocking == {kind: fault.blocks for kind, fault in FAULTS.items()}
    # What a record of a form can break has a fault; the rest is shown on fixtures.
    planted = {fault.rule_id for fault in FAULTS.values()}
    assert planted - {"GN04"} == rule_harness.ids_of(*FORMS)


def test_great_expectations_and_sql_find_the_same_records(mutated: dict[str, Any]) -> None:
    """Of every rule that Great Expectations guards too, table by table, on a faulted trial."""
    trial = Path(mutated["folder"]) / f"all_{builds.FIRST_SEED}"
    with duckdb.connect(str(trial / "work.duckdb"), read_only=True) as connection:
        suites = [suite for suite in load_suites(connection) if suite.layer in ("staging", "core")]
        run, validated = check_suites(connection, suites)
        assert {result.status for result in run.results} <= {"pass", "warn", "fail"}
        by_name = {suite.table: suite for suite in suites}
        n_compared, n_found = 0, 0
        for checked, outcome in validated:
            suite = by_name[checked.name]
            expected: dict[str, set[tuple[str, ...]]] = {}
            for evr in outcome.results:
                if "element_count" not in evr.result:
                    continue  # of the table as a whole, which no record breaks
                named = expected.setdefault(evr.expectation_config.meta["rule_id"], set())
                for row in evr.result.get("unexpected_index_list") or []:
                    named.add(tuple(written(row[key]) for key in suite.keys))
            for rule_id, named in expected.items():
                assert named == found_by_sql(connection, suite, rule_id), (suite.table, rule_id)
                n_compared += 1
                n_found += len(named)
    assert n_compared > 100
    assert n_found > 20


def found_by_sql(
    connection: duckdb.DuckDBPyConnection, suite: Suite, rule_id: str
) -> set[tuple[str, ...]]:
    """What names the records of a table that a rule's predicate finds, as the suite names them."""
    table = suite.table.partition(".")[2]
    keys = ", ".join(f"records.{key}" for key in suite.keys)
    if suite.layer == "staging":
        _, source, form = table.replace("__", "_").split("_")
        query = (
            f"select {keys} from {suite.table} as records semi join quality.violations as found "
            f"on found.rule_id = '{rule_id}' and found.form = '{form}' "
            f"and found.source = '{source}' and found.record_key = records.record_key"
        )
    else:
        rule = next(r for name, r in rule_harness.rules() if name == table and r["id"] == rule_id)
        call = rule_harness.macros()
        if any(check["kind"] == "unique" for check in rule["checks"]):
            # A key of core that is not its own would have failed the build's data tests.
            found = "select count(*) from quality.violations where rule_id = ?"
            assert connection.execute(found, [rule_id]).fetchall() == [(0,)]
            return set()
        applies, violated = call["rule_applies"](rule), call["rule_violated"](rule)
        query = f"select {keys} from {suite.table} as records where ({applies}) and ({violated})"
        told = "select count(*) from quality.violations where rule_id = ?"
        n_told = connection.execute(told, [rule_id]).fetchall()
        assert n_told == connection.execute(f"select count(*) from ({query})").fetchall(), rule_id
    return {tuple(map(written, row)) for row in connection.execute(query).fetchall()}


def written(value: Any) -> str:
    """A key as text, whichever of pandas and DuckDB tells it."""
    if pd.isna(value):
        return ""
    if isinstance(value, float):
        return str(int(value))
    return str(value)[:10] if hasattr(value, "year") else str(value)
