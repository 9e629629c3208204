"""An S1 fault in a delivery stops the build, is left out, or is waived: whole builds, by command.

``python -m pytest -m long``.
"""

from __future__ import annotations

import csv
import json
import re
from datetime import date
from pathlib import Path
from typing import Any

import builds
import duckdb
import pytest

from dlm.synthetic import write_trial
from dlm.workflow.account import Account
from dlm.workflow.findings import Filters, read_queries
from dlm.workflow.waivers import waive

SEED, SCALE = 7, 0.15
# Found by a rule in SQL and, record by record, by Great Expectations too.
KIND = "size_of_gone"
LEFT_OUT = re.compile(r"\b(\d+) records? (?:(?:are|were) )?left out\b")


@pytest.mark.long
def test_an_open_s1_stops_a_build_until_it_is_left_out_or_waived(tmp_path: Path) -> None:
    delivery, out, state = tmp_path / "delivery", tmp_path / "out", str(tmp_path / "state")
    write_trial(SEED, SCALE, delivery, "delivery", KIND)
    with (delivery / "truth" / "findings.csv").open(encoding="utf-8", newline="") as handle:
        (planted,) = [row for row in csv.DictReader(handle) if row["planted"] == "yes"]
    out.mkdir()
    duckdb.connect(str(out / "warehouse.duckdb")).execute("create table old as select 1").close()
    before = (out / "warehouse.duckdb").read_bytes()

    def run(*words: str) -> Any:
        return builds.run("dlm", *words, DLM_STATE=state, DLM_OUT=str(out))

    words = ("--deliveries", str(delivery), "--received", "2024-07-08")
    refused = run("build", "--quiet", *words)
    assert refused.returncode == 1
    site = planted["patient_id"].split("-")[0]
    assert f"{planted['rule_id']} at {site}: 1" in refused.stderr
    assert planted["record_key"] in refused.stderr
    assert re.search(rf"{planted['source']}/\S+\.csv, line \d+\)", refused.stderr)
    assert (out / "warehouse.duckdb").read_bytes() == before
    listed = run("queries", "list", "--severity", "S1", "--format", "json")
    (query,) = json.loads(listed.stdout)

    published = run("build", "--quiet", "--as-of", "latest", "--exclude-open-s1")
    assert published.returncode == 0, published.stderr
    stamp = json.loads((out / "manifest.json").read_text(encoding="utf-8"))["stamp"]
    n_left_out = stamp["excluded_records"]
    assert n_left_out > 1
    for page in (
        "report.html",
        "figures/km_os.svg",
        "quality/index.html",
        "quality/data_docs/index.html",
        "docs/index.html",
    ):
        said = LEFT_OUT.search((out / page).read_text(encoding="utf-8"))
        assert said and int(said[1]) == n_left_out, page
    with duckdb.connect(str(out / "warehouse.duckdb"), read_only=True) as connection:
        assert connection.execute(
            "select value from marts.build_settings where setting = 's1_records_excluded'"
        ).fetchall() == [(str(n_left_out),)]
        patient = [planted["patient_id"]]
        for table in (
            "quality.record_sources", "core.dim_patient", "core.fct_lesion", "core.fct_read",
            "core.fct_surgery", "core.fct_followup", "marts.time_to_event",
        ):  # fmt: skip
            assert not connection.execute(
                f"select 1 from {table} where patient_id = ?", patient
            ).fetchall(), table
        unmarked = connection.execute(
            "select table_name from duckdb_tables() where schema_name in ('core', 'marts') "
            "and not contains(comment, ?)",
            [f"{n_left_out} records are left out of this build for open S1 queries"],
        ).fetchall()
        assert unmarked == []
        assert connection.execute(
            "select status from quality.gx_results where rule_id = ? and status = 'fail'",
            [planted["rule_id"]],
        ).fetchall()
    metadata = duckdb.execute(
        "select decode(value) from parquet_kv_metadata(?)",
        [str(out / "parquet" / "marts" / "modality_concordance.parquet")],
    ).fetchall()
    assert any(LEFT_OUT.search(value) for (value,) in metadata)
    locked = run("lock", "create", "first", "--reason", "interim")
    assert locked.returncode == 1 and "were left out" in locked.stderr

    queries = read_queries(out / "warehouse.duckdb", Filters())
    other = Account("another", 999_999)
    waive(
        Path(state), "store", queries, [query["query_id"]], "seen", date(2999, 1, 1),
        date(2024, 7, 9), other,
    )  # fmt: skip
    assert run("queries", "approve", query["query_id"]).returncode == 0
    published = run("build", "--quiet", "--as-of", "latest")
    assert published.returncode == 0, published.stderr
    stamp = json.loads((out / "manifest.json").read_text(encoding="utf-8"))["stamp"]
    assert stamp["excluded_records"] == 0
    listed = run("queries", "list", "--severity", "S1", "--state", "waived", "--format", "json")
    assert [each["query_id"] for each in json.loads(listed.stdout)] == [query["query_id"]]
