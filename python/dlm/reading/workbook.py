"""Excel workbooks: one sheet, one record a row, each cell as the text its column would have in CSV.

The whole workbook is kept in the store, so the privacy gate looks at its other sheets and comments
too, and a workbook with parts that cannot be looked through (pictures, macros) is refused.

A number is written with the contract's decimal mark and at most Excel's 15 digits; a date cell, in
a date column only, in the contract's order with slashes. What has no such text (a date cell in
another column, a time, a logical value, an error, a cell merged over several rows) sends the record
to quarantine, and so does a number that its format shows as another text (60 % is kept as 0.6, an
id 00012 as 12). A formula counts by the value saved with it.
"""

from __future__ import annotations

import datetime as dt
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import IO, Any
from xml.etree import ElementTree

import python_calamine as calamine

from dlm.contracts import Contract, FileSpec, match_name
from dlm.errors import Problem
from dlm.reading.content import LOST_CHARACTER, RATIO_LIMIT, check_magic, refused
from dlm.reading.privacy import private_texts
from dlm.reading.records import FIELD_LIMIT, Record

WORKBOOK_LIMIT = 256 * 1024**2
CELL_LIMIT = 8_000_000
"""Cells of a sheet, blank ones between others included: calamine holds them all in memory."""
_NUMBERS = ("integer", "decimal", "size")
"""Types of columns in which a number means the same with zeros before it."""
_ORDERS = {"dmy": "%d/%m/%Y", "mdy": "%m/%d/%Y", "ymd": "%Y/%m/%d"}
_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_ERROR = ("error_cell", "a cell holds an error of Excel's; mend its formula")
_NO_VALUE = (
    "formula_without_value",
    "a cell holds a formula saved without its value; save the file in Excel, or paste the value",
)
_MERGED = (
    "merged_cells",
    "a cell is merged over several rows or columns, so which records its value belongs to is open; "
    "unmerge it and fill in every row",
)
_PERCENT = (
    "percent_cell",
    "a cell shows a percentage, of which Excel keeps the hundredth part (60 % is 0.6); format the "
    "column as text and enter it again",
)
_PADDED = (
    "padded_number",
    "a cell shows zeros before a number that Excel keeps without them (00012 is 12); format the "
    "column as text and enter it again",
)
_RESHAPED = (
    "number_format",
    "a cell shows another text than the number Excel keeps (a unit, thousands, parts set apart); "
    "format the column as text and enter it again",
)
_DIGITS = 15
_FIRST_DAY = dt.date(1900, 3, 1)
"""Before it Excel counts a day that never was, 29 February 1900."""
_PERCENT_FORMATS = {"9": "0%", "10": "0.00%"}
"""Those of the formats every workbook has that show another text than the number."""
_SIGNS = re.compile(r"[_*].|\[[^\]]*\]")
"""Signs of a number format that stand for space, colour, currency or a condition."""
_WORDS = re.compile(r'"([^"]*)"|\\(.)')
"""Words that a number format shows as they are."""
_OPAQUE = {
    "xl/media/": "pictures",
    "xl/embeddings/": "embedded files",
    "xl/charts/": "charts",
    "xl/externalLinks/": "links to other workbooks",
    "xl/pivotCache/": "pivot tables",
    "xl/activeX/": "controls",
    "xl/vbaProject": "macros",
}
"""Parts that cannot be looked through for what names people."""
_WITHOUT_TEXT = (
    "[Content_Types].xml",
    "docProps/app.xml",
    "xl/sharedStrings.xml",
    "xl/styles.xml",
    "xl/theme/",
    "xl/worksheets/sheet",
)
"""Parts whose texts are settings, or cells that are looked at as such."""
_AUTHORS = {"creator", "lastModifiedBy", "author"}
"""Elements that name who wrote the file, at the site."""


def rows(path: Path, name: str, spec: FileSpec, contract: Contract) -> Iterator[Record]:
    """The rows of the sheet that holds the form, the header first; blank rows hold no record.

    Raises:
        DeliveryRefused: it is no workbook, is too large, which sheet is meant is open, or a cell
            holds U+FFFD.
    """
    _check_archive(path, name)
    try:
        book = calamine.CalamineWorkbook.from_path(str(path))
        sheets = _scan_sheets(path)
        n_cells = max((sheet.n_cells for sheet in sheets.values()), default=0)
        if n_cells > CELL_LIMIT:
            raise refused(
                name,
                None,
                "too_large",
                f"has a sheet of {n_cells} cells, more than {CELL_LIMIT}; deliver it as CSV",
            )
        title = _sheet(book, name, spec)
        _refuse_private(path, name, book, title, sheets)
        sheet = book.get_sheet_by_name(title)
        # Blank rows before the first filled cell are given, blank columns are not.
        cells, (_, left) = sheet.iter_rows(), sheet.start or (0, 0)
        unreadable, merged = sheets[title].unreadable, sheets[title].merged
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
    header: list[Any] = []
    for line, row in enumerate(cells, start=1):
        values = list(row)
        while values and values[-1] == "" and (types is None or len(values) > len(header)):
            values.pop()
        if all(value == "" for value in values) and line not in unreadable:
            continue
        if types is not None and any(first <= line <= last for first, last in merged):
            unreadable.setdefault(line, _MERGED)
        if types is None:
            types = _column_types(values, spec)
            header = values
        texts, problem = [], None
        if line in unreadable:
            problem = Problem(name, line, None, *unreadable[line])
        formats = sheets[title].formats.get(line, {})
        for position, value in enumerate(values):
            kind = types[position] if position < len(header) else "text"
            text, why = _text(value, kind, contract, formats.get(left + position + 1))
            if "\ufffd" in text:
                raise refused(name, line, *LOST_CHARACTER)
            if why is not None and problem is None:
                known = position < len(header) and header is not values and kind != "unknown"
                column = str(header[position]) if known else None
                problem = Problem(name, line, column, *why)
            texts.append(text)
        yield Record(line, texts, problem, True, True, 1)


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
        check_magic(path, name)
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
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        OSError,
        RuntimeError,  # of zipfile: a lock, or a compression that no spreadsheet writes
        ValueError,
    ) as error:
        raise refused(
            name, None, "damaged_workbook", "is damaged or cut short; send it again"
        ) from error


def _refuse_private(
    path: Path,
    name: str,
    book: calamine.CalamineWorkbook,
    title: str,
    sheets: dict[str, _Sheet],
) -> None:
    """Refuse a workbook that names people outside of the sheet that is read.

    Raises:
        DeliveryRefused: another sheet, a comment or a text box does, or a part cannot be looked at.
    """
    texts = [*book.sheet_names, *(text for sheet in sheets.values() for text in sheet.texts)]
    for other in book.sheet_names:
        if other != title:
            rows_of = book.get_sheet_by_name(other).iter_rows()
            texts += {_as_text(value) for row in rows_of for value in row if value != ""}
    with zipfile.ZipFile(path) as archive:
        for part in archive.namelist():
            for beginning, what in _OPAQUE.items():
                if part.startswith(beginning):
                    raise refused(
                        name,
                        None,
                        "unexamined_part",
                        f"holds {what}, which cannot be looked through for what names people; "
                        "remove them or deliver the sheet as CSV",
                    )
            if part.endswith(".xml") and not part.startswith(_WITHOUT_TEXT):
                texts += _texts_of(archive.read(part))
    kind = private_texts([text for text in texts if text.strip()])
    if kind:
        raise refused(
            name,
            None,
            "private_data",
            f"holds {kind} in another sheet, a comment or a text box; the whole file is refused "
            "and nothing of it was kept: remove what names people and send the file again",
        )


def _as_text(value: Any) -> str:
    """A cell of a sheet that is not read; a whole number without the point calamine gives it."""
    return f"{value:.{_DIGITS}g}" if isinstance(value, float) else str(value)


def _texts_of(part: bytes) -> list[str]:
    """The texts of a part, those of one comment or paragraph together, authors left out."""
    texts = []
    for element in ElementTree.fromstring(part).iter():
        tag = element.tag.rsplit("}", 1)[-1]
        if tag in ("text", "threadedComment", "p"):
            texts.append("".join(element.itertext()))
        elif tag not in _AUTHORS:
            texts.append(element.text or "")
    return texts


@dataclass(frozen=True)
class _Format:
    """A number format that can show another text than the number.

    Attributes:
        problem: code and text of what is wrong with such a cell.
        zeros: digits up to which it fills a whole number with zeros; 0 where it changes every one.
    """

    problem: tuple[str, str]
    zeros: int = 0

    def changes(self, number: str, kind: str) -> bool:
        """Whether the shown text says another thing than a number in a column of this type."""
        whole = re.split("[.,]", number)[0].removeprefix("-")
        return not self.zeros or (kind not in _NUMBERS and len(whole) < self.zeros)


def _format(code: str) -> _Format | None:
    """What a number format changes; None where it shows the number, or a date."""
    code = _SIGNS.sub("", code)
    bare = _WORDS.sub("", code)
    if "%" in bare:
        return _Format(_PERCENT)
    if re.search("[ymdhs]", bare.casefold()):
        return None
    words = "".join(map("".join, _WORDS.findall(code)))
    spelled = _WORDS.sub(r"\1\2", code)
    if any(map(str.isalnum, words)) or re.search("[0#?](?:-[0#?]|,+(?:[;.]|$))", spelled):
        return _Format(_RESHAPED)
    zeros = re.split("[.;eE/]", bare)[0].count("0")
    return _Format(_PADDED, zeros) if zeros > 1 else None


def _formats(archive: zipfile.ZipFile) -> dict[str, _Format]:
    """The cell styles, by number, whose number format can show another text than the number."""
    if "xl/styles.xml" not in archive.namelist():
        return {}
    styles = ElementTree.fromstring(archive.read("xl/styles.xml"))
    codes = _PERCENT_FORMATS | {
        item.get("numFmtId", ""): item.get("formatCode", "")
        for item in styles.iterfind(f"{_MAIN}numFmts/{_MAIN}numFmt")
    }
    known = {number: found for number, code in codes.items() if (found := _format(code))}
    return {
        str(number): known[item.get("numFmtId", "")]
        for number, item in enumerate(styles.iterfind(f"{_MAIN}cellXfs/{_MAIN}xf"))
        if item.get("numFmtId") in known
    }


@dataclass
class _Sheet:
    """What a sheet's XML tells that calamine does not.

    Attributes:
        unreadable: rows with cells that calamine reads as blank though they are not, with the
            problem's code and text.
        formats: formats that can show another text than the number, by row and column of the
            cells that have them.
        merged: first and last row of each merged cell.
        texts: what is printed above and below the sheet.
        n_cells: cells of the smallest area that holds every filled one.
    """

    unreadable: dict[int, tuple[str, str]] = field(default_factory=dict)
    formats: dict[int, dict[int, _Format]] = field(default_factory=dict)
    merged: list[tuple[int, int]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    n_cells: int = 0


def _scan_sheets(path: Path) -> dict[str, _Sheet]:
    """Each sheet of a workbook by its title."""
    with zipfile.ZipFile(path) as archive:
        targets = {
            item.get("Id"): item.get("Target", "").removeprefix("/xl/")
            for item in ElementTree.fromstring(archive.read("xl/_rels/workbook.xml.rels"))
        }
        formats = _formats(archive)
        found = {}
        for item in ElementTree.fromstring(archive.read("xl/workbook.xml")).iter(f"{_MAIN}sheet"):
            with archive.open(f"xl/{targets[item.get(_RELATION)]}") as stream:
                found[item.get("name", "")] = _scan_sheet(stream, formats)
    return found


def _scan_sheet(stream: IO[bytes], formats: dict[str, _Format]) -> _Sheet:
    sheet = _Sheet()
    row = column = last_row = last_column = 0
    for event, element in ElementTree.iterparse(stream, ("start", "end")):
        tag = element.tag.removeprefix(_MAIN)
        if event == "start":
            if tag == "row":
                row, column = int(element.get("r", row + 1)), 0
        elif tag == "c":
            place = element.get("r")
            column = _column_number(place) if place else column + 1
            value = element.find(f"{_MAIN}v")
            if element.get("t") == "e":
                sheet.unreadable.setdefault(row, _ERROR)
            elif element.find(f"{_MAIN}f") is not None and (
                value is None or (not value.text and element.get("t") != "str")
            ):
                sheet.unreadable.setdefault(row, _NO_VALUE)
            shown = formats.get(element.get("s", "0"))
            if shown is not None and value is not None and element.get("t", "n") == "n":
                sheet.formats.setdefault(row, {})[column] = shown
            if len(element):
                last_row, last_column = max(last_row, row), max(last_column, column)
        elif tag == "mergeCell":
            ends = re.findall("[0-9]+", element.get("ref", ""))
            sheet.merged.append((int(ends[0]), int(ends[-1])))
        elif tag.endswith(("Header", "Footer")):
            sheet.texts.append(element.text or "")
        elif tag == "row":
            element.clear()
    sheet.n_cells = last_row * last_column
    return sheet


def _column_number(place: str) -> int:
    """The column of a place such as AB12, counted from 1."""
    number = 0
    for letter in place.rstrip("0123456789"):
        number = number * 26 + ord(letter.upper()) - ord("A") + 1
    return number


def _sheet(book: calamine.CalamineWorkbook, name: str, spec: FileSpec) -> str:
    """The title of the sheet named like the form, else the only one that shows anything."""
    shown = {
        sheet.name
        for sheet in book.sheets_metadata
        if sheet.visible == calamine.SheetVisibleEnum.Visible
    }
    named = [title for title in book.sheet_names if match_name(title) == match_name(spec.stem)]
    if named and named[0] in shown:
        return named[0]
    filled = [title for title in book.sheet_names if book.get_sheet_by_name(title).height > 0]
    if named or (filled and not shown & set(filled)):
        raise refused(
            name,
            None,
            "hidden_sheet",
            "has the sheet of the form hidden, so whoever sent it did not see what it holds; "
            "show it, look at it and send the file again",
        )
    filled = [title for title in filled if title in shown]
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


def _text(
    value: Any, kind: str, contract: Contract, shown: _Format | None
) -> tuple[str, tuple[str, str] | None]:
    """A cell as text, and the code and text of what is wrong with it.

    Args:
        value: what calamine makes of the cell.
        kind: type of its column.
        contract: the source's habits.
        shown: its number format, where that can show another text than the number.
    """
    if isinstance(value, str):
        if len(value) > FIELD_LIMIT:
            return "", ("field_too_long", f"a cell is longer than {FIELD_LIMIT} characters")
        return value, None
    if isinstance(value, bool):
        return "", ("logical_cell", "a cell holds a logical value; write the code as text")
    if isinstance(value, (int, float)):
        text, why = _number(value, contract.decimal_mark)
        if why is None and shown is not None and shown.changes(text, kind):
            return "", shown.problem
        return text, why
    if isinstance(value, dt.datetime) and value.time() == dt.time():
        value = value.date()
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        if kind == "date" and value >= _FIRST_DAY:
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
    text = format(Decimal(f"{value:.{_DIGITS}g}"), "f")
    return text.replace(".", decimal_mark), None
