"""What the sites are to send as one page to print: every form, column, code and way of writing.

Made from the contracts and the code lists, never from data; English and Japanese stand side by
side. It opens from the disk without network and without script.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from jinja2 import Environment, StrictUndefined

from dlm.contracts import REDCAP_COLUMNS, Column, Contract, load_contracts, redcap_fields
from dlm.wording import Text, wording

Codes = Mapping[tuple[str, str], list[tuple[str, Text]]]
_DATES = {
    "dmy": ("31/12/2019", "12/2019", "--/12/2019"),
    "mdy": ("12/31/2019", "12/2019", "12/--/2019"),
    "ymd": ("2019/12/31", "2019/12", "2019/12/--"),
}
"""A date in each order; then one whose day is not known, in two ways."""
_DELIMITERS = {
    ";": Text("semicolon ;", "セミコロン ;"),
    ",": Text("comma ,", "コンマ ,"),
    "\t": Text("tab", "タブ"),
}


@dataclass(frozen=True)
class Line:
    """One column of a form as the page shows it.

    Attributes:
        headers: what it is called in the file; several of a REDCap checkbox.
        aliases: other headers that are taken for it.
        meaning: what it is.
        holds: how its cells are written.
        codes: values it may have, with what each means.
        required: whether no cell may be blank.
        in_key: whether it tells one record of the form from another.
    """

    headers: tuple[str, ...]
    aliases: tuple[str, ...]
    meaning: Text
    holds: Text
    codes: list[tuple[str, Text]]
    required: bool
    in_key: bool


def write_forms_page(path: Path, codelists: Path) -> None:
    """Write the page.

    Args:
        path: the HTML file to write; its folder is made.
        codelists: CSV of the values of each source's code lists with their labels.
    """
    codes = _codes(codelists)
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    source = (resources.files("dlm") / "contracts" / "page.html.j2").read_text(encoding="utf-8")
    page = environment.from_string(source).render(
        contracts=[_told(contract, codes) for contract in load_contracts().values()],
        word=wording,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, encoding="utf-8")


def _codes(path: Path) -> Codes:
    found: dict[tuple[str, str], list[tuple[str, Text]]] = {}
    with path.open(encoding="utf-8-sig", newline="") as handle:
        for row in csv.DictReader(handle, strict=True):
            label = Text(row["label_en"], row["label_ja"])
            found.setdefault((row["source"], row["list_name"]), []).append(
                (row["source_value"], label)
            )
    return found


def _told(contract: Contract, codes: Codes) -> dict[str, object]:
    """A source: how its files are written, and the columns of each form."""
    boxes: dict[str, tuple[str, ...]] = {}
    if contract.layout == "redcap":
        fields = redcap_fields(contract.dictionary_path())
        boxes = {field.name: field.headers for field in fields}
    return {
        "source": contract.source,
        "export": f"{contract.source}/{contract.file}.csv" if contract.file else None,
        "own_columns": REDCAP_COLUMNS,
        "encodings": [_encoding(name) for name in contract.encodings],
        "delimiter": _DELIMITERS.get(contract.delimiter, Text(*2 * (contract.delimiter,))),
        "missing": contract.missing_codes,
        "forms": [
            {
                "form": form.name,
                "file": None if contract.file else f"{contract.source}/{form.name}.csv",
                "instrument": form.instrument,
                "event": form.event,
                "lines": [
                    _line(contract, form.key, column, codes, boxes) for column in form.columns
                ],
            }
            for form in contract.forms.values()
        ],
    }


def _encoding(name: str) -> str:
    return {"cp932": "CP932 (Shift_JIS)"}.get(name, name.upper())


def _line(
    contract: Contract,
    key: Iterable[str],
    column: Column,
    codes: Codes,
    boxes: Mapping[str, tuple[str, ...]],
) -> Line:
    return Line(
        headers=boxes.get(column.header, (column.header,)),
        aliases=column.aliases,
        meaning=wording("form_column", column.name),
        holds=_holds(contract, column),
        codes=codes.get((contract.source, column.list), []) if column.list else [],
        required=column.required,
        in_key=column.name in key,
    )


def _holds(contract: Contract, column: Column) -> Text:
    """How the cells of a column are written."""
    number = f"12{contract.decimal_mark}5"
    if column.checkbox:
        return Text("1 where ticked, 0 where not", "選択時は 1、それ以外は 0")
    if column.type == "size":
        size = f"1{contract.decimal_mark}3 (13 mm)" if contract.size_unit == "cm" else "13"
        unit = contract.size_unit
        return Text(f"diameter in {unit}, like {size}", f"径（{unit}）、例 {size}")
    if column.type == "decimal":
        return Text(f"number, like {number}", f"数値、例 {number}")
    if column.type == "date":
        return _date(contract)
    return wording("form_cell", column.type)


def _date(contract: Contract) -> Text:
    whole, *partial = _DATES[contract.date_order]
    en, ja = f"date, like {whole}", f"日付、例 {whole}"
    if contract.eras:
        en, ja = f"{en} or R1.12.31", f"{ja}、R1.12.31（元号可）"
    if contract.excel_serials:
        en, ja = f"{en}, or as Excel counts days", f"{ja}、Excelの日数も可"
    en, ja = f"{en}; day not known: {' or '.join(partial)}", f"{ja}。日が不明：{'、'.join(partial)}"
    return Text(en, ja)
