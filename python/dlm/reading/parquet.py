"""Parquet files: the records a batch at a time, every column as the text its source would write.

A column of text is taken as it is; a typed one is written the way the contract says, so a number
gets the source's decimal mark and a day its order of parts. What has no single way to be written
(times of day, logical values, lists) refuses the file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dlm.contracts import Contract
from dlm.errors import DeliveryRefused, Problem
from dlm.reading.content import refused
from dlm.reading.header import Header
from dlm.reading.privacy import value_lengths
from dlm.reading.records import FIELD_LIMIT, FOOTER

BATCH_ROWS = 122_880
SUFFIX = ".parquet"
_DATE_FORMATS = {"dmy": "%d/%m/%Y", "mdy": "%m/%d/%Y", "ymd": "%Y/%m/%d"}
# NUL and U+FFFD spoil a file; the separators of hashes must be known of.
_NOTABLE = "[\x00\x1e\x1f�]"
_Writer = Callable[[pa.Array], pa.Array]


class Separators(Exception):
    """A value holds a separator of record hashes; says nothing about whether the file is good."""


def opened(path: Path, name: str) -> pq.ParquetFile:
    """A Parquet file, its text columns read as dictionaries.

    Raises:
        DeliveryRefused: it is no whole Parquet file.
    """
    try:
        schema = pq.read_schema(path)
        texts = [field.name for field in schema if is_text(field.type)]
        return pq.ParquetFile(path, read_dictionary=texts)
    except (pa.ArrowException, OSError, UnicodeDecodeError):
        raise refused(
            name, None, "not_parquet", "is named .parquet but is no whole Parquet file; send again"
        ) from None


def batches(
    file: pq.ParquetFile, header: Header, name: str, contract: Contract, may_separate: bool
) -> Iterator[pa.RecordBatch]:
    """The records, each column a dictionary of texts without nulls, in the contract's order.

    Args:
        file: an open file.
        header: where the columns stand.
        name: how the file is called in errors.
        contract: the source's habits.
        may_separate: whether a value may hold a separator of record hashes.

    Raises:
        DeliveryRefused: a column or value cannot be text of this source.
        Separators: a value holds one, and none may.
    """
    writers = [_writer(file.schema_arrow.field(at), name, contract) for at in header.order]
    names = [header.found[at] for at in header.order]
    line = 1
    try:
        for batch in file.iter_batches(BATCH_ROWS, columns=names):
            columns = [
                write(batch.column(at))
                for write, at in zip(
                    writers, (batch.schema.get_field_index(one) for one in names), strict=True
                )
            ]
            for title, column in zip(names, columns, strict=True):
                column.validate(full=True)  # Arrow takes bytes for UTF-8 on trust
                _look(column, title, line, name, may_separate)
            yield pa.RecordBatch.from_arrays(columns, names=names)
            line += batch.num_rows
    except (pa.ArrowException, OSError):
        raise refused(
            name, line, "damaged", "the file is damaged after this record; send it again"
        ) from None


def odd_rows(batch: pa.RecordBatch, header: Header, patient: int | None) -> np.ndarray:
    """Rows that may be no record: all blank, the header again, a line about the file, or with a
    field that is too long."""
    filled = np.zeros(batch.num_rows, dtype=bool)
    for column in batch.columns:
        trimmed = pc.utf8_trim_whitespace(column.dictionary)
        filled |= _of_values(column, value_lengths(trimmed) > 0)
        if filled.all():
            break
    odd = ~filled
    for column in batch.columns:
        # As many bytes at least as characters, and known without reading the texts.
        if (value_lengths(column.dictionary) > FIELD_LIMIT).any():
            lengths = pc.utf8_length(column.dictionary).to_numpy()
            odd |= _of_values(column, lengths > FIELD_LIMIT)
    # Columns stand in the contract's order here; the header's first is one of them.
    first = batch.column(header.order.index(0))
    again = header.may_repeat(first.dictionary)
    if again.any():
        odd |= _of_values(first, again)
    if patient is not None:
        column = batch.column(patient)
        footers = pc.match_substring_regex(column.dictionary, FOOTER)
        if pc.any(footers).as_py():
            odd |= _of_values(column, footers.to_numpy(zero_copy_only=False))
    return np.flatnonzero(odd)


def _of_values(column: pa.DictionaryArray, per_value: np.ndarray) -> np.ndarray:
    """What is known of each distinct value, row by row."""
    return np.asarray(per_value[column.indices.to_numpy()])


def _look(column: pa.DictionaryArray, title: str, line: int, name: str, may_separate: bool) -> None:
    """Refuse values no text file could hold."""
    values = column.dictionary
    if not len(values):
        return
    notable = pc.match_substring_regex(values, _NOTABLE)
    if not pc.any(notable).as_py():
        return
    texts = values.filter(notable).to_pylist()
    if any("\x00" in text or "�" in text for text in texts):
        what = "a value after this record holds NUL or U+FFFD, which stands for a lost character"
        raise DeliveryRefused([Problem(name, line, title, "bad_character", f"{what}; send again")])
    if not may_separate:
        raise Separators


def is_text(kind: pa.DataType) -> bool:
    """Whether a column is text as it stands."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _writer(field: pa.Field, name: str, contract: Contract) -> _Writer:
    """How a column becomes text."""
    kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
    if is_text(kind):
        return _coded
    if pa.types.is_integer(kind) or pa.types.is_null(kind):
        return lambda column: _coded(column.cast(pa.string()))
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return partial(_numbers, mark=contract.decimal_mark)
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        return partial(_days, order=_DATE_FORMATS[contract.date_order], title=field.name, name=name)
    what = f"is of type {kind}; send it as text, number or date"
    raise DeliveryRefused([Problem(name, None, field.name, "column_type", what)])


def _coded(column: pa.Array) -> pa.DictionaryArray:
    """A column of text as a dictionary with 32-bit codes; a blank for none."""
    if not pa.types.is_dictionary(column.type):
        column = column.cast(pa.string()).dictionary_encode()
    codes, values = column.indices, column.dictionary.cast(pa.string())
    if column.null_count or values.null_count:
        blank = pa.DictionaryArray.from_arrays(codes, values).cast(pa.string()).fill_null("")
        encoded: pa.DictionaryArray = blank.dictionary_encode()
        return encoded
    return pa.DictionaryArray.from_arrays(codes.cast(pa.int32()), values)


def _numbers(column: pa.Array, mark: str) -> pa.DictionaryArray:
    """Numbers with the source's decimal mark and no more digits than they need; NaN is none."""
    if pa.types.is_floating(column.type):
        column = pc.if_else(pc.is_nan(column), None, column)
    coded = column.dictionary_encode()
    texts = []
    # Arrow writes the shortest text that is the same number in the width of its column.
    for text in coded.dictionary.cast(pa.string()).to_pylist():
        if "e" in text.casefold():
            text = format(Decimal(text), "f")
        if "." in text:
            text = text.rstrip("0").rstrip(".")
        texts.append(text.replace(".", mark))
    return _coded(pa.DictionaryArray.from_arrays(coded.indices, pa.array(texts, pa.string())))


def _days(column: pa.Array, order: str, title: str, name: str) -> pa.DictionaryArray:
    """Days in the source's order of parts."""
    coded = column.dictionary_encode()
    try:
        values = coded.dictionary.to_pylist()
    except OverflowError:
        what = (
            "holds a day before the year 1 or after 9999, as an infinite date is; "
            "send the day, or null where there is none"
        )
        raise DeliveryRefused([Problem(name, None, title, "no_day", what)]) from None
    texts = []
    for value in values:
        if hasattr(value, "hour") and (value.hour or value.minute or value.second):
            what = "holds a time of day where a day is expected; send days"
            raise DeliveryRefused([Problem(name, None, title, "column_type", what)])
        texts.append(value.strftime(order))
    return _coded(pa.DictionaryArray.from_arrays(coded.indices, pa.array(texts, pa.string())))
