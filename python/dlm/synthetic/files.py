"""Where the written trial goes: a folder of seeds, or a delivery with its manifest.

No wall clock: the day a delivery is dated comes from the trial. Files have LF line ends and rows in
the order of their keys, so that the same seed gives the same bytes.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal

import pandas as pd
import pyarrow as pa
import yaml
from pyarrow import parquet

from dlm.contracts import Contract
from dlm.contracts.check import dictionary_records
from dlm.history import HISTORY_TABLES
from dlm.manifest import manifest_text
from dlm.synthetic.common import Tables, iso
from dlm.synthetic.habits import arrow_table, csv_text, redcap_export
from dlm.synthetic.patients import DATA_LOCK
from dlm.workflow import tables as workflow

LOAD_FILES_COLUMNS = (
    "delivery_id",
    "source",
    "site_id",
    "form",
    "file",
    "sha256",
    "records_in",
    "loaded",
    "quarantined",
    "exact_duplicates",
    "received_at",
)
LOAD_QUARANTINE_COLUMNS = (
    "delivery_id",
    "source",
    "form",
    "file",
    "line",
    "column_name",
    "reason_code",
    "reason",
    "record_hash",
)
LOAD_WARNINGS_COLUMNS = LOAD_QUARANTINE_COLUMNS[:-1]
LOAD_BIGINTS = ("records_in", "loaded", "quarantined", "exact_duplicates", "line")
# A delivery of the Japanese data centre comes in the encoding its sites use.
DELIVERY_ENCODING = {"jcog": "cp932"}


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def source_frames(raw: Tables, contract: Contract) -> Tables:
    """The data files of a source, by stem, still as tables of text."""
    if contract.layout == "redcap":
        return {contract.file or "redcap": redcap_export(raw, contract)}
    return raw


def write_seeds(out: Path, files: Mapping[str, Tables], contracts: Iterable[Contract]) -> None:
    """Write the raw seeds of every source, their column types and the empty load tables.

    Args:
        out: the project's seeds folder.
        files: each file as a table of text, by source and stem.
        contracts: every contract.
    """
    for contract in contracts:
        folder = out / contract.source
        for stem, frame in files[contract.source].items():
            content = csv_text(frame, contract.delimiter)
            write_bytes(folder / f"{contract.source}__{stem}.csv", content.encode("utf-8"))
        if contract.dictionary:
            dictionary = contract.dictionary_path().read_bytes()
            write_bytes(folder / f"{contract.source}__redcap_dictionary.csv", dictionary)
        properties = seed_properties(contract)
        write_bytes(folder / f"_{contract.source}__seeds.yml", properties.encode("utf-8"))
    load = out / "load"
    origin = rows_text(("source", "origin"), sorted((source, "synthetic") for source in files))
    write_bytes(load / "load_origin.csv", origin.encode("utf-8"))
    write_bytes(load / "load_files.csv", rows_text(LOAD_FILES_COLUMNS, []).encode("utf-8"))
    write_bytes(
        load / "load_quarantine.csv", rows_text(LOAD_QUARANTINE_COLUMNS, []).encode("utf-8")
    )
    write_bytes(load / "load_warnings.csv", rows_text(LOAD_WARNINGS_COLUMNS, []).encode("utf-8"))
    for name, columns in (HISTORY_TABLES | workflow.COLUMNS).items():
        write_bytes(load / f"{name}.csv", rows_text(tuple(columns), []).encode("utf-8"))
    write_bytes(load / "_load__seeds.yml", load_properties().encode("utf-8"))


def write_delivery(
    out: Path,
    files: Mapping[str, Tables],
    contracts: Iterable[Contract],
    file_format: Literal["csv", "parquet"] = "csv",
) -> None:
    """Write one delivery and a manifest: ``<source>/<form>.csv`` in its source's encoding, or
    ``<source>/<form>.parquet``."""
    listed: list[tuple[str, int, str]] = []
    for contract in contracts:
        encoding = DELIVERY_ENCODING.get(contract.source, "utf-8")
        for stem, frame in files[contract.source].items():
            if file_format == "csv":
                content = csv_text(frame, contract.delimiter).encode(encoding)
            else:
                sink = pa.BufferOutputStream()
                parquet.write_table(arrow_table(frame), sink, compression="zstd")
                content = sink.getvalue().to_pybytes()
            name = f"{contract.source}/{stem}.{file_format}"
            write_bytes(out / name, content)
            listed.append((name, len(frame), hashlib.sha256(content).hexdigest()))
        if contract.dictionary:
            listed.append(write_dictionary(out, contract))
    write_bytes(out / "manifest.csv", synthetic_manifest(listed).encode("utf-8"))


def write_dictionary(out: Path, contract: Contract) -> tuple[str, int, str]:
    """Put the data dictionary of a source into a delivery; its line of the manifest."""
    content = contract.dictionary_path().read_bytes()
    name = f"{contract.source}/{contract.file}_dictionary.csv"
    write_bytes(out / name, content)
    return name, dictionary_records(out / name), hashlib.sha256(content).hexdigest()


def synthetic_manifest(listed: Iterable[tuple[str, int, str]]) -> str:
    """The manifest of a synthetic delivery, which says so.

    Args:
        listed: name, records and hash of each file.
    """
    return manifest_text(
        (*each, iso(DATA_LOCK), f"{each[0].split('/')[0]} data centre (synthetic)")
        for each in sorted(listed)
    )


def rows_text(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Rows as CSV with LF line ends."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return buffer.getvalue()


def write_table(path: Path, frame: pd.DataFrame) -> None:
    """A table of texts as CSV with LF line ends."""
    write_bytes(path, csv_text(frame, ",").encode("utf-8"))


def seed_properties(contract: Contract) -> str:
    """dbt properties of a source's seeds: what each file is, and every column as text."""
    seeds = []
    for spec in contract.file_specs():
        what = f"form {spec.form}" if spec.form else "REDCap export of all instruments"
        seeds.append(
            _seed(
                spec.raw_table,
                f"Raw {what} of {contract.source}, as sent and all text (synthetic data).",
                dict.fromkeys(spec.headers, "varchar"),
            )
        )
    if contract.dictionary:
        with contract.dictionary_path().open(encoding="utf-8-sig", newline="") as handle:
            headers = next(csv.reader(handle, strict=True))
        seeds.append(
            _seed(
                f"{contract.source}__redcap_dictionary",
                f"REDCap data dictionary of {contract.source}: one row per field.",
                dict.fromkeys(headers, "varchar"),
            )
        )
    return _properties(seeds)


def load_properties() -> str:
    """dbt properties of the tables that the strict loader fills; as seeds they hold no row."""
    bigints = dict.fromkeys(LOAD_BIGINTS, "bigint")
    files = {name: bigints.get(name, "varchar") for name in LOAD_FILES_COLUMNS}
    quarantine = {name: bigints.get(name, "varchar") for name in LOAD_QUARANTINE_COLUMNS}
    return _properties(
        [
            _seed("load_files", "One row per file that the strict loader read.", files),
            _seed(
                "load_origin",
                "Whether the data of a source are synthetic; one row per source.",
                {"source": "varchar", "origin": "varchar"},
            ),
            _seed(
                "load_quarantine", "One row per record that could not be read, and why.", quarantine
            ),
            _seed(
                "load_warnings",
                "One row per thing that people should know of a file that loads all the same.",
                {name: bigints.get(name, "varchar") for name in LOAD_WARNINGS_COLUMNS},
            ),
            _seed(
                "load_receipts",
                "One row per file of every delivery received, in force or not.",
                HISTORY_TABLES["load_receipts"],
            ),
            _seed(
                "load_changes",
                "One row per record or file that a later delivery lost, renamed or cut short.",
                HISTORY_TABLES["load_changes"],
            ),
            *(
                _seed(name, workflow.DESCRIPTIONS[name], columns)
                for name, columns in workflow.COLUMNS.items()
            ),
        ]
    )


def _seed(name: str, description: str, types: Mapping[str, str]) -> dict[str, object]:
    return {"name": name, "description": description, "config": {"column_types": dict(types)}}


def _properties(seeds: list[dict[str, object]]) -> str:
    note = "# Written by `dlm synth --as seeds` from the contracts; a test keeps it in step.\n"
    body = yaml.safe_dump(
        {"version": 2, "seeds": seeds}, allow_unicode=True, sort_keys=False, width=100
    )
    return note + body
