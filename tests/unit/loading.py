"""Help for the loading tests: read one file of bytes and look at what was stored."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from xml.sax.saxutils import escape

import duckdb

from dlm.contracts import Contract, FileSpec, load_contracts
from dlm.errors import Problem
from dlm.reading import LoadedFile, read_file
from dlm.reading.store import create_table
from dlm.sql_text import quoted


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


@cache
def _database() -> duckdb.DuckDBPyConnection:
    """One database for every file of a test process; each file makes its table anew."""
    connection = duckdb.connect()
    connection.execute("create schema raw")
    return connection


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
    connection = _database()
    create_table(connection, spec)
    account = read_file(path, name, spec, contract, connection, "d", allow_fast=allow_fast)
    rows = connection.execute(
        f"select * exclude (_delivery_id, _file) from raw.{quoted(spec.raw_table)} order by _line"
    ).fetchall()
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


class Cell:
    """A cell of a workbook written as it is: its XML attributes and content."""

    def __init__(self, content: str, attributes: str = ""):
        self.content = content
        self.attributes = attributes


def formula(value: str | None) -> Cell:
    return Cell("<f>1+1</f>" + (f"<v>{value}</v>" if value is not None else ""))


def shown_cell(value: float, code: str) -> Cell:
    """A number with its format, one of FORMATS."""
    return Cell(f"<v>{value}</v>", f' s="{FORMATS.index(code) + 2}"')


def date_cell(serial: float) -> Cell:
    return Cell(f"<v>{serial}</v>", ' s="1"')


FORMATS = (
    "0%", "0.0%;[Red]-0.0%", "00000", "0.00", "#,##0.00", '0" cm"', "#,##0,", "000\\-000",
    '_-* #,##0.00\\ "€"_-;-* #,##0.00\\ "€"_-;_-* "-"??\\ "€"_-;_-@_-',
)  # fmt: skip
"""Number formats of the workbooks made here; the first is Excel's own number 9."""
LOGICAL = Cell("<v>1</v>", ' t="b"')
ERROR = Cell("<v>#N/A</v>", ' t="e"')


def workbook(*sheets: tuple[str, list[list[object]]]) -> bytes:
    """A small .xlsx: text as inline strings, numbers as numbers, None as no cell."""
    names = "".join(
        f'<sheet name="{escape(title)}" sheetId="{n}" r:id="rId{n}"/>'
        for n, (title, _) in enumerate(sheets, start=1)
    )
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    packages = "http://schemas.openxmlformats.org/package/2006"
    relations = "".join(
        f'<Relationship Id="rId{n}" Type="{office}/worksheet" Target="worksheets/sheet{n}.xml"/>'
        for n in range(1, len(sheets) + 1)
    )
    codes = "".join(
        f'<numFmt numFmtId="{n}" formatCode="{escape(code, {chr(34): "&quot;"})}"/>'
        for n, code in enumerate(FORMATS[1:], start=164)
    )
    styles = "".join(f'<xf numFmtId="{n}"/>' for n in range(164, 163 + len(FORMATS)))
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{packages}/content-types"><Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{packages}/relationships"><Relationship Id="rId1" '
        f'Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets>{names}</sheets>'
        "</workbook>",
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{packages}/relationships">{relations}'
        f'<Relationship Id="rId99" Type="{office}/styles" Target="styles.xml"/></Relationships>',
        "xl/styles.xml": f'<styleSheet xmlns="{main}"><numFmts>{codes}</numFmts><cellXfs>'
        f'<xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="9"/>{styles}</cellXfs></styleSheet>',
    }
    for n, (_, rows) in enumerate(sheets, start=1):
        body = "".join(
            f'<row r="{r}">'
            + "".join(_cell(f"{chr(65 + c)}{r}", value) for c, value in enumerate(row))
            + "</row>"
            for r, row in enumerate(rows, start=1)
        )
        parts[f"xl/worksheets/sheet{n}.xml"] = (
            f'<worksheet xmlns="{main}"><sheetData>{body}</sheetData></worksheet>'
        )
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return buffer.getvalue()


def _cell(place: str, value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, Cell):
        return f'<c r="{place}"{value.attributes}>{value.content}</c>'
    if isinstance(value, str):
        return (
            f'<c r="{place}" t="inlineStr"><is><t xml:space="preserve">{escape(value)}</t></is></c>'
        )
    return f'<c r="{place}"><v>{value}</v></c>'
