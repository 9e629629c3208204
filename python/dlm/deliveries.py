"""Deliveries: take them into the store once, and load what is in force into schema raw.

A delivery is a folder ``<source>/[<site>/]<form>.csv`` with a ``manifest.csv`` (file, rows,
sha256, date, sender). The store keeps every file as it came, addressed by content, and a ledger
that is only ever extended; what is in force on a day is the newest file of each source, site and
form received by then.
"""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlm import store
from dlm.changes import find_changes
from dlm.compare import plain
from dlm.contracts import Contract, FileSpec, load_contracts
from dlm.errors import DeliveryRefused, Problem, UsageError
from dlm.files import LoadedFile, read_file

if TYPE_CHECKING:
    import duckdb

MANIFEST_COLUMNS = ("file", "rows", "sha256", "date", "sender")
PROVENANCE = ("_delivery_id", "_file", "_line", "_record_hash")
Progress = Callable[[str], None]
Current = dict[tuple[str, str | None, str], tuple[store.Entry, dict[str, Any]]]
"""The file in force of each source, site and form, with the delivery it came with."""


@dataclass(frozen=True)
class Incoming:
    """One file to load.

    Attributes:
        path: where its bytes are.
        name: its path inside the delivery, as told to people.
        site_id: the site whose file it is; None where a file holds several sites.
        delivery_id: hash of the delivery it came with, or 'seeds'.
        received: ISO date it was received; None for seeds.
        replaced_sites: sites that sent files of their own since; their records in it do not count.
    """

    path: Path
    name: str
    spec: FileSpec
    contract: Contract
    site_id: str | None
    delivery_id: str
    received: str | None
    replaced_sites: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Origin:
    """Who says what the data of a source are: 'synthetic' or 'collected'."""

    source: str
    origin: str


def seed_files(project: Path) -> tuple[list[Incoming], list[Origin]]:
    """The files of the project's own seeds: one for each source and form."""
    found = []
    for contract in load_contracts().values():
        for spec in contract.file_specs():
            path = project / "seeds" / contract.source / f"{spec.raw_table}.csv"
            found.append(
                Incoming(
                    path,
                    path.relative_to(project).as_posix(),
                    spec,
                    contract,
                    None,
                    "seeds",
                    None,
                )
            )
    missing = [
        Problem(item.name, None, None, "missing_file", "is missing; every form has a file")
        for item in found
        if not item.path.is_file()
    ]
    if missing:
        raise DeliveryRefused(missing)
    with (project / "seeds" / "load" / "load_origin.csv").open(encoding="utf-8") as handle:
        origins = [Origin(row["source"], row["origin"]) for row in csv.DictReader(handle)]
    return found, origins


def receive(folder: Path, state: Path, received: date) -> tuple[str, bool]:
    """Take a delivery into the store after reading every file of it strictly.

    Args:
        folder: the delivery.
        state: the store.
        received: day it counts as received.

    Returns:
        The delivery's id and whether it was new.

    Raises:
        DeliveryRefused: the manifest or a file is at fault; nothing was stored.
    """
    items, manifest = _delivered_files(folder)
    shas = {}
    problems: list[Problem] = []
    for item in items:
        try:
            file = read_file(item.path, item.name, item.spec, item.contract)
        except DeliveryRefused as refusal:
            problems += refusal.problems
            continue
        shas[item.name] = file.sha256
        told = manifest[item.name]["rows"].strip()
        if told != str(file.records_in):
            problems.append(
                Problem(
                    item.name,
                    None,
                    None,
                    "rows_differ",
                    f"has {file.records_in} records where manifest.csv says {told}; "
                    "was the file cut short?",
                )
            )
    if problems:
        raise DeliveryRefused(problems)
    delivery_id = hashlib.sha256(
        "\n".join(f"{name} {sha}" for name, sha in sorted(shas.items())).encode()
    ).hexdigest()[:16]
    with store.locked(state):
        if any(entry["delivery_id"] == delivery_id for entry in store.read_ledger(state)):
            return delivery_id, False
        for item in items:
            store.keep(state, item.path, shas[item.name])
        entry: store.Entry = {
            "delivery_id": delivery_id,
            "received": received.isoformat(),
            "files": [
                {
                    "name": item.name,
                    "source": item.contract.source,
                    "site_id": item.site_id,
                    "stem": item.spec.stem,
                    "sha256": shas[item.name],
                    "sender": manifest[item.name]["sender"],
                }
                for item in items
            ],
        }
        entry["changes"] = _changes(state, entry)
        store.append(state, entry)
    return delivery_id, True


def _changes(state: Path, entry: store.Entry) -> list[dict[str, Any]]:
    """What the delivery loses against the files in force on the day it was received.

    Empty where the earlier files cannot be read by today's contracts: a delivery is not refused
    for the sake of the one it replaces.
    """
    earlier = store.received_until(store.read_ledger(state), date.fromisoformat(entry["received"]))
    touched = {(file["source"], file["stem"]) for file in entry["files"]}
    before, after = _in_force(earlier), _in_force([*earlier, entry])

    def fill(current: Current) -> Callable[[duckdb.DuckDBPyConnection], object]:
        items = [
            _stored(state, current, *value)
            for key, value in current.items()
            if (key[0], key[2]) in touched
        ]
        return lambda connection: load_raw(connection, items, [])

    if not any((key[0], key[2]) in touched for key in before):
        return []
    try:
        return find_changes(load_contracts().values(), fill(before), fill(after))
    except DeliveryRefused:
        return []


def stored_files(state: Path, until: store.Until) -> tuple[list[Incoming], list[Origin]]:
    """The files in force: of each source, site and form the one received last.

    Args:
        state: the store.
        until: only deliveries received by that day, or up to and with that delivery, count; None
            for all.

    Raises:
        UsageError: the store holds no delivery by then.
        DeliveryRefused: a source has delivered some of its forms but never the others.
    """
    contracts = load_contracts()
    current = _in_force(store.received_until(store.read_ledger(state), until))
    if not current:
        by = f" received by {until}" if until else ""
        raise UsageError(f"the store {state} holds no delivery{by}; load one with: dlm load DIR")
    items, origins = [], []
    problems = []
    for contract in contracts.values():
        of_source = {key: value for key, value in current.items() if key[0] == contract.source}
        for spec in contract.file_specs():
            files = [
                value for key, value in sorted(of_source.items(), key=str) if key[2] == spec.stem
            ]
            if of_source and not files:
                problems.append(
                    Problem(
                        f"{contract.source}/{spec.stem}.csv",
                        None,
                        None,
                        "missing_file",
                        f"was never delivered, but other files of {contract.source} were; "
                        "ask the data centre for it",
                    )
                )
            items += [_stored(state, current, *value) for value in files]
        senders = [str(file["sender"]) for _, file in of_source.values()]
        if senders:
            synthetic = any("synthetic" in sender.casefold() for sender in senders)
            origins.append(Origin(contract.source, "synthetic" if synthetic else "collected"))
    if problems:
        raise DeliveryRefused(problems)
    return items, origins


def _stored(state: Path, current: Current, entry: store.Entry, file: dict[str, Any]) -> Incoming:
    contract = load_contracts()[file["source"]]
    sites = {key[1] for key in current if (key[0], key[2]) == (file["source"], file["stem"])}
    return Incoming(
        store.object_path(state, file["sha256"]),
        file["name"],
        next(spec for spec in contract.file_specs() if spec.stem == file["stem"]),
        contract,
        file["site_id"],
        entry["delivery_id"],
        entry["received"],
        frozenset(site for site in sites if site and not file["site_id"]),
    )


def _in_force(entries: list[store.Entry]) -> Current:
    """The last file of each source, site and form, with the delivery it came with.

    A file for all sites takes the place of the files that single sites sent before it.
    """
    current: Current = {}
    for entry in entries:
        whole = {(file["source"], file["stem"]) for file in entry["files"] if not file["site_id"]}
        current = {
            key: value
            for key, value in current.items()
            if key[1] is None or (key[0], key[2]) not in whole
        }
        for file in entry["files"]:
            current[file["source"], file["site_id"], file["stem"]] = (entry, file)
    return current


def load_raw(
    connection: duckdb.DuckDBPyConnection,
    items: Iterable[Incoming],
    origins: Iterable[Origin],
    progress: Progress = lambda text: None,
) -> list[LoadedFile]:
    """Fill schema raw: every record as text with its delivery, file, line and hash.

    Args:
        connection: writable connection on the work database.
        items: the files in force.
        origins: what the data of each source are.
        progress: told the name of each file as its reading begins.

    Raises:
        DeliveryRefused: a file cannot be read at all; lists all that cannot.
    """
    connection.execute("create schema if not exists raw")
    for contract in load_contracts().values():
        for spec in contract.file_specs():
            columns = ", ".join(f"{_quoted(header)} varchar" for header in spec.headers)
            connection.execute(
                f"create or replace table raw.{_quoted(spec.raw_table)} "
                f"({columns}, _delivery_id varchar, _file varchar, _line bigint, "
                "_record_hash varchar)"
            )
    loaded, problems, ledger = [], [], []
    for item in items:
        progress(item.name)
        try:
            file = read_file(item.path, item.name, item.spec, item.contract)
        except DeliveryRefused as refusal:
            problems += refusal.problems
            continue
        _insert(connection, item, file)
        replaced = _drop_replaced(connection, item)
        loaded.append(file)
        ledger.append(
            (
                item.delivery_id,
                item.contract.source,
                item.site_id,
                item.spec.form,
                item.name,
                file.sha256,
                file.records_in - replaced,
                len(file.records) - replaced,
                len(file.quarantined),
                file.exact_duplicates,
                item.received,
            )
        )
    if problems:
        raise DeliveryRefused(problems)
    _write_ledgers(connection, ledger, loaded, origins)
    return loaded


def _insert(connection: duckdb.DuckDBPyConnection, item: Incoming, file: LoadedFile) -> None:
    import pyarrow as pa

    count = len(file.records)
    columns = list(zip(*file.records, strict=True)) if count else [()] * len(file.spec.headers)
    arrays = [pa.array(column, pa.string()) for column in columns]
    arrays += [
        pa.array([item.delivery_id] * count, pa.string()),
        pa.array([item.name] * count, pa.string()),
        pa.array(file.lines, pa.int64()),
        pa.array(file.hashes, pa.string()),
    ]
    records = pa.table(arrays, names=[*file.spec.headers, *PROVENANCE])
    connection.register("incoming_records", records)
    connection.execute(
        f"insert into raw.{_quoted(file.spec.raw_table)} select * from incoming_records"
    )
    connection.unregister("incoming_records")


def _drop_replaced(connection: duckdb.DuckDBPyConnection, item: Incoming) -> int:
    """Take out of a file for all sites the records of those that sent their own since; how many."""
    if not item.replaced_sites:
        return 0
    form = next(iter(item.contract.forms.values()))
    patient = next(column.header for column in form.columns if column.name == "patient_id")
    taken = connection.execute(
        f"delete from raw.{_quoted(item.spec.raw_table)} where _file = ? and _delivery_id = ? "
        f"and list_contains(?, upper(split_part({plain(_quoted(patient))}, '-', 1)))",
        [item.name, item.delivery_id, sorted(site.upper() for site in item.replaced_sites)],
    ).fetchall()
    return int(taken[0][0])


def _write_ledgers(
    connection: duckdb.DuckDBPyConnection,
    ledger: list[tuple[Any, ...]],
    loaded: list[LoadedFile],
    origins: Iterable[Origin],
) -> None:
    """The tables of the load itself; dbt builds quality.row_accounting from them."""
    connection.execute(
        "create or replace table raw.load_files (delivery_id varchar, source varchar, "
        "site_id varchar, form varchar, file varchar, sha256 varchar, records_in bigint, "
        "loaded bigint, quarantined bigint, exact_duplicates bigint, received_at varchar)"
    )
    connection.execute(
        "create or replace table raw.load_quarantine (delivery_id varchar, source varchar, "
        "form varchar, file varchar, line bigint, column_name varchar, reason_code varchar, "
        "reason varchar, record_hash varchar)"
    )
    connection.execute("create or replace table raw.load_origin (source varchar, origin varchar)")
    if ledger:
        connection.executemany(f"insert into raw.load_files values ({', '.join('?' * 11)})", ledger)
    quarantine = [
        (entry[0], entry[1], entry[3], entry[4], bad.line, bad.column, bad.code, bad.text, None)
        for entry, file in zip(ledger, loaded, strict=True)
        for bad in file.quarantined
    ]
    if quarantine:
        connection.executemany(
            f"insert into raw.load_quarantine values ({', '.join('?' * 9)})", quarantine
        )
    said = [(origin.source, origin.origin) for origin in origins]
    if said:
        connection.executemany("insert into raw.load_origin values (?, ?)", said)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _delivered_files(folder: Path) -> tuple[list[Incoming], dict[str, dict[str, str]]]:
    """The files of a delivery folder, checked against its manifest, and the manifest's rows."""
    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder; a delivery is DIR/<source>/<form>.csv")
    manifest = _read_manifest(folder)
    contracts = load_contracts()
    present = {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*.csv")
        if path.relative_to(folder).parts[0] in contracts
    }
    problems = [
        Problem(name, None, None, "not_in_manifest", "is not in manifest.csv; list it or remove it")
        for name in sorted(present - manifest.keys())
    ]
    items = []
    for name, row in sorted(manifest.items()):
        path = folder / name
        if name not in present:
            problems.append(
                Problem(name, None, None, "missing_file", "is in manifest.csv but not there")
            )
            continue
        found = hashlib.sha256(path.read_bytes()).hexdigest()
        if found != row["sha256"].strip().lower():
            problems.append(
                Problem(
                    name,
                    None,
                    None,
                    "hash_differs",
                    "is not the file manifest.csv describes (sha256 differs); send both again",
                )
            )
        parts = Path(name).parts
        contract = contracts[parts[0]]
        specs = {spec.stem: spec for spec in contract.file_specs()}
        stem = Path(name).stem
        if contract.dictionary and stem == f"{contract.file}_dictionary":
            continue
        if stem not in specs or len(parts) not in (2, 3):
            known = ", ".join(f"{contract.source}/{spec}.csv" for spec in specs)
            problems.append(
                Problem(
                    name, None, None, "unknown_file", f"is no form of its source; known: {known}"
                )
            )
            continue
        site = parts[1] if len(parts) == 3 else None
        items.append(Incoming(path, name, specs[stem], contract, site, "", None))
    if problems:
        raise DeliveryRefused(problems)
    return items, manifest


def _read_manifest(folder: Path) -> dict[str, dict[str, str]]:
    path = folder / "manifest.csv"
    if not path.is_file():
        raise DeliveryRefused(
            [
                Problem(
                    "manifest.csv",
                    None,
                    None,
                    "missing_file",
                    f"is missing; it lists every file ({','.join(MANIFEST_COLUMNS)})",
                )
            ]
        )
    with path.open(encoding="utf-8-sig", newline="") as handle:
        reader = csv.DictReader(handle, strict=True)
        missing = [name for name in MANIFEST_COLUMNS if name not in (reader.fieldnames or [])]
        if missing:
            raise DeliveryRefused(
                [
                    Problem("manifest.csv", 1, name, "missing_column", "is missing")
                    for name in missing
                ]
            )
        rows: dict[str, dict[str, str]] = {}
        problems = []
        for row in reader:
            name = (row["file"] or "").replace("\\", "/")
            known = Path(name).parts[:1] and Path(name).parts[0] in load_contracts()
            if not known or ".." in Path(name).parts or None in row or None in row.values():
                problems.append(
                    Problem(
                        "manifest.csv",
                        reader.line_num,
                        "file",
                        "bad_manifest_row",
                        f"is not a complete row for <source>/<form>.csv with a source of "
                        f"{', '.join(load_contracts())}",
                    )
                )
            else:
                rows[name] = row
    if problems:
        raise DeliveryRefused(problems)
    return rows


def parse_day(text: str) -> date:
    """An ISO day from the command line.

    Raises:
        UsageError: it is not one.
    """
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        try:
            return date.fromisoformat(text)
        except ValueError:
            pass
    raise UsageError(f"{text!r} is not a day; write it as YYYY-MM-DD")


def parse_until(text: str | None) -> store.Until:
    """How far to read the store: a day, a delivery, or all of it ('latest' or None).

    Raises:
        UsageError: it is none of them.
    """
    if text in (None, "latest"):
        return None
    if re.fullmatch(r"[0-9a-f]{6,64}", str(text)):
        return str(text)
    return parse_day(str(text))
