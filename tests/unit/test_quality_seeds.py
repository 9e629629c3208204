"""What the stewards are shown of the seeds, against the list of what was planted in them."""

from __future__ import annotations

import csv
from pathlib import Path

import duckdb
import pytest

FINDINGS = Path(__file__).parents[1] / "oracle" / "seeds_truth" / "findings.csv"
LISTED = {
    "conflicting_duplicate": "conflicting_duplicates",
    "impossible_date": "unreadable_values",
    "number_as_text": "unreadable_values",
}


def findings(*kinds: str) -> list[dict[str, str]]:
    with FINDINGS.open(encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file) if row["kind"] in kinds]


def test_nothing_blocks_and_every_check_ran(warehouse: duckdb.DuckDBPyConnection) -> None:
    rows = warehouse.execute(
        "select status, count(*) from quality.gx_results group by all order by all"
    ).fetchall()
    assert {status for status, _ in rows} == {"pass", "warn"}


@pytest.mark.parametrize("kind", LISTED)
def test_a_listing_names_the_record_with_file_and_line(
    warehouse: duckdb.DuckDBPyConnection, kind: str
) -> None:
    wanted = {(row["source"], row["form"], row["record_key"]) for row in findings(kind)}
    listed = warehouse.execute(
        f"select source, form, record_key, delivery_file, delivery_line from quality.{LISTED[kind]}"
    ).fetchall()
    assert wanted
    assert wanted <= {row[:3] for row in listed}
    assert all(file and line for *_, file, line in listed)


def test_an_unknown_code_is_listed_as_written(warehouse: duckdb.DuckDBPyConnection) -> None:
    listed = warehouse.execute(
        "select source, form, column_name, n_records from quality.unmapped_values"
    ).fetchall()
    planted = findings("unknown_code", "modality_unknown")
    wanted = {(row["source"], row["form"], row["column_name"]) for row in planted}
    assert wanted
    assert wanted == {row[:3] for row in listed}


def test_an_exact_duplicate_is_counted(warehouse: duckdb.DuckDBPyConnection) -> None:
    counted = warehouse.execute(
        "select source, sum(exact_duplicates) from quality.row_accounting "
        "group by all having sum(exact_duplicates) > 0"
    ).fetchall()
    planted = findings("exact_duplicate")
    assert counted == [(planted[0]["source"], len(planted))]


def test_the_rules_find_what_the_truth_lists(warehouse: duckdb.DuckDBPyConnection) -> None:
    """What was planted is found; of other patients, what goes wrong in any trial and no more."""
    with FINDINGS.open(encoding="utf-8", newline="") as file:
        # Of exact duplicates a file is told, not each record.
        listed = [row for row in csv.DictReader(file) if row["rule_id"] != "GN04"]
    found = {
        (rule_id, form or "", record_key, column or ""): patient_id
        for rule_id, form, record_key, column, patient_id in warehouse.execute(
            "select rule_id, form, record_key, column_name, patient_id from quality.violations "
            "where patient_id is not null"
        ).fetchall()
    }
    columns = ("rule_id", "form", "record_key", "column_name")
    keys = {tuple(row[name] for name in columns): row for row in listed}
    planted = {key for key, row in keys.items() if row["planted"] != "no"}
    # The seeds were never received, so that GN08 knows of no day that is too late.
    assert {key for key in planted - found.keys() if key[0] != "GN08"} == set()
    hosts = {row["patient_id"] for row in listed if row["planted"] != "no"}
    natural = {key for key, row in keys.items() if row["patient_id"] not in hosts}
    assert {key for key, patient_id in found.items() if patient_id not in hosts} == natural
    assert {rule_id for rule_id, *_ in natural} >= {"RD13", "RD18", "FU05", "FU09", "PT10"}
