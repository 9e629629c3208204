"""Core and the stewards' lists against the seeds' truth, which was derived without SQL."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import duckdb
import pytest

TRUTH = Path(__file__).parents[1] / "oracle" / "seeds_truth"
# Lesions of each population, and which of them are evaluable in it.
POPULATIONS = {
    "ct": ("is_dlm", "is_evaluable"),
    "ct_mri": ("is_confirmed_dlm", "is_evaluable"),
    "ct_gone_mri_visible": ("mri_group = 'mri_visible'", "is_evaluable"),
    "ct_mri_ceious": (
        "is_confirmed_dlm and ceious_verdict = 'not_visible'",
        "is_evaluable_ceious",
    ),
}
PATIENTS = {
    "registered": "true",
    "operated": "is_operated",
    "complete_preop_imaging": "is_operated and has_complete_preop_imaging",
    "dlm": "has_dlm",
    "confirmed_dlm": "has_confirmed_dlm",
    "evaluable_confirmed_dlm": "has_evaluable_confirmed_dlm",
    "all_resected": "resection_group = 'all_resected'",
    "some_left": "resection_group = 'some_left'",
    "neither": "has_confirmed_dlm and resection_group is null",
}
# The quality table that lists each kind of fault. A publishable trial holds no orphan.
LISTED_IN = {
    "conflicting_duplicate": "conflicting_duplicates",
    "read_twice": "conflicting_duplicates",
    "impossible_date": "unreadable_values",
    "number_as_text": "unreadable_values",
}
LISTS = ("orphan_records", "conflicting_duplicates", "unreadable_values")


@pytest.fixture(scope="module")
def database(plain_build: dict[str, Any]) -> duckdb.DuckDBPyConnection:
    assert plain_build["code"] == 0, plain_build["said"]
    return duckdb.connect(plain_build["database"], read_only=True)


@pytest.fixture(scope="module")
def truth() -> dict[str, str]:
    with (TRUTH / "endpoints.csv").open(encoding="utf-8", newline="") as handle:
        return {row["name"]: row["value"] for row in csv.DictReader(handle, strict=True)}


def count(database: duckdb.DuckDBPyConnection, what: str, table: str, condition: str) -> int:
    query = f"select count({what}) from core.{table} where {condition}"
    return int(database.execute(query).fetchall()[0][0])


@pytest.mark.parametrize("step", PATIENTS)
def test_patients(step: str, database: duckdb.DuckDBPyConnection, truth: dict[str, str]) -> None:
    counted = count(database, "*", "dim_patient", PATIENTS[step])
    assert counted == int(truth[f"flow.{step}.patients"])


@pytest.mark.parametrize("population", POPULATIONS)
def test_populations(
    population: str, database: duckdb.DuckDBPyConnection, truth: dict[str, str]
) -> None:
    member, evaluable = POPULATIONS[population]
    nonviable = f"{member} and {evaluable} and reference_verdict = 'nonviable'"
    counted = {
        "n_lesions": count(database, "*", "fct_lesion", member),
        "n_evaluable": count(database, "*", "fct_lesion", f"{member} and {evaluable}"),
        "n_nonviable": count(database, "*", "fct_lesion", nonviable),
    }
    for what, number in counted.items():
        assert number == int(truth[f"concordance.{population}.{what}"]), what


@pytest.mark.parametrize("column", ["disposition", "reference_reason", "not_evaluable_reason"])
def test_reasons_of_confirmed_dlms(
    column: str, database: duckdb.DuckDBPyConnection, truth: dict[str, str]
) -> None:
    found = database.execute(
        f"select {column}, count(*) from core.fct_lesion "
        f"where is_confirmed_dlm and {column} is not null group by {column}"
    ).fetchall()
    prefix = f"confirmed_dlm.{column}."
    meant = {name.removeprefix(prefix): n for name, n in truth.items() if name.startswith(prefix)}
    assert {value: str(n) for value, n in found} == meant


def test_planted_findings_are_listed(database: duckdb.DuckDBPyConnection) -> None:
    with (TRUTH / "findings.csv").open(encoding="utf-8", newline="") as handle:
        findings = [row for row in csv.DictReader(handle, strict=True) if row["planted"] == "yes"]
    listed = {
        table: {
            tuple(row)
            for row in database.execute(f"select form, record_key from quality.{table}").fetchall()
        }
        for table in LISTS
    }
    meant: dict[str, set[tuple[str, ...]]] = {table: set() for table in listed}
    for finding in findings:
        if finding["kind"] in LISTED_IN:
            meant[LISTED_IN[finding["kind"]]].add((finding["form"], finding["record_key"]))
    assert listed == meant
