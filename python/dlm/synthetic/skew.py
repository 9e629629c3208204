"""Patients with very many lesions: those of many patients of a synthetic trial, given to one."""

from __future__ import annotations

from pathlib import Path

import duckdb

from dlm.contracts import load_contracts
from dlm.deliveries import write_delivery_manifest
from dlm.sql_text import escaped

_OF_LESIONS = ("lesion", "read", "pathology", "disposition")
"""Forms of one lesion a record; all other records are about the patient."""


def gather_lesions(delivery: Path, patients: int) -> None:
    """Give the lesions of the first patients of a source to the very first of them.

    The others are gone from the delivery. A source that sends one file for all forms stays as it
    is. Operations are those of the first patient, so that the quality rules find much: the delivery
    is for measuring.

    Args:
        delivery: folder of Parquet files, ``<source>/<form>.parquet``; changed in place.
        patients: how many of each source.
    """
    with duckdb.connect() as connection:
        for source, contract in load_contracts().items():
            folder = delivery / source
            if contract.layout == "redcap" or not folder.is_dir():
                continue
            headers = {
                form.name: {column.name: column.header for column in form.columns}
                for form in contract.forms.values()
            }
            lesion = headers["lesion"]
            connection.execute(
                f"""
                create or replace table gathered as
                select
                    "{lesion["patient_id"]}" as patient, "{lesion["lesion_no"]}" as lesion,
                    min(patient) over () as first,
                    row_number() over (order by patient, lesion)::varchar as number
                from '{escaped(folder)}/lesion.parquet'
                where patient in (
                    select "{headers["registration"]["patient_id"]}"
                    from '{escaped(folder)}/registration.parquet' order by all limit {patients}
                )
                """
            )
            for form in contract.forms.values():
                _rewrite(connection, folder / f"{form.name}.parquet", headers[form.name])
    write_delivery_manifest(delivery, "synthetic, lesions gathered", None, replace=True)


def _rewrite(connection: duckdb.DuckDBPyConnection, file: Path, headers: dict[str, str]) -> None:
    patient, lesion = headers["patient_id"], headers.get("lesion_no")
    if file.stem in _OF_LESIONS:
        rows = (
            f'select t.* replace (coalesce(g.first, t."{patient}") as "{patient}", '
            f'coalesce(g.number, t."{lesion}") as "{lesion}") '
            f"from '{escaped(file)}' as t left join gathered as g "
            f'on t."{patient}" = g.patient and t."{lesion}" = g.lesion'
        )
    else:
        rows = (
            f"select t.* from '{escaped(file)}' as t where not exists (select 1 from gathered as g "
            f'where t."{patient}" = g.patient and t."{patient}" <> g.first)'
        )
    changed = file.with_suffix(".changed")
    connection.execute(f"copy ({rows}) to '{escaped(changed)}' (format parquet)")
    changed.replace(file)
