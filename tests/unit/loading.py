"""Help for the loading tests: read one file of bytes and look at what was stored."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb

from dlm.contracts import Contract, FileSpec, load_contracts
from dlm.errors import Problem
from dlm.reading import LoadedFile, quoted, read_file
from dlm.reading.store import create_table


@dataclass
class Outcome:
    """What became of a file: the account, and its records as they were stored."""

    account: LoadedFile
    records: list[list[str]]
    lines: list[int]
    hashes: list[str]

    @property
    def records_in(self) -> int:
        return self.account.records_in

    @property
    def quarantined(self) -> list[Problem]:
        return self.account.quarantined

    @property
    def exact_duplicates(self) -> int:
        return self.account.exact_duplicates

    @property
    def warnings(self) -> list[str]:
        return [warning.code for warning in self.account.warnings]


def spec_of(source: str, stem: str) -> FileSpec:
    return next(s for s in load_contracts()[source].file_specs() if s.stem == stem)


def read_bytes(
    folder: Path,
    data: bytes,
    source: str = "eortc",
    stem: str = "outcome",
    suffix: str = ".csv",
    contract: Contract | None = None,
    spec: FileSpec | None = None,
    allow_fast: bool = True,
) -> Outcome:
    """Read a file of these bytes into a database in memory."""
    path = folder / "file"
    path.write_bytes(data)
    contract = contract or load_contracts()[source]
    spec = spec or spec_of(source, stem)
    name = f"{contract.source}/{spec.stem}{suffix}"
    connection = duckdb.connect()
    try:
        connection.execute("create schema raw")
        create_table(connection, spec)
        account = read_file(path, name, spec, contract, connection, "d", allow_fast=allow_fast)
        rows = connection.execute(
            f"select * exclude (_delivery_id, _file) from raw.{quoted(spec.raw_table)} "
            "order by _line"
        ).fetchall()
    finally:
        connection.close()
    outcome = Outcome(
        account,
        [list(row[:-2]) for row in rows],
        [row[-2] for row in rows],
        [row[-1] for row in rows],
    )
    assert account.loaded == len(rows)
    assert account.records_in == (
        account.loaded + len(account.quarantined) + account.exact_duplicates
    )
    return outcome
