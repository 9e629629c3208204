"""Read one delivered file exactly, or say why not.

The file is decoded strictly in a declared encoding, its header is matched by name, and every record
must have exactly the header's number of fields. What cannot be read is never guessed: a record goes
to quarantine with its line, a file that cannot be trusted as a whole is refused.
"""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from dlm.contracts import Contract, FileSpec, match_name
from dlm.errors import DeliveryRefused, Problem

FIELD_LIMIT = 64 * 1024
SIZE_LIMIT = 2 * 1024**3
_MAGIC = (
    (b"PK\x03\x04", "zipped", "a zip archive or Excel workbook; export it as CSV"),
    (b"\xd0\xcf\x11\xe0", "workbook", "an old Excel workbook; export it as CSV"),
    (b"\x1f\x8b", "compressed", "gzip data; deliver it uncompressed"),
    (b"%PDF", "pdf", "a PDF; export the data as CSV"),
)


@dataclass
class LoadedFile:
    """The records of one file, all text.

    Attributes:
        records: one list of fields per record, in the order of spec.headers.
        lines: physical line each record starts on.
        hashes: hash of each record's fields.
        quarantined: one problem per record that could not be read, with its line.
        exact_duplicates: records that repeat an earlier one of the file exactly.
        records_in: records found = loaded + quarantined + exact duplicates.
    """

    spec: FileSpec
    name: str
    sha256: str
    records: list[list[str]] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    hashes: list[str] = field(default_factory=list)
    quarantined: list[Problem] = field(default_factory=list)
    exact_duplicates: int = 0
    records_in: int = 0


def read_file(path: Path, name: str, spec: FileSpec, contract: Contract) -> LoadedFile:
    """Read one file against its contract.

    Args:
        path: where the bytes are.
        name: how the file is called in errors and tables (its path inside the delivery).
        spec: which file of the source this is.
        contract: the source's habits.

    Raises:
        DeliveryRefused: the file cannot be trusted as a whole.
    """
    data = _read_bytes(path, name)
    text = _decode(data, name, contract.encodings)
    loaded = LoadedFile(spec, name, hashlib.sha256(data).hexdigest())
    rows = _rows(text, name, contract.delimiter)
    first = next(rows, None)
    if first is None or not isinstance(first[1], list):
        raise _refused(name, 1, "no_header", "has no readable header line")
    order = _match_header(first[1], spec, name)
    width = len(order)
    seen: set[str] = set()
    for line, row in rows:
        loaded.records_in += 1
        if isinstance(row, Problem):
            loaded.quarantined.append(row)
            continue
        if len(row) != width:
            loaded.quarantined.append(_miscounted(name, line, len(row), width, spec))
            continue
        fields = [row[position] for position in order]
        record_hash = hashlib.md5("\x1f".join(fields).encode(), usedforsecurity=False).hexdigest()
        if record_hash in seen:
            loaded.exact_duplicates += 1
            continue
        seen.add(record_hash)
        loaded.records.append(fields)
        loaded.lines.append(line)
        loaded.hashes.append(record_hash)
    return loaded


def _read_bytes(path: Path, name: str) -> bytes:
    size = path.stat().st_size
    if size == 0:
        raise _refused(name, None, "empty_file", "is empty; send it again")
    if size > SIZE_LIMIT:
        raise _refused(name, None, "too_large", f"is larger than {SIZE_LIMIT} bytes; split it")
    data = path.read_bytes()
    for magic, code, what in _MAGIC:
        if data.startswith(magic):
            raise _refused(name, None, code, f"is not a CSV file but {what}")
    if data[:1024].lstrip()[:1] == b"<" and b"html" in data[:1024].lower():
        raise _refused(
            name, None, "web_page", "is a web page, not a CSV file; was the download logged in?"
        )
    return data


def _decode(data: bytes, name: str, encodings: tuple[str, ...]) -> str:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encodings = ("utf-16",)
    elif b"\x00" in data:
        line = data.count(b"\n", 0, data.index(b"\x00")) + 1
        raise _refused(
            name, line, "nul_byte", "holds a NUL byte; the file is damaged, send it again"
        )
    fault: UnicodeDecodeError | None = None
    for encoding in encodings:
        try:
            return data.decode("utf-8-sig" if encoding == "utf-8" else encoding, errors="strict")
        except UnicodeDecodeError as error:
            fault = fault if fault and fault.start > error.start else error
    assert fault is not None
    raise _refused(
        name,
        data.count(b"\n", 0, fault.start) + 1,
        "undecodable",
        f"byte {fault.start} is not valid {' or '.join(encodings)}; "
        "save the file in the encoding the contract declares",
    )


def _rows(text: str, name: str, delimiter: str) -> Iterator[tuple[int, list[str] | Problem]]:
    """Each record with the physical line it starts on; blank lines hold no record."""
    csv.field_size_limit(FIELD_LIMIT)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if "unexpected end of data" in str(error):
                raise _refused(
                    name,
                    line,
                    "open_quote",
                    "a quote that opens in the record starting here is never closed, so where "
                    "later records begin cannot be known; close it and send the file again",
                ) from None
            code = "field_too_long" if "field limit" in str(error) else "bad_quote"
            what = (
                f"a field is longer than {FIELD_LIMIT} characters"
                if code == "field_too_long"
                else "a quote stands inside a field; double it or quote the whole field"
            )
            yield line, Problem(name, line, None, code, what)
            continue
        if row:
            yield line, row


def _match_header(found: list[str], spec: FileSpec, name: str) -> list[int]:
    """Position in the file of each contract column."""
    positions: dict[str, list[int]] = {}
    for position, header in enumerate(found):
        positions.setdefault(match_name(header), []).append(position)
    wanted = {match_name(header): header for header in spec.headers}
    problems = []
    for key, header in wanted.items():
        if key not in positions:
            unknown = sorted(found[at[0]] for k, at in positions.items() if k not in wanted)
            hint = f"; unknown here: {', '.join(unknown)} (renamed?)" if unknown else ""
            problems.append(Problem(name, 1, header, "missing_column", f"is missing{hint}"))
        elif len(positions[key]) > 1:
            problems.append(Problem(name, 1, header, "duplicate_column", "stands more than once"))
    for key, at in positions.items():
        if key not in wanted:
            problems.append(
                Problem(
                    name,
                    1,
                    found[at[0]] or f"number {at[0] + 1} (no name)",
                    "unknown_column",
                    "is not in the contract; remove it, or extend the contract",
                )
            )
    if problems:
        raise DeliveryRefused(problems)
    return [positions[key][0] for key in wanted]


def _miscounted(name: str, line: int, found: int, width: int, spec: FileSpec) -> Problem:
    column = spec.headers[found] if found < width else None
    return Problem(
        name,
        line,
        column,
        "field_count",
        f"has {found} fields where the header has {width}; check delimiters and quotes",
    )


def _refused(name: str, line: int | None, code: str, text: str) -> DeliveryRefused:
    return DeliveryRefused([Problem(name, line, None, code, text)])
