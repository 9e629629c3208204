"""What the stewards are shown of the seeds, against the list of what was planted in them."""

from __future__ import annotations

import csv
from pathlib import Path

import duckdb
import pytest

FINDINGS = Path(__file__).parents[1] / "oracle" / "seeds_truth" / "findings.csv"
# Told of a file, or not judged of files that were never received, or under an unreadable key.
NOT_BY_RECORD = {"GN04", "GN08", "RD03"}
LISTED = {
    "conflicting_duplicate": "conflicting_duplicates",
    "impossible_date": "unreadable_values",
    "number_as_text": "unreadable_values",
}


def findings(what: str, column: str = "kind") -> list[dict[str, str]]:
    with FINDINGS.open(encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file) if row[column] == what]


def test_nothing_blocks_and_every_check_ran(warehouse: duckdb.DuckDBPyConnection) -> None:
    rows = warehouse.execute(
        "select status, count(*) from quality.gx_results group by all order by all"
    ).fetchall()
    assert {status for status, _ in rows} == {"pass", "warn"}


def test_the_rules_name_what_was_planted(warehouse: duckdb.DuckDBPyConnection) -> None:
    """Rules that are about a lesion may name it where the list names one of its reads."""
    found = set(
        warehouse.execute("select rule_id, upper(record_key) from quality.violations").fetchall()
    )
    planted = [row for row in findings("yes", "planted") if row["rule_id"] not in NOT_BY_RECORD]
    assert len(planted) > 40
    missed = [
        row["kind"]
        for row in planted
        if (row["rule_id"], row["record_key"].upper()) not in found
        and (row["rule_id"], "|".join(row["record_key"].split("|")[:2])) not in found
    ]
    assert missed == []


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
    wanted = {
        (row["source"], row["form"], row["column_name"]) for row in findings("GN10", "rule_id")
    }
    assert wanted
    assert wanted == {row[:3] for row in listed}


def test_an_exact_duplicate_is_counted(warehouse: duckdb.DuckDBPyConnection) -> None:
    counted = warehouse.execute(
        "select source, sum(exact_duplicates) from quality.row_accounting "
        "group by all having sum(exact_duplicates) > 0"
    ).fetchall()
    planted = findings("exact_duplicate")
    assert counted == [(planted[0]["source"], len(planted))]
