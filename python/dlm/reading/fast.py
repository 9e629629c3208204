"""The fast path: pyarrow cuts blocks of a file that is proven simple.

Simple means: UTF-8, no quotation mark, one newline style, and every line with exactly the header's
number of fields. Each block is proven, not assumed: as many records as newlines, and the bytes of
all values plus delimiters plus newlines are the bytes of the block, so nothing was trimmed,
skipped or changed. Whatever is not simple raises NotSimple and the strict path reads the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from dlm.reading.content import Content
from dlm.reading.privacy import value_lengths
from dlm.reading.records import FIELD_LIMIT, FOOTER, LINE_LIMIT

if TYPE_CHECKING:
    from dlm.reading.header import Header

BLOCK = 16 * 1024**2


class NotSimple(Exception):
    """The file needs the strict path; says nothing about whether it is good."""


def may_try(content: Content) -> bool:
    """Whether what is known of the whole file allows the fast path."""
    return content.encoding == "utf-8" and content.newline == "\n" and not content.quotes


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
) -> Iterator[pa.RecordBatch]:
    """Records in the order of the file, columns in the order of the schema.

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
        table = _cut(block, found, delimiter, names)
        _refuse_repeated_header(table, header)
        table = table.select(order).rename_columns(schema.names)
        for batch in table.to_batches():
            for column in batch.columns:
                if len(column) and int(value_lengths(column).max()) > FIELD_LIMIT:
                    raise NotSimple
            yield batch


def refuse_footer(patients: pa.Array) -> None:
    """Leave a file to the strict path when a line of it may tell about the file."""
    if pc.any(pc.match_substring_regex(pc.unique(patients), FOOTER)).as_py():
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


def _cut(block: bytes, newline: bytes, delimiter: str, names: list[str]) -> pa.Table:
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
                quote_char=False,
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
    if table.num_rows != lines or told + lines * (between + len(newline)) != len(block):
        raise NotSimple
    return table


def _refuse_repeated_header(table: pa.Table, header: Header) -> None:
    """Leave a file to the strict path when a record may be the header once more."""
    wanted = header.found[0]
    column = table.column(0)
    same_length = pc.equal(pc.utf8_length(column), len(wanted))
    if pc.any(same_length).as_py():
        values = pc.unique(column.filter(same_length)).to_pylist()
        if any(value.casefold() == wanted.casefold() for value in values):
            raise NotSimple
