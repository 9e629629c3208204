"""One file from its bytes to counted, stored records: the steps in their order."""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dlm.contracts import Contract, FileSpec
from dlm.errors import Problem
from dlm.reading import content, fast, in_place, parquet, records, workbook
from dlm.reading.content import Content, refused
from dlm.reading.header import Header, known_share, match_header
from dlm.reading.in_place import InPlace
from dlm.reading.privacy import PrivacyGate
from dlm.reading.store import store
from dlm.sql_text import id_made_plain

if TYPE_CHECKING:
    import duckdb

SUFFIXES = (".csv", ".csv.gz", ".xlsx", parquet.SUFFIX)
QUARANTINE_LIMIT = 100_000
Progress = Callable[[int], None]
_BATCH_ROWS = 20_000
_BATCH_CHARACTERS = 8 * 1024**2
_PREAMBLE = 20
_DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_MIXED = "lines end in more than one way from here on; every record was read all the same"
_Piece = TypeVar("_Piece", str, bytes)


@dataclass
class LoadedFile:
    """What became of the records of one file.

    Attributes:
        records_in: records found = loaded + quarantined + exact duplicates.
        loaded: records that were stored.
        quarantined: one problem per record that could not be read, with its line.
        exact_duplicates: records that repeat an earlier one of the file exactly.
        warnings: what people should know about a file that loads all the same.
        fast: whether the fast path read it.
        in_place: what was found of a file that may stay where it lies; None for one to be loaded.
    """

    spec: FileSpec
    name: str
    sha256: str
    records_in: int = 0
    loaded: int = 0
    quarantined: list[Problem] = field(default_factory=list)
    exact_duplicates: int = 0
    warnings: list[Problem] = field(default_factory=list)
    fast: bool = False
    in_place: InPlace | None = None


def stem_of(name: str) -> str | None:
    """The stem of a file that can be read; None for any other."""
    last = name.rsplit("/", 1)[-1]
    for suffix in sorted(SUFFIXES, key=len, reverse=True):
        if last.casefold().endswith(suffix):
            return last[: -len(suffix)]
    return None


def read_file(
    path: Path,
    name: str,
    spec: FileSpec,
    contract: Contract,
    connection: duckdb.DuckDBPyConnection,
    delivery_id: str | None,
    progress: Progress = lambda size: None,
    allow_fast: bool = True,
    site_id: str | None = None,
) -> LoadedFile:
    """Read one file against its contract.

    Args:
        path: where the bytes are.
        name: its path inside the delivery: how it is called in errors and tables, and how its
            kind is known.
        spec: which file of the source this is.
        contract: the source's habits.
        connection: database that takes the records; with no delivery_id only their hashes, in a
            temporary table that is dropped, so that a file can be judged before any value is kept.
        delivery_id: hash of the delivery it came with.
        progress: told the bytes read so far.
        allow_fast: whether the fast path may be tried.
        site_id: the site whose patients alone it may hold; None for any.

    Raises:
        DeliveryRefused: the file cannot be trusted as a whole; nothing of it was stored.
    """
    if name.casefold().endswith(".xlsx"):
        reading = _Reading(name, _hash(path, name), spec, contract, progress, site_id)
        return reading.stored(
            connection, delivery_id, reading.sheet(workbook.rows(path, name, spec, contract)), True
        )
    if name.casefold().endswith(parquet.SUFFIX):
        sha256 = _hash(path, name)
        if delivery_id is None:
            reading = _Reading(name, sha256, spec, contract, progress, site_id)
            judged = reading.judged_in_place(connection, path)
            if judged is not None:
                return judged
        for may_separate in (False, True):
            reading = _Reading(name, sha256, spec, contract, progress, site_id)
            with contextlib.suppress(parquet.Separators):
                return reading.stored(
                    connection, delivery_id, reading.table(path, may_separate), may_separate
                )
    found = content.examine(
        path,
        name,
        contract.encodings,
        lambda line: known_share(records.cut_fields(line, contract.delimiter)[0], spec) > 0.5,
    )
    reading = _Reading(name, found.sha256, spec, contract, progress, site_id)
    if allow_fast and fast.may_try(found):
        try:
            return reading.stored(connection, delivery_id, reading.fast(found), found.separators)
        except fast.NotSimple:
            reading = _Reading(name, found.sha256, spec, contract, progress, site_id)
    return reading.stored(connection, delivery_id, reading.strict(found), found.separators)


def _hash(path: Path, name: str) -> str:
    content.check_size(path, name)
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


class _Reading:
    """One pass over one file: from its text to batches of records."""

    def __init__(
        self,
        name: str,
        sha256: str,
        spec: FileSpec,
        contract: Contract,
        progress: Progress,
        site_id: str | None,
    ):
        self.site_id = site_id
        self.loaded = LoadedFile(spec, name, sha256)
        self.contract = contract
        self.progress = progress
        self.gate = PrivacyGate(name, spec)
        self.schema = pa.schema([(header, pa.string()) for header in spec.headers])
        self.patient = spec.headers.index(spec.patient) if spec.patient else None

    def stored(
        self,
        connection: duckdb.DuckDBPyConnection,
        delivery_id: str | None,
        batches: Iterator[pa.RecordBatch],
        escape: bool,
    ) -> LoadedFile:
        """Store the batches and close the account."""
        loaded = self.loaded
        loaded.exact_duplicates = store(
            connection, loaded.spec, loaded.name, delivery_id, batches, escape
        )
        loaded.loaded -= loaded.exact_duplicates
        return loaded

    def strict(self, found: Content) -> Iterator[pa.RecordBatch]:
        """The records of a text file, cut one by one."""
        lines = records.physical_lines(
            self._counted(content.texts(found)), found.name, found.newline
        )
        return self._batches(
            records.cut_records(
                lines, found.name, self.contract.delimiter, found.newline, found.quotes
            )
        )

    def sheet(self, rows: Iterator[records.Record]) -> Iterator[pa.RecordBatch]:
        """The records of a workbook's sheet."""
        return self._batches(rows)

    def judged_in_place(
        self, connection: duckdb.DuckDBPyConnection, path: Path
    ) -> LoadedFile | None:
        """What became of a Parquet file that may stay where it lies; None for one that may not."""
        import duckdb

        loaded = self.loaded
        # What either library cannot read so is told by the reader that says why.
        unlike = (parquet.Separators, pa.ArrowException, OSError, UnicodeDecodeError, duckdb.Error)
        with contextlib.suppress(*unlike):
            if not in_place.may_stay(path, loaded.spec):
                return None
            for _ in self._judged_batches(path, False):
                if loaded.quarantined or loaded.warnings:
                    return None
            repeated = in_place.repeated_lines(connection, path, loaded.spec)
            if loaded.warnings or repeated is None:
                return None
            loaded.in_place = InPlace(in_place.readers(), loaded.records_in, repeated)
            loaded.exact_duplicates = len(repeated)
            loaded.loaded -= len(repeated)
            return loaded
        return None

    def table(self, path: Path, may_separate: bool) -> Iterator[pa.RecordBatch]:
        """The records of a Parquet file; a record's line is its number, counted from 1."""
        for batch, lines in self._judged_batches(path, may_separate):
            texts = pa.RecordBatch.from_arrays(
                [column.cast(pa.string()) for column in batch.columns], schema=self.schema
            )
            yield texts.append_column("_line", pa.array(lines))

    def _judged_batches(
        self, path: Path, may_separate: bool
    ) -> Iterator[tuple[pa.RecordBatch, np.ndarray[Any, Any]]]:
        """Good records of a Parquet file, columns as dictionaries, with their lines."""
        name, spec = self.loaded.name, self.loaded.spec
        self.loaded.fast = True
        with parquet.opened(path, name) as file:
            header = match_header(file.schema_arrow.names, spec, name, 1)
            self.loaded.warnings += header.warnings
            line = 1
            for batch in parquet.batches(file, header, name, self.contract, may_separate):
                lines = np.arange(line, line + batch.num_rows, dtype=np.int64)
                line += batch.num_rows
                self.loaded.records_in += batch.num_rows
                self.progress(line - 1)
                kept = np.ones(batch.num_rows, dtype=bool)
                for row in parquet.odd_rows(batch, header, self.patient):
                    fields = [column[row].as_py() for column in batch.columns]
                    in_file = [""] * len(header.found)
                    for at, value in zip(header.order, fields, strict=True):
                        in_file[at] = value
                    record = records.Record(int(lines[row]), in_file, None, True, True, 1)
                    problem = self._judged(record, header)
                    if problem is None and max(map(len, fields)) > records.FIELD_LIMIT:
                        problem = Problem(name, record.line, None, *records.FIELD_TOO_LONG)
                    if problem is not None:
                        self._quarantine(record, problem)
                        kept[row] = False
                if not kept.all():
                    batch, lines = batch.filter(pa.array(kept)), lines[kept]
                self.gate.look(batch, lines)
                self._refuse_other_sites(batch, lines)
                self.loaded.loaded += batch.num_rows
                yield batch, lines
        self.gate.end()

    def _batches(self, source: Iterator[records.Record]) -> Iterator[pa.RecordBatch]:
        """Batches of good records; the others go to quarantine."""
        header = self._header(source)
        width = len(header.order)
        straight = header.order == list(range(width))
        rows: list[list[str]] = []
        lines: list[int] = []
        characters = 0
        bare: bool | None = None
        for record in source:
            self.loaded.records_in += 1
            if bare is None:
                bare = record.bare
            elif bare != record.bare and record.ended:
                self._warn_once(record.line, "mixed_newlines", _MIXED)
            problem = record.fault or self._judged(record, header)
            if problem is not None:
                self._quarantine(record, problem)
                continue
            fields = record.fields
            rows.append(fields if straight else [fields[at] for at in header.order])
            lines.append(record.line)
            characters += sum(map(len, fields))
            if len(rows) >= _BATCH_ROWS or characters > _BATCH_CHARACTERS:
                yield self._batch(rows, lines)
                rows, lines, characters = [], [], 0
        if rows:
            yield self._batch(rows, lines)
        self.gate.end()

    def fast(self, found: Content) -> Iterator[pa.RecordBatch]:
        """The records of a file proven simple, block by block."""
        self.loaded.fast = True
        blocks = self._counted(content.blocks(found, fast.BLOCK))
        line, blocks = fast.first_line(blocks, found)
        fields, fault = records.cut_fields(line, self.contract.delimiter)
        if fault is not None or known_share(fields, self.loaded.spec) == 0:
            raise fast.NotSimple
        header = match_header(fields, self.loaded.spec, found.name, 1)
        self.loaded.warnings += header.warnings
        for batch, lines in fast.batches(
            blocks, found, self.contract.delimiter, header, self.schema, 2
        ):
            count = batch.num_rows
            if self.patient is not None:
                fast.refuse_no_record(batch.column(self.patient))
            self.gate.look(batch, lines)
            self._refuse_other_sites(batch, lines)
            self.loaded.records_in += count
            self.loaded.loaded += count
            yield batch.append_column("_line", pa.array(lines))
        self.gate.end()

    def _header(self, source: Iterator[records.Record]) -> Header:
        name, spec = self.loaded.name, self.loaded.spec
        first = next(source, None)
        if first is not None and known_share(first.fields, spec) == 0:
            self._refuse_delimiter(first)
        if first is None or first.fault is not None:
            why = f": {first.fault.text}" if first and first.fault else ""
            raise refused(name, 1, "no_header", f"has no readable header line{why}")
        if known_share(first.fields, spec) == 0:
            for _, record in zip(range(_PREAMBLE), source, strict=False):
                if known_share(record.fields, spec) > 0.5:
                    raise refused(
                        name,
                        record.line,
                        "preamble",
                        "the header stands here; remove every line before it",
                    )
        header = match_header(first.fields, spec, name, first.line)
        self.loaded.warnings += header.warnings
        return header

    def _refuse_delimiter(self, first: records.Record) -> None:
        """Refuse a header that another delimiter than the declared one cuts into known columns."""
        line = self.contract.delimiter.join(first.fields)
        for delimiter, called in _DELIMITERS.items():
            if known_share(records.cut_fields(line, delimiter)[0], self.loaded.spec) > 0.5:
                raise refused(
                    self.loaded.name,
                    first.line,
                    "wrong_delimiter",
                    f"has {called} between its fields where the contract declares "
                    f"{_DELIMITERS.get(self.contract.delimiter, self.contract.delimiter)}; "
                    "export it anew",
                )

    def _judged(self, record: records.Record, header: Header) -> Problem | None:
        """Why a record with sound quotes goes to quarantine; None for a good one."""
        name, width = self.loaded.name, len(header.order)
        fields = record.fields
        if len(fields) != width:
            if not record.ended and len(fields) < width:
                raise refused(
                    name,
                    record.line,
                    "cut_short",
                    f"the last record has {len(fields)} of {width} fields and no newline: "
                    "the file was cut short; send it again",
                )
            if record.lines > 1:
                raise refused(
                    name,
                    record.line,
                    "open_quote",
                    f"the record starting here spans {record.lines} lines and has {len(fields)} "
                    f"fields where the header has {width}, so a quote may have swallowed other "
                    "records; mend it and send the file again",
                )
            column = header.found[len(fields)] if len(fields) < width else None
            return Problem(
                name,
                record.line,
                column,
                "field_count",
                f"has {len(fields)} fields where the header has {width}; "
                "check delimiters and quotes",
            )
        if not any(map(str.strip, fields)):
            what = "every field is blank; remove the line"
            return Problem(name, record.line, None, "blank_record", what)
        if header.repeats(fields):
            what = "is the header once more; were files joined?"
            return Problem(name, record.line, None, "second_header", what)
        if self.patient is not None and records.is_footer(fields[header.order[self.patient]]):
            what = "is a line about the file, not a record; remove it"
            return Problem(name, record.line, None, "footer", what)
        return None

    def _quarantine(self, record: records.Record, problem: Problem) -> None:
        # What could not be cut is looked at whole and in pieces: a name in it fills no field.
        marks = re.escape(self.contract.delimiter) + '"\r\n'
        pieces = [piece for text in record.fields for piece in re.split(f"[{marks}]", text)]
        self.gate.look_at_damaged(record.line, [*record.fields, *pieces])
        self.loaded.quarantined.append(problem)
        if len(self.loaded.quarantined) > QUARANTINE_LIMIT:
            raise refused(
                self.loaded.name,
                record.line,
                "too_many_faults",
                f"more than {QUARANTINE_LIMIT} records cannot be read; first: "
                f"{self.loaded.quarantined[0]}",
            )

    def _batch(self, rows: list[list[str]], lines: list[int]) -> pa.RecordBatch:
        columns = [pa.array(column, pa.string()) for column in zip(*rows, strict=True)]
        batch = pa.RecordBatch.from_arrays(columns, schema=self.schema)
        numbers = np.array(lines, dtype=np.int64)
        self.gate.look(batch, numbers)
        self._refuse_other_sites(batch, numbers)
        self.loaded.loaded += len(rows)
        return batch.append_column("_line", pa.array(numbers))

    def _refuse_other_sites(self, batch: pa.RecordBatch, lines: np.ndarray[Any, Any]) -> None:
        """Refuse a site's own file that holds a patient of another."""
        if self.site_id is None or self.patient is None:
            return
        column = batch.column(self.patient).cast(pa.string())
        for patient in pc.unique(column).to_pylist():
            plain = id_made_plain(patient)
            if plain and plain.split("-")[0] != self.site_id:
                raise refused(
                    self.loaded.name,
                    int(lines[pc.index(column, patient).as_py()]),
                    "other_site",
                    f"the patient is not of {self.site_id}, whose file this is; "
                    "was it put into the wrong folder?",
                )

    def _warn_once(self, line: int, code: str, text: str) -> None:
        if all(warning.code != code for warning in self.loaded.warnings):
            self.loaded.warnings.append(Problem(self.loaded.name, line, None, code, text))

    def _counted(self, pieces: Iterable[_Piece]) -> Iterator[_Piece]:
        read = 0
        for piece in pieces:
            read += len(piece)
            self.progress(read)
            yield piece
