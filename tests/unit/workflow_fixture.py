"""A small published build with queries, made by hand: what the workflow's commands stand on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb

from dlm.project import Places

QUERIES = [
    # query_id, rule, severity, site, patient, lesion, form, record_key, column, state, evidence
    ("Q-0000000001", "RD05", "S1", "EU01", "EU01-001", "EU01-001-L1", "read", "EU01-001|1|CT",
     "size_mm", "new", "verdict=not_visible; size_mm=7"),
    ("Q-0000000002", "PT03", "S2", "JP07", "JP07-012", None, "registration", "JP07-012",
     "age", "open", "=age 17"),
    ("Q-0000000003", "PT04", "S3", "JP07", "JP07-013", None, "registration", "JP07-013",
     "sex", "resolved", "sex="),
    ("Q-0000000004", "DL12", "S2", "ALL", None, None, None, "jcog/read.csv",
     None, "not_evaluated", "n_now=5"),
]  # fmt: skip
BASIS: dict[str, Any] = {
    "scope": "store",
    "snapshot_id": "s1",
    "catalogue": "c1",
    "deliveries": ["d1"],
    "known_until": None,
    "waivers_judged_on": None,
    "log_entries": 0,
    "log_head": "",
}


def evidence_hash(query_id: str, evidence: str) -> str:
    """A stand-in for the hash of what was found."""
    with duckdb.connect() as connection:
        row = connection.execute("select md5(?)", [f"{query_id}{evidence}"]).fetchone()
    assert row is not None
    return str(row[0])


def make(folder: Path, queries: list[tuple[Any, ...]] | None = None) -> Places:
    """Write warehouse and manifest; the places of the build."""
    out = folder / "out"
    out.mkdir(parents=True, exist_ok=True)
    (out / "warehouse.duckdb").unlink(missing_ok=True)
    connection = duckdb.connect(str(out / "warehouse.duckdb"))
    connection.execute("create schema quality; create schema reference; create schema marts;")
    connection.execute("create schema core")
    connection.execute(
        "create table reference.ref_sites as select * from (values ('EU01', 'BE'), ('JP07', 'JP'), "
        "('US01', 'US')) as t(site_id, country)"
    )
    connection.execute(
        "create table quality.rules as select rule_id, severity, 'SITE' as owner, "
        "rule_id || ' title' as title_en, rule_id || 'の題' as title_ja, "
        "rule_id || ' message' as message_en, rule_id || 'の指摘' as message_ja, "
        "'Correct it.' as action_en, '修正してください。' as action_ja "
        "from (values ('RD05', 'S1'), ('PT03', 'S2'), ('PT04', 'S3'), ('DL12', 'S2')) "
        "as t(rule_id, severity)"
    )
    connection.execute(
        "create table quality.queries (query_id varchar, rule_id varchar, severity varchar, "
        "site_id varchar, patient_id varchar, lesion_id varchar, form varchar, record_key varchar, "
        "column_name varchar, file varchar, line bigint, state varchar, evidence varchar, "
        "evidence_hash varchar, previous_evidence varchar, first_seen date, last_seen date, "
        "resolved_at date, age_days integer, n_reopened integer, waiver_reason varchar, "
        "waiver_author varchar, waiver_approved_by varchar, waiver_expires date, reply varchar, "
        "replied_at date, is_reply_current boolean)"
    )
    for number, row in enumerate(queries if queries is not None else QUERIES, 2):
        *key, state, evidence = row
        hashed = evidence_hash(key[0], evidence)
        connection.execute(
            "insert into quality.queries values (?, ?, ?, ?, ?, ?, ?, ?, ?, 'x/read.csv', ?, ?, ?, "
            "?, null, '2021-01-01', '2021-02-01', null, 31, 0, null, null, null, null, null, null, "
            "null)",
            [*key, number, state, evidence, hashed],
        )
    connection.execute(
        "create table quality.adjudications_awaited as select * from (values "
        "('read', 'EU01', 'EU01-001', 'EU01-001-L1', 'CT', 'preop', date '2020-01-02', "
        "'R1=visible, R2=not_visible'), ('reference', 'EU01', 'EU01-001', 'EU01-001-L2', null, "
        "null, null, 'S1=viable_cells, S2=no_viable_cells')) as t(kind, site_id, patient_id, "
        "lesion_id, modality, timepoint, exam_date, evidence)"
    )
    connection.execute(
        "create table quality.analysis_values as select 'npv' as endpoint, 'ct' as subset, "
        "'EU01-001-L1' as unit_id, 'EU01' as site_id, 'EU01-001' as patient_id, "
        "'EU01-001-L1' as lesion_id, 'counted; viable' as value"
    )
    connection.execute(
        "create table quality.record_sources as select * from (values "
        "('lesion', 'EU01-001|1', 'EU01-001', 'EU01-001-L1'), "
        "('read', 'EU01-001|1|CT', 'EU01-001', 'EU01-001-L1'), "
        "('registration', 'EU01-001', 'EU01-001', null), "
        "('outcome', 'JP07-012', 'JP07-012', null), "
        "('followup', '|3', null, null)) "
        "as t(form, record_key, patient_id, lesion_id)"
    )
    connection.execute(
        "create table marts.build_settings as select 'cutoff' as setting, null::varchar as value"
    )
    connection.close()
    manifest = {
        "basis": BASIS,
        "stamp": {"excluded_records": 0, "code_revision": "abc", "cutoff": None},
        "tables": {"core.t": {"rows": 1, "digest": "1"}, "core.u": {"rows": 1, "digest": "2"}},
    }
    (out / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return Places(folder, out, folder / "state")
