"""Excel workbooks: one sheet, one record a row, each cell as the text its column would have in CSV.

A number is written with the contract's decimal mark and at most Excel's 15 digits; a date cell, in
a date column only, in the contract's order with slashes. What has no such text (a date cell in
another column, a time, a logical value, an error) sends the record to quarantine. A formula counts
by the value saved with it.
"""

from __future__ import annotations

import datetime as dt
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import python_calamine as calamine

from dlm.contracts import Contract, FileSpec, match_name
from dlm.errors import Problem
from dlm.reading.content import RATIO_LIMIT, refused
from dlm.reading.records import FIELD_LIMIT, Record

WORKBOOK_LIMIT = 256 * 1024**2
_ORDERS = {"dmy": "%d/%m/%Y", "mdy": "%m/%d/%Y", "ymd": "%Y/%m/%d"}
_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_ERROR = ("error_cell", "a cell holds an error of Excel's; mend its formula")
_NO_VALUE = (
    "formula_without_value",
    "a cell holds a formula saved without its value; save the file in Excel, or paste the value",
)
_DIGITS = 15


def rows(path: Path, name: str, spec: FileSpec, contract: Contract) -> Iterator[Record]:
    """The rows of the sheet that holds the form, the header first; blank rows hold no record.

    Raises:
        DeliveryRefused: it is no workbook, is too large, or which sheet is meant is open.
    """
    _check_archive(path, name)
    try:
        book = calamine.CalamineWorkbook.from_path(str(path))
        title = _sheet(book, name, spec)
        cells = book.get_sheet_by_name(title).to_python(skip_empty_area=False)
        unreadable = _unreadable_rows(path, title)
    except (
        calamine.CalamineError,
        ElementTree.ParseError,
        KeyError,
        OSError,
        StopIteration,
        ValueError,
    ) as error:
        raise refused(
            name, None, "damaged_workbook", "cannot be read as a workbook; save it anew in Excel"
        ) from error
    types: list[str] | None = None
    width = 0
    for line, row in enumerate(cells, start=1):
        values = list(row)
        while values and values[-1] == "" and (types is None or len(values) > width):
            values.pop()
        if all(value == "" for value in values) and line not in unreadable:
            continue
        if types is None:
            types = _column_types(values, spec)
            width = len(types)
        fields, problem = [], None
        if line in unreadable:
            problem = Problem(name, line, None, *unreadable[line])
        for position, value in enumerate(values):
            kind = types[position] if position < width else "text"
            text, why = _text(value, kind, contract)
            if why is not None and problem is None:
                column = str(cells[0][position]) if position < width and line > 1 else None
                known = column if column is not None and kind != "unknown" else None
                problem = Problem(name, line, known, *why)
            fields.append(text)
        yield Record(line, fields, problem, True, True, 1)


def _check_archive(path: Path, name: str) -> None:
    with path.open("rb") as handle:
        start = handle.read(4)
    if start.startswith(b"\xd0\xcf\x11\xe0"):
        raise refused(
            name,
            None,
            "old_workbook",
            "is an old or password-protected workbook; save it as .xlsx without a password",
        )
    if not start.startswith(b"PK"):
        raise refused(
            name, None, "not_a_workbook", "is named .xlsx but is no workbook; name it as what it is"
        )
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
            if not any(part.filename == "xl/workbook.xml" for part in parts):
                raise refused(
                    name, None, "not_a_workbook", "is a zip archive but not an Excel workbook"
                )
            size = sum(part.file_size for part in parts)
            if size > WORKBOOK_LIMIT:
                raise refused(
                    name,
                    None,
                    "too_large",
                    f"is larger than {WORKBOOK_LIMIT} bytes once unpacked; deliver it as CSV",
                )
            if size > RATIO_LIMIT * path.stat().st_size:
                raise refused(
                    name, None, "compression_ratio", f"expands more than {RATIO_LIMIT} times"
                )
            damaged = archive.testzip()
            if damaged is not None:
                raise refused(name, None, "damaged_workbook", "is damaged; send it again")
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise refused(
            name, None, "damaged_workbook", "is damaged or cut short; send it again"
        ) from error


def _unreadable_rows(path: Path, title: str) -> dict[int, tuple[str, str]]:
    """Rows with cells that calamine reads as blank though they are not, with code and text."""
    found: dict[int, tuple[str, str]] = {}
    with zipfile.ZipFile(path) as archive:
        targets = {
            item.get("Id"): item.get("Target", "").removeprefix("/xl/")
            for item in ElementTree.fromstring(archive.read("xl/_rels/workbook.xml.rels"))
        }
        sheets = ElementTree.fromstring(archive.read("xl/workbook.xml")).iter(f"{_MAIN}sheet")
        part = next(targets[item.get(_RELATION)] for item in sheets if item.get("name") == title)
        row = 0
        with archive.open(f"xl/{part}") as stream:
            for event, element in ElementTree.iterparse(stream, ("start", "end")):
                if event == "start":
                    if element.tag == f"{_MAIN}row":
                        row = int(element.get("r", row + 1))
                elif element.tag == f"{_MAIN}c":
                    if element.get("t") == "e":
                        found.setdefault(row, _ERROR)
                    elif element.find(f"{_MAIN}f") is not None:
                        value = element.find(f"{_MAIN}v")
                        if value is None or (not value.text and element.get("t") != "str"):
                            found.setdefault(row, _NO_VALUE)
                elif element.tag == f"{_MAIN}row":
                    element.clear()
    return found


def _sheet(book: calamine.CalamineWorkbook, name: str, spec: FileSpec) -> str:
    """The title of the sheet named like the form, else the only one that holds anything."""
    for title in book.sheet_names:
        if match_name(title) == match_name(spec.stem):
            return title
    filled = [title for title in book.sheet_names if book.get_sheet_by_name(title).height > 0]
    if len(filled) > 1:
        raise refused(
            name,
            None,
            "several_sheets",
            f"has {len(filled)} sheets with content and none is named {spec.stem}; "
            "name the sheet so, or remove the others",
        )
    if not filled:
        raise refused(name, None, "empty_file", "has no sheet with content")
    return filled[0]


def _column_types(header: list[Any], spec: FileSpec) -> list[str]:
    kinds = {match_name(name): kind for name, kind in spec.types.items()}
    kinds |= {match_name(alias): spec.types[name] for alias, name in spec.aliases.items()}
    return [kinds.get(match_name(str(value)), "unknown") for value in header]


def _text(value: Any, kind: str, contract: Contract) -> tuple[str, tuple[str, str] | None]:
    """A cell as text, and the code and text of what is wrong with it."""
    if isinstance(value, str):
        if len(value) > FIELD_LIMIT:
            return "", ("field_too_long", f"a cell is longer than {FIELD_LIMIT} characters")
        return value, None
    if isinstance(value, bool):
        return "", ("logical_cell", "a cell holds a logical value; write the code as text")
    if isinstance(value, (int, float)):
        return _number(value, contract.decimal_mark)
    if isinstance(value, dt.datetime) and value.time() == dt.time():
        value = value.date()
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        if kind == "date":
            return value.strftime(_ORDERS[contract.date_order]).zfill(10), None
        return "", (
            "date_cell",
            "a cell is a date where the column holds none (did Excel change it?); format the "
            "column as text and enter it again",
        )
    return "", ("time_cell", "a cell holds a time of day or a duration; write it as text")


def _number(value: float, decimal_mark: str) -> tuple[str, tuple[str, str] | None]:
    if abs(value) >= 10**_DIGITS or value != value:
        return "", (
            "number_precision",
            f"a number has more than the {_DIGITS} digits Excel keeps; format it as text",
        )
    text = f"{value:.{_DIGITS}g}"
    if "e" in text:
        text = f"{value:.{_DIGITS + 10}f}".rstrip("0").rstrip(".")
    return text.replace(".", decimal_mark), None
