"""Write one table as an Excel workbook: text cells only, one column to fill in.

A cell is an inline string, which no spreadsheet calculates. Everything but the column to fill in is
protected against slips (without a password); the same rows give the same bytes.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import escape

_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_KINDS = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_PARTS = {
    "[Content_Types].xml": (
        f'{_HEAD}<Types xmlns="{_PACKAGE}/content-types"><Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{_KINDS}.sheet.main+xml"/>'
        f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{_KINDS}.worksheet+xml"/>'
        f'<Override PartName="/xl/styles.xml" ContentType="{_KINDS}.styles+xml"/></Types>'
    ),
    "_rels/.rels": (
        f'{_HEAD}<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1" '
        f'Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>'
    ),
    "xl/_rels/workbook.xml.rels": (
        f'{_HEAD}<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1" '
        f'Type="{_OFFICE}/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="rId2" '
        f'Type="{_OFFICE}/styles" Target="styles.xml"/></Relationships>'
    ),
    # Styles: 0 plain, 1 header, 2 wrapped and locked, 3 wrapped, shaded and open to typing.
    "xl/styles.xml": (
        f'{_HEAD}<styleSheet xmlns="{_MAIN}"><fonts count="2"><font><sz val="10"/></font>'
        '<font><b/><sz val="10"/></font></fonts><fills count="4"><fill><patternFill '
        'patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill><fill>'
        '<patternFill patternType="solid"><fgColor rgb="FFE6E6E6"/></patternFill></fill><fill>'
        '<patternFill patternType="solid"><fgColor rgb="FFFFF8D6"/></patternFill></fill></fills>'
        '<borders count="1"><border/></borders><cellStyleXfs count="1"><xf/></cellStyleXfs>'
        '<cellXfs count="4"><xf/><xf fontId="1" fillId="2" applyFont="1" applyFill="1" '
        'applyAlignment="1"><alignment vertical="top" wrapText="1"/></xf><xf numFmtId="49" '
        'applyNumberFormat="1" applyAlignment="1"><alignment vertical="top" wrapText="1"/></xf>'
        '<xf numFmtId="49" fillId="3" applyNumberFormat="1" applyFill="1" applyAlignment="1" '
        'applyProtection="1"><alignment vertical="top" wrapText="1"/><protection locked="0"/></xf>'
        "</cellXfs></styleSheet>"
    ),
}
# Characters that XML cannot hold.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


def write_workbook(
    path: Path,
    sheet: str,
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    widths: Sequence[int],
    open_column: int,
) -> None:
    """Write a workbook of one sheet.

    Args:
        path: file to write.
        sheet: name of the sheet, at most 31 characters.
        header: first row, which stays in sight.
        rows: texts, as many in each row as in the header.
        widths: of the columns, in characters.
        open_column: number of the column to fill in, from 0.
    """
    name = escape(sheet, {'"': "&quot;"})
    workbook = (
        f'{_HEAD}<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>'
        f'<sheet name="{name}" sheetId="1" r:id="rId1"/></sheets></workbook>'
    )
    columns = "".join(
        f'<col min="{at}" max="{at}" width="{width}" customWidth="1"/>'
        for at, width in enumerate(widths, 1)
    )
    last = f"{_letters(len(header))}{len(rows) + 1}"
    lines = [_row(1, header, [1] * len(header))]
    styles = [3 if at == open_column else 2 for at in range(len(header))]
    lines += [_row(number, row, styles) for number, row in enumerate(rows, 2)]
    content = (
        f'{_HEAD}<worksheet xmlns="{_MAIN}"><sheetViews><sheetView workbookViewId="0"><pane '
        'ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView>'
        f"</sheetViews><cols>{columns}</cols><sheetData>{''.join(lines)}</sheetData>"
        '<sheetProtection sheet="1" formatColumns="0" formatRows="0" sort="0" autoFilter="0"/>'
        f'<autoFilter ref="A1:{last}"/></worksheet>'
    )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        parts = _PARTS | {"xl/workbook.xml": workbook, "xl/worksheets/sheet1.xml": content}
        for part, text in parts.items():
            about = zipfile.ZipInfo(part, (1980, 1, 1, 0, 0, 0))
            about.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(about, text.encode("utf-8"))


def _row(number: int, texts: Sequence[str], styles: Sequence[int]) -> str:
    cells = "".join(
        f'<c r="{_letters(at)}{number}" s="{style}" t="inlineStr"><is>'
        f'<t xml:space="preserve">{escape(_FORBIDDEN.sub("", text))}</t></is></c>'
        for at, (text, style) in enumerate(zip(texts, styles, strict=True), 1)
    )
    return f'<row r="{number}">{cells}</row>'


def _letters(column: int) -> str:
    """The letters of a column, counted from 1: A, B, ..., Z, AA."""
    letters = ""
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters
