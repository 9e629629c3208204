"""The fast path: pyarrow cuts blocks of a file that is proven simple.

Simple means: UTF-8, one newline style, every line a record with exactly the header's number of
fields. Each block is proven, not assumed: as many records as newlines, and the bytes of all values
plus delimiters, newlines and quotation marks are the bytes of the block, so nothing was trimmed,
skipped or changed. Quotation marks must open and close fields in turn; lines with doubled ones are
cut by the strict path's own rules. Whatever is not simple raises NotSimple and the strict path
reads the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dlm.reading.content import Content
from dlm.reading.privacy import value_lengths
from dlm.reading.records import FIELD_LIMIT, FOOTER, LINE_LIMIT, cut_fields

if TYPE_CHECKING:
    from dlm.reading.header import Header

BLOCK = 16 * 1024**2
_QUOTE = 0x22


class NotSimple(Exception):
    """The file needs the strict path; says nothing about whether it is good."""


def may_try(content: Content) -> bool:
    """Whether what is known of the whole file allows the fast path."""
    return content.encoding == "utf-8" and content.newline == "\n"


def first_line(blocks: Iterator[bytes], content: Content) -> tuple[str, Iterator[bytes]]:
    """The header line, and the blocks after it."""
    head = next(blocks, b"")
    end = head.find(b"\n")
    line = head[:end].removesuffix(b"\r")
    if end < 0 or not line or b"\r" in line:
        raise NotSimple

    def rest() -> Iterator[bytes]:
        yield head[end + 1 :]
        yield from blocks

    return line.decode(content.encoding), rest()


def batches(
    blocks: Iterator[bytes],
    content: Content,
    delimiter: str,
    header: Header,
    schema: pa.Schema,
    line: int,
) -> Iterator[tuple[pa.RecordBatch, np.ndarray[Any, Any]]]:
    """Records with their lines, nearly in the order of the file; columns in that of the schema.

    Lines with doubled quotation marks come after the others of their block.

    Args:
        blocks: bytes of the file after its header.
        content: what is known of the file.
        delimiter: one character.
        header: where the columns stand.
        schema: what they are called.
        line: number of the first line.

    Raises:
        NotSimple: a block could not be proven.
    """
    names = [str(position) for position in range(len(header.found))]
    order = [names[at] for at in header.order]
    newline = None
    for block in _whole_lines(blocks):
        found = _newline(block, content)
        if found != (newline := newline or found):
            raise NotSimple
        n_lines = block.count(b"\n")
        for cut, numbers in _cut_block(block, found, delimiter, names):
            _refuse_repeated_header(cut, header)
            table = cut.select(order).rename_columns(schema.names)
            at = 0
            for batch in table.to_batches():
                for column in batch.columns:
                    if len(column) and int(value_lengths(column).max()) > FIELD_LIMIT:
                        raise NotSimple
                yield batch, line + numbers[at : at + batch.num_rows]
                at += batch.num_rows
        line += n_lines


def _cut_block(
    block: bytes, newline: bytes, delimiter: str, names: list[str]
) -> Iterator[tuple[pa.Table, np.ndarray[Any, Any]]]:
    """The records of a block with their lines, counted from 0."""
    lines = block.count(b"\n")
    if b'"' not in block:
        yield _cut(block, newline, delimiter, names, 0), np.arange(lines, dtype=np.int64)
        return
    if (quotes := _proven_quotes(block, delimiter)) is not None:
        yield _cut(block, newline, delimiter, names, quotes), np.arange(lines, dtype=np.int64)
        return
    # Few lines have doubled quotation marks; the others stay with pyarrow.
    plain: list[tuple[int, bytes]] = []
    odd: list[tuple[int, bytes]] = []
    for number, text in enumerate(block.split(newline)[:-1]):
        (odd if b'""' in text else plain).append((number, text))
    rest = b"".join(text + newline for _, text in plain)
    quotes = _proven_quotes(rest, delimiter)
    if quotes is None:
        raise NotSimple
    if plain:
        numbers = np.array([number for number, _ in plain], dtype=np.int64)
        yield _cut(rest, newline, delimiter, names, quotes), numbers
    rows = []
    for _, text in odd:
        fields, fault = cut_fields(text.decode(), delimiter)
        if fault is not None or len(fields) != len(names) or not any(fields):
            raise NotSimple
        rows.append(fields)
    if rows:
        columns = [pa.array(column, pa.string()) for column in zip(*rows, strict=True)]
        numbers = np.array([number for number, _ in odd], dtype=np.int64)
        yield pa.table(columns, names=names), numbers


def _proven_quotes(block: bytes, delimiter: str) -> int | None:
    """How many quotation marks a block has; None unless they open and close whole fields in turn.

    A mark outside of quotes that follows a delimiter or newline opens a field; the next mark is the
    first inside, and closes it if a delimiter or newline follows. So by turns no mark stands inside
    a field, none is doubled and no text follows one. Nor may a newline stand between the two.
    """
    data = np.frombuffer(b"\n" + block, dtype=np.uint8)
    marks = np.flatnonzero(data == _QUOTE)
    if len(marks) % 2:
        return None
    before, after = data[marks[0::2] - 1], data[marks[1::2] + 1]
    opens = (before == ord("\n")) | (before == ord(delimiter))
    closes = (after == ord("\n")) | (after == ord("\r")) | (after == ord(delimiter))
    newlines = np.flatnonzero(data == ord("\n"))
    lines_of = np.searchsorted(newlines, marks)
    within = lines_of[0::2] == lines_of[1::2]
    return len(marks) if bool(opens.all() and closes.all() and within.all()) else None


def refuse_no_record(patients: pa.Array) -> None:
    """Leave a file to the strict path when a line of it may be blank or tell about the file."""
    values = pc.unique(patients)
    odd = pc.or_(
        pc.match_substring_regex(values, FOOTER), pc.equal(pc.utf8_trim_whitespace(values), "")
    )
    if pc.any(odd).as_py():
        raise NotSimple


def _whole_lines(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """The same bytes, cut after newlines; a last line without one is given it."""
    kept, newline = b"", b"\n"
    for block in blocks:
        end = block.rfind(b"\n") + 1
        if end:
            whole = kept + block[:end]
            newline = b"\r\n" if whole.endswith(b"\r\n") else b"\n"
            yield whole
            kept = block[end:]
        else:
            kept += block
        if len(kept) > LINE_LIMIT:
            raise NotSimple
    if kept:
        yield kept + newline


def _newline(block: bytes, content: Content) -> bytes:
    """What ends every line of a block."""
    if not content.carriage_returns or b"\r" not in block:
        return b"\n"
    if not block.count(b"\r") == block.count(b"\r\n") == block.count(b"\n"):
        raise NotSimple
    return b"\r\n"


def _cut(block: bytes, newline: bytes, delimiter: str, names: list[str], quotes: int) -> pa.Table:
    import pyarrow.csv as csv

    lines = block.count(b"\n")
    between = len(names) - 1
    blank = delimiter.encode() * between + newline
    if block.startswith(blank) or b"\n" + blank in block:
        raise NotSimple
    try:
        table = csv.read_csv(
            pa.BufferReader(block),
            read_options=csv.ReadOptions(column_names=names, block_size=2 * 1024**2),
            parse_options=csv.ParseOptions(
                delimiter=delimiter,
                quote_char='"' if quotes else False,
                double_quote=False,
                escape_char=False,
                newlines_in_values=False,
                ignore_empty_lines=False,
            ),
            convert_options=csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
            ),
        )
    except pa.ArrowInvalid:
        raise NotSimple from None
    told = sum(
        int(value_lengths(chunk).sum(dtype="int64"))
        for column in table.columns
        for chunk in column.chunks
    )
    marks = lines * (between + len(newline)) + quotes
    if table.num_rows != lines or told + marks != len(block):
        raise NotSimple
    if quotes and not _all_filled(table):
        raise NotSimple
    return table


def _all_filled(table: pa.Table) -> bool:
    """Whether every record has a value; one of empty quotes alone has none."""
    filled = np.zeros(table.num_rows, dtype=bool)
    for column in table.columns:
        filled |= np.concatenate([value_lengths(chunk) > 0 for chunk in column.chunks])
        if filled.all():
            return True
    return bool(filled.all())


def _refuse_repeated_header(table: pa.Table, header: Header) -> None:
    """Leave a file to the strict path when a record may be the header once more."""
    if header.may_repeat(pc.unique(table.column(0))).any():
        raise NotSimple
