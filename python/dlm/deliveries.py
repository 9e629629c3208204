"""Deliveries: take them into the store once, and load what is in force into schema raw.

A delivery is a folder ``<source>/[<site>/]<form>.csv`` (or ``.csv.gz``, ``.xlsx``, ``.parquet``)
with a ``manifest.csv`` (file, rows, sha256, date, sender). The store keeps every file as it came,
addressed by content, and a ledger that is only ever extended; what is in force on a day is the
newest file of each source, site and form received by then.
"""

from __future__ import annotations

import contextlib
import csv
import hashlib
import os
import re
import threading
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from dlm import engine, store
from dlm.changes import find_changes
from dlm.console import Console
from dlm.contracts import Contract, FileSpec, load_contracts
from dlm.contracts.check import dictionary_changes, dictionary_records
from dlm.errors import DeliveryRefused, DlmError, Problem, UsageError
from dlm.manifest import manifest_text, read_manifest, tellable
from dlm.reading import InPlace, LoadedFile, Piece, create_view, read_file, stem_of
from dlm.reading.store import create_table
from dlm.scratch import scratch_folder
from dlm.sql_text import plain, plain_id, quoted

if TYPE_CHECKING:
    import duckdb

LOAD_MEMORY = 400
"""MB that DuckDB may take while it loads; larger files go through it in pieces."""
_TEXT_BYTES = {".parquet": 15, ".gz": 8}
"""About how many bytes of text a byte of a file stands for."""
READERS = min(4, os.cpu_count() or 1)
"""How many files are read at the same time."""
Progress = Callable[[str], None]
_TOLD = 30
_Found = TypeVar("_Found")
_Outcomes = dict[tuple[str, str], tuple[LoadedFile | DeliveryRefused, int]]
"""What became of a file of a delivery, and how many of its records its sites replaced."""
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
        sha256: hash it was stored under; None where it is not from the store.
        is_dictionary: whether it is the data dictionary beside an export, kept but not loaded.
        in_place: what was found of a file of the store that may stay where it lies.
    """

    path: Path
    name: str
    spec: FileSpec
    contract: Contract
    site_id: str | None
    delivery_id: str
    received: str | None
    replaced_sites: frozenset[str] = frozenset()
    sha256: str | None = None
    is_dictionary: bool = False
    in_place: InPlace | None = None

    @property
    def stem(self) -> str:
        """What the ledger files it under: its form, or that it is a data dictionary."""
        return self.spec.stem + ("_dictionary" if self.is_dictionary else "")


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


@dataclass(frozen=True)
class Receipt:
    """What taking a delivery came to.

    Attributes:
        delivery_id: hash of what it holds.
        new: whether the store did not have it yet.
        files: what became of the records of each file.
        warnings: what people should know though the delivery loads.
    """

    delivery_id: str
    new: bool
    files: list[LoadedFile]
    warnings: list[Problem]

    @property
    def quarantined(self) -> list[Problem]:
        """Every record that could not be read."""
        return [problem for file in self.files for problem in file.quarantined]

    @property
    def about_delivery(self) -> list[Problem]:
        """Warnings that do not come from reading a file: loading it will not tell them again."""
        of_files = {warning for file in self.files for warning in file.warnings}
        return [warning for warning in self.warnings if warning not in of_files]

    def table(self) -> str:
        """What became of each file, a line for one."""
        return table_of(self.files)


def known_sites(project: Path) -> dict[str, frozenset[str]]:
    """The sites of each source, from the project's list of sites."""
    sites: dict[str, set[str]] = {}
    path = project / "seeds" / "reference" / "ref_sites.csv"
    with path.open(encoding="utf-8-sig", newline="") as handle:
        for row in csv.DictReader(handle, strict=True):
            sites.setdefault(row["data_centre"], set()).add(row["site_id"])
    return {source: frozenset(found) for source, found in sites.items()}


def receive(
    folder: Path,
    state: Path,
    received: date,
    strict: bool = False,
    progress: Progress = lambda text: None,
    sites: Mapping[str, Collection[str]] | None = None,
    again: bool = False,
) -> Receipt:
    """Take a delivery into the store after reading every file of it strictly.

    Args:
        folder: the delivery.
        state: the store.
        received: day it counts as received.
        strict: refuse the delivery when any record of it goes to quarantine.
        progress: told the file being read and how far it is.
        sites: sites of each source that may have a folder of their own; None for any.
        again: take a delivery that the store has anew, where later ones took its place.

    Raises:
        DeliveryRefused: the manifest or a file is at fault; nothing was stored.
    """
    items, manifest = _delivered_files(folder, sites)
    held = {file["sha256"] for entry in store.read_ledger(state) for file in entry["files"]}
    new = [item for item in items if _told_hash(manifest[item.name]) not in held]
    engine.refuse_without_room(state, sum(item.path.stat().st_size for item in new), "DLM_STATE")
    problems: list[Problem] = []
    warnings: list[Problem] = []
    shas = {}
    if any(row["date"] > received.isoformat() for row in manifest.values()):
        what = f"lies after {received}, the day the delivery counts as received"
        warnings.append(Problem("manifest.csv", None, "date", "dated_after_receipt", what))

    outcomes = _judged_files(items, progress)
    for name, outcome in outcomes:
        if isinstance(outcome, DeliveryRefused):
            problems += outcome.problems
            continue
        shas[name] = outcome.sha256
        warnings += outcome.warnings
        problems += _unlike_manifest(name, outcome.sha256, manifest[name], outcome.records_in)
        if strict:
            problems += outcome.quarantined
    for item in items:
        if item.is_dictionary:
            shas[item.name] = store.hash_file(item.path)
            warnings += dictionary_changes(item.path, item.name, item.contract)
            problems += _unlike_manifest(item.name, shas[item.name], manifest[item.name])
    if problems:
        raise DeliveryRefused(problems, _summary(outcomes), advice=_without(problems, items))
    files = [file for _, file in outcomes if isinstance(file, LoadedFile)]
    with store.locked(state):
        ledger = store.read_ledger(state)
        known = [entry for entry in ledger if _contents(entry) == shas]
        if known:
            replaced = min((_not_in_force(ledger, entry) for entry in known), key=len)
            if not (again and replaced):
                return Receipt(known[-1]["delivery_id"], False, files, warnings + replaced)
        delivery_id = _delivery_id(shas, len(known))
        records = {file.name: file.loaded for file in files}
        stays = {file.name: file.in_place.as_json() for file in files if file.in_place}
        entry: store.Entry = {
            "delivery_id": delivery_id,
            "received": received.isoformat(),
            "files": [
                {
                    **_as_in_ledger(item, shas[item.name], records.get(item.name)),
                    "sender": manifest[item.name]["sender"],
                    "dated": manifest[item.name]["date"],
                    **({"in_place": stays[item.name]} if item.name in stays else {}),
                }
                for item in items
            ],
        }
        problems = _unlike_earlier(ledger, entry)
        if problems:
            raise DeliveryRefused(problems, _summary(outcomes), advice=_without(problems, items))
        for item in items:
            store.keep(state, item.path, shas[item.name])
        entry["changes"] = _changes(state, entry)
        store.append(state, entry)
    return Receipt(delivery_id, True, files, warnings + _not_in_force([*ledger, entry], entry))


def _contents(entry: store.Entry) -> dict[str, str]:
    return {file["name"]: file["sha256"] for file in entry["files"]}


def _delivery_id(shas: Mapping[str, str], times_before: int) -> str:
    """Hash of what a delivery holds and, of one received anew, of how often it was before."""
    lines = [f"{name} {sha}" for name, sha in sorted(shas.items())]
    if times_before:
        lines.append(f"received {times_before} times before")
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def _not_in_force(ledger: list[store.Entry], entry: store.Entry) -> list[Problem]:
    """Files of a delivery whose place those of deliveries received later have."""
    current = _in_force(store.received_until(ledger, None))
    problems = []
    for file in entry["files"]:
        slot = (file["source"], file["site_id"], file["stem"])
        holder, _ = current.get(slot) or current[file["source"], None, file["stem"]]
        if holder["delivery_id"] != entry["delivery_id"]:
            what = (
                f"is not in force: delivery {holder['delivery_id']}, received "
                f"{holder['received']}, has its place; to go back to this one load it with --again"
            )
            problems.append(Problem(file["name"], None, None, "not_in_force", what))
    return problems


def _without(problems: Sequence[Problem], items: Sequence[Incoming]) -> str:
    """How to load the files of a delivery that nothing is wrong with; empty where there is none."""
    bad = {problem.file for problem in problems}
    if all(item.name in bad for item in items if not item.is_dictionary):
        return ""
    return (
        "  Nothing was stored. Have what is named corrected and load the whole folder again; or, "
        "to go on with the other files, move what is named out of the folder, delete "
        "its lines from manifest.csv and load the rest. What was in force in its place stays so "
        "until it comes, corrected, as a delivery of its own."
    )


def write_delivery_manifest(
    folder: Path,
    sender: str,
    day: date | None,
    sites: Mapping[str, Collection[str]] | None = None,
    replace: bool = False,
    progress: Progress = lambda text: None,
) -> tuple[list[LoadedFile], list[Problem]]:
    """Write the manifest of a delivery, its files read as `receive` will read them.

    Args:
        folder: the delivery to be.
        sender: who sends it.
        day: day it was written; None where nobody says.
        sites: sites of each source that may have a folder of their own; None for any.
        replace: write over a manifest that is there.
        progress: told the file being read and how far it is.

    Returns:
        What will become of the records of each file, and how a dictionary differs from ours.

    Raises:
        DeliveryRefused: a file would be refused; no manifest was written.
        UsageError: there is nothing to list, or a manifest already.
    """
    contracts = load_contracts()
    names = _present_names(folder, contracts)
    path = folder / "manifest.csv"
    if path.exists() and not replace:
        raise UsageError(f"{path} is there already; to write it anew add --replace")
    items, problems = _items(folder, names, contracts, sites)
    if not names:
        raise UsageError(f"{folder} holds no file of a form; a delivery is DIR/<source>/<form>.csv")
    if problems:
        raise DeliveryRefused(problems)
    outcomes = _judged_files(items, progress)
    files = [outcome for _, outcome in outcomes if isinstance(outcome, LoadedFile)]
    refusals = [outcome for _, outcome in outcomes if isinstance(outcome, DeliveryRefused)]
    problems = [problem for refusal in refusals for problem in refusal.problems]
    if not problems:
        read = {file.name: file for file in files}
        entry = {
            "delivery_id": "",
            "received": date.min.isoformat(),
            "files": [
                _as_in_ledger(item, read[item.name].sha256, read[item.name].loaded)
                for item in items
                if not item.is_dictionary
            ],
        }
        problems = _unlike_earlier([], entry)
    if problems:
        raise DeliveryRefused(problems, _summary(outcomes))
    listed = [(file.name, file.records_in, file.sha256) for file in files]
    told: list[Problem] = []
    for item in items:
        if item.is_dictionary:
            told += dictionary_changes(item.path, item.name, item.contract)
            records = dictionary_records(item.path)
            listed.append((item.name, records, store.hash_file(item.path)))
    dated = day.isoformat() if day else ""
    text = manifest_text((*each, dated, sender) for each in sorted(listed))
    partial = path.with_name(".manifest.part")
    partial.write_text(text, encoding="utf-8", newline="")
    partial.replace(path)
    return files, told


def _as_in_ledger(item: Incoming, sha256: str, records: int | None) -> dict[str, Any]:
    """What the ledger says of a file whoever sent it; records None of a dictionary."""
    return {
        "name": item.name,
        "source": item.contract.source,
        "site_id": item.site_id,
        "stem": item.stem,
        "sha256": sha256,
        "records": records,
    }


def table_of(files: Iterable[LoadedFile]) -> str:
    """One line per file: records in, loaded, quarantined, exact duplicates, verdict."""
    return _summary([(file.name, file) for file in files])


def tell(console: Console, problems: list[Problem], what: str) -> None:
    """Put problems on the screen, a few dozen at most; the tables hold them all."""
    for problem in problems[:_TOLD]:
        console.note(f"{what}: {problem}")
    if len(problems) > _TOLD:
        console.note(f"{what}: and {len(problems) - _TOLD} more")


def _judged(
    item: Incoming, connection: duckdb.DuckDBPyConnection, delivery_id: str | None, say: Progress
) -> LoadedFile | DeliveryRefused:
    """What became of the records of a file, or why it cannot be read at all."""
    try:
        return read_file(
            item.path,
            item.name,
            item.spec,
            item.contract,
            connection,
            delivery_id,
            _told(say, item),
            site_id=item.site_id,
        )
    except DeliveryRefused as refusal:
        return refusal


def _judged_files(
    items: Sequence[Incoming], progress: Progress
) -> list[tuple[str, LoadedFile | DeliveryRefused]]:
    """What became of each file that holds records, by its name."""

    def judge(item: Incoming, say: Progress) -> LoadedFile | DeliveryRefused:
        with _counting_database() as connection:
            return _judged(item, connection, None, say)

    read = [item for item in items if not item.is_dictionary]
    judged = [found for (found,) in _side_by_side([[item] for item in read], judge, progress)]
    return [(item.name, outcome) for item, outcome in zip(read, judged, strict=True)]


class _Stopped(Exception):
    """Reading was given up because something else failed."""


def _side_by_side(
    groups: Sequence[Sequence[Incoming]],
    read: Callable[[Incoming, Progress], _Found],
    progress: Progress,
) -> list[list[_Found]]:
    """What came of reading files, READERS groups at the same time, a group's files in turn."""
    stopped, speaking = threading.Event(), threading.Lock()

    def say(text: str) -> None:
        if stopped.is_set():
            raise _Stopped
        with speaking:
            progress(text)

    def read_all(group: Sequence[Incoming]) -> list[_Found]:
        return [read(item, say) for item in group]

    def size(group: Sequence[Incoming]) -> int:
        return sum(item.path.stat().st_size for item in group if item.path.exists())

    with ThreadPoolExecutor(READERS) as pool:
        # The largest begin, so that none is left over when the others have ended.
        begun = {
            at: pool.submit(read_all, groups[at])
            for at in sorted(range(len(groups)), key=lambda at: -size(groups[at]))
        }
        try:
            return [begun[at].result() for at in range(len(groups))]
        except BaseException:
            stopped.set()
            pool.shutdown(cancel_futures=True)
            raise


def _told(progress: Progress, item: Incoming) -> Callable[[int], None]:
    """Progress within one file, in MB of its text."""
    progress(item.name)
    return lambda read: progress(f"{item.name}, {read / 1e6:.0f} MB")


@contextlib.contextmanager
def _counting_database() -> Iterator[duckdb.DuckDBPyConnection]:
    """A database of its own, to count records in; takes hashes, never values."""
    with scratch_folder() as folder, engine.connect(beside=folder / "counts") as connection:
        connection.execute(f"set memory_limit = '{LOAD_MEMORY // READERS}MB'")
        yield connection


def _told_hash(row: Mapping[str, str]) -> str:
    """The hash of a file that its row of the manifest tells."""
    return row["sha256"].strip().lower()


def _unlike_manifest(
    name: str, sha256: str, row: dict[str, str], records: int | None = None
) -> list[Problem]:
    """How a file differs from what the manifest says of it."""
    problems = []
    if sha256 != _told_hash(row):
        problems.append(
            Problem(
                name,
                None,
                None,
                "hash_differs",
                "is not the file manifest.csv describes (sha256 differs); send both again",
            )
        )
    told = row["rows"].strip()
    if records is not None and told != str(records):
        shown = told if told.isdecimal() else "something that is no number"
        problems.append(
            Problem(
                name,
                None,
                None,
                "rows_differ",
                f"has {records} records where manifest.csv says {shown}; was the file cut short?",
            )
        )
    return problems


def _unlike_earlier(ledger: Sequence[store.Entry], entry: store.Entry) -> list[Problem]:
    """Files of a delivery that earlier ones show to be mistaken: sent before, or emptied."""
    problems = []
    seen: dict[tuple[str, str, str], tuple[str | None, str]] = {}
    for each in [*ledger, entry]:
        for file in each["files"]:
            content = (file["source"], file["stem"], file["sha256"])
            where = file["name"]
            if each is not entry:
                where += f" of delivery {each['delivery_id']}"
            site, place = seen.setdefault(content, (file["site_id"], where))
            if each is entry and file["records"] and site != file["site_id"]:
                what = f"holds to the byte what {place} holds; was the wrong file sent?"
                problems.append(Problem(file["name"], None, None, "same_content", what))
    until = date.fromisoformat(entry["received"])
    current = _in_force(store.received_until(list(ledger), until))
    of_all_sites = {
        (file["source"], file["stem"]): file["name"]
        for file in [*(file for _, file in current.values()), *entry["files"]]
        if file["site_id"] is None and file["records"]
    }
    for file in entry["files"]:
        if file["records"] != 0:
            continue
        had = sum(old.get("records") or 0 for old in _replaced_by(current, file))
        # How many records of a file for all are one site's, the ledger does not say.
        whole = of_all_sites.get((file["source"], file["stem"])) if file["site_id"] else None
        if had:
            what = (
                f"has no record that can be read where {had} are in force; what is in force stays: "
                "send the file with its records"
            )
            problems.append(Problem(file["name"], None, None, "emptied", what))
        elif whole:
            what = (
                f"has no record that can be read and would take the place of what {whole}, a file "
                "for all sites, holds of the site: send it with its records or leave it out"
            )
            problems.append(Problem(file["name"], None, None, "emptied", what))
    return problems


def _replaced_by(current: Current, file: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The files in force whose place a file takes: of its site, or of all sites if it has none."""
    return [
        old
        for (source, site, stem), (_, old) in current.items()
        if (source, stem) == (file["source"], file["stem"])
        and (site == file["site_id"] or file["site_id"] is None)
    ]


def _dated_earlier(current: Current, entry: store.Entry) -> list[dict[str, Any]]:
    """Files whose manifest dates them before the file whose place they take, as changes.

    A manifest's date never decides what is in force, and a correction may come on the same day.
    """
    return [
        {
            "rule_id": "DL16",
            "kind": "dated_earlier",
            "source": file["source"],
            "site_id": file["site_id"],
            "form": None if spec is None else spec.form,
            "previous_file": old["name"],
            "file": file["name"],
            "dated": file["dated"],
            "previous_dated": old["dated"],
        }
        for file in entry["files"]
        for old in _replaced_by(current, file)
        if file["dated"] and old.get("dated", "") > file["dated"]
        if old["sha256"] != file["sha256"]
        for spec in [_spec_of(file)]
    ]


def _spec_of(file: Mapping[str, Any]) -> FileSpec | None:
    """Which file of its source a file of the ledger is; None for a data dictionary."""
    specs = load_contracts()[file["source"]].file_specs()
    return next((spec for spec in specs if spec.stem == file["stem"]), None)


def _summary(outcomes: Sequence[tuple[str, LoadedFile | DeliveryRefused]]) -> str:
    rows: list[tuple[str, ...]] = [
        ("file", "records in", "loaded", "quarantined", "exact duplicates", "verdict")
    ]
    for name, outcome in outcomes:
        if isinstance(outcome, DeliveryRefused):
            codes = ", ".join(sorted({problem.code for problem in outcome.problems}))
            rows.append((name, "", "", "", "", f"refused: {codes}"))
            continue
        counts = (
            outcome.records_in,
            outcome.loaded,
            len(outcome.quarantined),
            outcome.exact_duplicates,
        )
        verdict = "in part" if outcome.quarantined else "whole"
        rows.append((name, *map(str, counts), verdict))
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [
            cell.rjust(width) if 0 < at < 5 else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def _changes(state: Path, entry: store.Entry) -> list[dict[str, Any]]:
    """What the delivery loses against the files in force on the day it was received.

    Empty where the earlier files cannot be read by today's contracts: a delivery is not refused
    for the sake of the one it replaces.
    """
    earlier = store.received_until(store.read_ledger(state), date.fromisoformat(entry["received"]))
    loaded = {
        (spec.source, spec.stem) for c in load_contracts().values() for spec in c.file_specs()
    }
    touched = loaded & {(file["source"], file["stem"]) for file in entry["files"]}
    before, after = _in_force(earlier), _in_force([*earlier, entry])

    items = [
        [_stored(state, current, *current[key]) for key in current if (key[0], key[2]) in touched]
        for current in (before, after)
    ]
    # What was sent again unchanged lost nothing, and need not be read again.
    same = set.intersection(
        *({(item.path, item.replaced_sites) for item in side} for side in items)
    )

    def fill(side: list[Incoming]) -> Callable[[duckdb.DuckDBPyConnection], object]:
        changed = [item for item in side if (item.path, item.replaced_sites) not in same]
        return lambda connection: load_raw(connection, changed, [])

    dated = _dated_earlier(before, entry)
    if not items[0]:
        return dated
    contracts = [load_contracts()[source] for source in sorted({source for source, _ in touched})]
    try:
        return dated + find_changes(contracts, fill(items[0]), fill(items[1]))
    except DeliveryRefused:
        return dated


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
        file["sha256"],
        in_place=InPlace.from_json(file.get("in_place")),
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
    strict: bool = False,
) -> list[LoadedFile]:
    """Fill schema raw: every record as text with its delivery, file, line and hash.

    Args:
        connection: writable connection on the work database.
        items: the files in force.
        origins: what the data of each source are.
        progress: told the name of each file as its reading begins, and how far it is.
        strict: stop when any record goes to quarantine.

    Raises:
        DeliveryRefused: a file cannot be read at all; lists all that cannot. The database may hold
            some of the others and is to be thrown away.
    """
    allowed = connection.execute("select current_setting('memory_limit')").fetchall()[0][0]
    items = list(items)
    connection.execute(f"set memory_limit = '{_load_memory(items, allowed)}MB'")
    connection.begin()
    connection.execute("create schema if not exists raw")
    for contract in load_contracts().values():
        for spec in contract.file_specs():
            create_table(connection, spec)
    connection.commit()

    def load(item: Incoming, say: Progress) -> tuple[LoadedFile | DeliveryRefused, int]:
        with connection.cursor() as own:
            outcome = _judged(item, own, item.delivery_id, say)
            return outcome, 0 if isinstance(outcome, DeliveryRefused) else _drop_replaced(own, item)

    tables: dict[str, list[Incoming]] = {}
    for item in items:
        tables.setdefault(item.spec.raw_table, []).append(item)
    groups = []
    in_place: _Outcomes = {}
    for group in tables.values():
        if all(item.in_place and not item.replaced_sites for item in group):
            in_place |= _left_in_place(connection, group)
        else:
            groups.append(group)
    outcomes = in_place | {
        (item.name, item.delivery_id): outcome
        for group, found in zip(groups, _side_by_side(groups, load, progress), strict=True)
        for item, outcome in zip(group, found, strict=True)
    }
    loaded, problems, ledger = [], [], []
    for item in items:
        file, replaced = outcomes[item.name, item.delivery_id]
        if isinstance(file, DeliveryRefused):
            problems += file.problems
            continue
        if item.sha256 is not None and file.sha256 != item.sha256:
            raise DlmError(
                f"{item.path} is no longer the file that was stored; restore it from a backup"
            )
        if strict:
            problems += file.quarantined
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
                file.loaded - replaced,
                len(file.quarantined),
                file.exact_duplicates,
                item.received,
            )
        )
    connection.execute(f"set memory_limit = '{allowed}'")
    if problems:
        raise DeliveryRefused(problems)
    _write_ledgers(connection, ledger, loaded, origins)
    return loaded


def _left_in_place(connection: duckdb.DuckDBPyConnection, items: Sequence[Incoming]) -> _Outcomes:
    """Make a raw table a view of files of the store, and tell what was found of them."""
    outcomes: _Outcomes = {}
    pieces = []
    for item in items:
        found = item.in_place
        assert found is not None
        if not item.path.is_file():
            raise DlmError(f"{item.path} is missing in the store; restore it from a backup")
        outcomes[item.name, item.delivery_id] = (
            LoadedFile(
                item.spec,
                item.name,
                store.hash_file(item.path),
                records_in=found.records,
                loaded=found.records - len(found.repeated),
                exact_duplicates=len(found.repeated),
                fast=True,
                in_place=found,
            ),
            0,
        )
        pieces.append(Piece(item.path, item.delivery_id, item.name, found))
    create_view(connection, items[0].spec, pieces)
    return outcomes


def _load_memory(items: Iterable[Incoming], allowed: str) -> int:
    """MB for loading: of much text a third, for its records are told apart by their hashes."""
    text = sum(
        item.path.stat().st_size * _TEXT_BYTES.get(Path(item.name).suffix, 1)
        for item in items
        if item.path.exists()
    )
    most = engine.size_of(allowed) or 0
    return max(LOAD_MEMORY, int(min(text / 3, most) / 1e6))


def _drop_replaced(connection: duckdb.DuckDBPyConnection, item: Incoming) -> int:
    """Take out of a file for all sites the records of those that sent their own since; how many."""
    if not item.replaced_sites:
        return 0
    form = next(iter(item.contract.forms.values()))
    patient = next(column.header for column in form.columns if column.name == "patient_id")
    taken = connection.execute(
        f"delete from raw.{quoted(item.spec.raw_table)} where _file = ? and _delivery_id = ? "
        f"and list_contains(?, split_part({plain_id(plain(quoted(patient)))}, '-', 1))",
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
    connection.execute(
        "create or replace table raw.load_warnings (delivery_id varchar, source varchar, "
        "form varchar, file varchar, line bigint, column_name varchar, reason_code varchar, "
        "reason varchar)"
    )
    connection.execute("create or replace table raw.load_origin (source varchar, origin varchar)")
    engine.insert(connection, "raw.load_files", ledger)
    quarantine = [
        (entry[0], entry[1], entry[3], entry[4], bad.line, bad.column, bad.code, bad.text, None)
        for entry, file in zip(ledger, loaded, strict=True)
        for bad in file.quarantined
    ]
    engine.insert(connection, "raw.load_quarantine", quarantine)
    warnings = [
        (entry[0], entry[1], entry[3], entry[4], told.line, told.column, told.code, told.text)
        for entry, file in zip(ledger, loaded, strict=True)
        for told in file.warnings
    ]
    engine.insert(connection, "raw.load_warnings", warnings)
    said = [(origin.source, origin.origin) for origin in origins]
    engine.insert(connection, "raw.load_origin", said)


def _delivered_files(
    folder: Path, sites: Mapping[str, Collection[str]] | None
) -> tuple[list[Incoming], dict[str, dict[str, str]]]:
    """The files of a delivery folder, checked against its manifest, and the manifest's rows."""
    contracts = load_contracts()
    present = _present_names(folder, contracts)
    manifest = read_manifest(folder, contracts)
    problems = [
        Problem(
            tellable(name),
            None,
            None,
            "not_in_manifest",
            "is not in manifest.csv; list it or remove it",
        )
        for name in sorted(present - manifest.keys())
    ] + [
        Problem(tellable(name), None, None, "missing_file", "is in manifest.csv but not there")
        for name in sorted(manifest.keys() - present)
    ]
    items, more = _items(folder, present & manifest.keys(), contracts, sites)
    problems += more
    if not manifest and not problems:
        what = "lists no file; a delivery holds at least one"
        problems = [Problem("manifest.csv", None, "file", "empty_delivery", what)]
    if problems:
        raise DeliveryRefused(problems)
    return items, manifest


def _present_names(folder: Path, contracts: Mapping[str, Contract]) -> set[str]:
    """The files in a folder that would be delivered, by their paths in it.

    Files that belong to nobody (a letter, the truth of a synthetic trial) are left alone.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder; a delivery is DIR/<source>/<form>.csv")
    stems = {spec.stem for contract in contracts.values() for spec in contract.file_specs()}
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file()
        and (path.relative_to(folder).parts[0] in contracts or stem_of(path.name) in stems)
        and not path.name.startswith((".", "~$", "Thumbs.db"))
    }


def _items(
    folder: Path,
    names: Collection[str],
    contracts: Mapping[str, Contract],
    sites: Mapping[str, Collection[str]] | None,
) -> tuple[list[Incoming], list[Problem]]:
    """What the files of a delivery are, and those that can be none."""
    items: list[Incoming] = []
    problems: list[Problem] = []
    taken: dict[tuple[str, str | None, str], str] = {}
    for name in sorted(names):
        if _leads_elsewhere(folder, name):
            what = "is a link, or stands in a linked folder; a delivery holds the files themselves"
            problems.append(Problem(tellable(name), None, None, "link", f"{what}: copy it there"))
            continue
        contract = contracts.get(Path(name).parts[0])
        if contract is None:
            what = f"stands in the folder of no source; move it to one of {', '.join(contracts)}"
            problems.append(Problem(tellable(name), None, None, "unknown_source", what))
            continue
        item = _incoming(folder / name, name, contract, sites)
        if isinstance(item, Problem):
            problems.append(item)
            continue
        other = taken.setdefault((item.contract.source, item.site_id, item.stem), name)
        if other != name:
            text = f"holds the same form as {other}; deliver one of them"
            problems.append(Problem(name, None, None, "two_files", text))
        items.append(item)
    return items, problems


def _leads_elsewhere(folder: Path, name: str) -> bool:
    """Whether a name in a delivery stands for a file of another place, which nobody delivered."""
    return (folder / name).resolve() != folder.resolve() / name


def _incoming(
    path: Path, name: str, contract: Contract, sites: Mapping[str, Collection[str]] | None
) -> Incoming | Problem:
    """What a delivered file is, from its place and name."""
    parts = Path(name).parts
    stem = stem_of(name)
    specs = {spec.stem: spec for spec in contract.file_specs()}
    site = unicodedata.normalize("NFKC", parts[1]).strip().upper() if len(parts) == 3 else None
    if site is not None and sites is not None and site not in sites.get(contract.source, ()):
        what = f"stands in the folder of no site of {contract.source}; name it like EU01"
        return Problem(tellable(name), None, None, "unknown_site", what)
    if len(parts) in (2, 3) and stem is not None:
        if contract.dictionary and name.endswith(f"/{contract.file}_dictionary.csv"):
            spec = specs[contract.file or ""]
            return Incoming(path, name, spec, contract, site, "", None, is_dictionary=True)
        if stem in specs:
            return Incoming(path, name, specs[stem], contract, site, "", None)
    known = ", ".join(f"{contract.source}/{stem}.csv" for stem in specs)
    return Problem(
        tellable(name),
        None,
        None,
        "unknown_file",
        f"is no form of its source; known: {known} (or .csv.gz, .xlsx or .parquet)",
    )


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
