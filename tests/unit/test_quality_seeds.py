"""What the stewards are shown of the seeds, against the list of what was planted in them."""

from __future__ import annotations

import csv
from pathlib import Path

import duckdb
import pytest

FINDINGS = Path(__file__).parents[1] / "oracle" / "seeds_truth" / "findings.csv"
# Kind of finding: table (of any source) and column of the expectation that names its record.
EXPECTED = {
    "age_missing": ("core.dim_patient", "age"),
    "age_out_of_range": ("core.dim_patient", "age"),
    "baseline_size_missing": ("core.fct_lesion", "baseline_size_mm"),
    "cea_negative": ("core.dim_patient", "cea_ng_ml"),
    "declared_count": ("core.dim_patient", "n_lesions_declared, n_baseline_lesions"),
    "diagnosis_order": (
        "staging.stg_%__registration",
        "liver_mets_dx_date_upper, primary_dx_date_lower",
    ),
    "duration_implausible": ("core.fct_surgery", "duration_min"),
    "formula_text": ("staging.stg_%__disposition", "action_reason"),
    "grade_inconsistent": ("staging.stg_%__pathology", "trg"),
    "late_mri": ("core.fct_lesion", "mri_in_time"),
    "lesion_size_implausible": ("core.fct_lesion", "baseline_size_mm"),
    "reader_missing": ("core.fct_read", "reader"),
    "reader_not_blinded": ("core.fct_read", "is_blinded"),
    "reason_missing": ("core.fct_read", "verdict_reason"),
    "segment_unknown": ("core.fct_lesion", "segment"),
    "sex_missing": ("core.dim_patient", "sex"),
    "shares_not_100": (
        "staging.stg_%__pathology",
        "viable_pct, necrosis_pct, fibrosis_pct, mucin_pct",
    ),
}
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


@pytest.mark.parametrize("kind", EXPECTED)
def test_an_expectation_names_the_record(warehouse: duckdb.DuckDBPyConnection, kind: str) -> None:
    table, column = EXPECTED[kind]
    rows = warehouse.execute(
        "select failing_keys from quality.gx_results "
        "where table_name like ? and column_name = ? and status = 'warn'",
        [table, column],
    ).fetchall()
    named = {key.split("/")[0] for (keys,) in rows for key in keys.split(", ")}
    by_patient = table in ("core.dim_patient", "core.fct_surgery")
    wanted = {
        row["patient_id"] if by_patient else row["lesion_id"] or row["patient_id"]
        for row in findings(kind)
    }
    assert wanted
    assert wanted <= named


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
