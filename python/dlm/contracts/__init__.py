"""What the files of each source must look like.

One YAML file per source, beside this module, says which encodings, delimiter, forms and columns a
data centre sends. For the REDCap source the fields come from the REDCap data dictionary, so a new
field is a change of the dictionary; the YAML file only says which field is which column of a form.
"""

from __future__ import annotations

import csv
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
REDCAP_COLUMNS = (
    "record_id",
    "redcap_event_name",
    "redcap_repeat_instrument",
    "redcap_repeat_instance",
    "redcap_data_access_group",
)
COLUMN_TYPES = ("id", "text", "integer", "decimal", "size", "date", "code")


class ContractError(ValueError):
    """A contract or data dictionary that cannot be used; the text says where and why."""


@dataclass(frozen=True)
class Column:
    """One column of a form: its header in the file and what it holds."""

    header: str
    name: str
    type: str
    list: str | None = None
    required: bool = False
    checkbox: bool = False


@dataclass(frozen=True)
class Form:
    """One form (case report form) of a source, with its natural key."""

    name: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    instrument: str | None = None
    event: str | None = None
    repeating: bool = False


@dataclass(frozen=True)
class FileSpec:
    """One file a source sends: its stem in a delivery, its raw table and its exact header."""

    source: str
    stem: str
    form: str | None
    raw_table: str
    headers: tuple[str, ...]
    required: tuple[str, ...]


@dataclass(frozen=True)
class Contract:
    """The habits and forms of one source."""

    source: str
    layout: str
    encodings: tuple[str, ...]
    delimiter: str
    decimal_mark: str
    date_order: str
    eras: bool
    size_unit: str
    missing_codes: tuple[str, ...]
    forms: Mapping[str, Form]
    file: str | None = None
    dictionary: str | None = None

    def file_specs(self) -> tuple[FileSpec, ...]:
        """The files of this source, in the order of its forms."""
        if self.layout == "redcap":
            stem = self.file or "redcap"
            return (
                FileSpec(
                    self.source,
                    stem,
                    None,
                    f"{self.source}__{stem}",
                    redcap_headers(self.dictionary_path()),
                    ("record_id",),
                ),
            )
        return tuple(
            FileSpec(
                self.source,
                form.name,
                form.name,
                f"{self.source}__{form.name}",
                tuple(column.header for column in form.columns),
                tuple(column.header for column in form.columns if column.required),
            )
            for form in self.forms.values()
        )

    def dictionary_path(self) -> Path:
        """Where the REDCap data dictionary of this source is."""
        if self.dictionary is None:
            raise ContractError(f"source {self.source} has no data dictionary")
        return HERE / self.dictionary


def match_name(header: str) -> str:
    """A header as it is compared: NFKC, case and white space folded."""
    return "".join(unicodedata.normalize("NFKC", header).casefold().split())


def redcap_headers(dictionary: Path) -> tuple[str, ...]:
    """The header of a REDCap export, from its data dictionary.

    REDCap writes the record, event and repeat columns first and one column
    ``field___code`` per choice of a checkbox.
    """
    headers = list(REDCAP_COLUMNS)
    with dictionary.open(encoding="utf-8-sig", newline="") as handle:
        for number, row in enumerate(csv.DictReader(handle, strict=True), start=2):
            try:
                field = row["Variable / Field Name"]
                kind = row["Field Type"]
                choices = row["Choices, Calculations, OR Slider Labels"]
            except KeyError as missing:
                raise ContractError(
                    f"{dictionary.name}: no column {missing}; is it a REDCap data dictionary?"
                ) from None
            if field == "record_id" or kind == "descriptive":
                continue
            if kind == "checkbox":
                codes = [choice.split(",", 1)[0].strip() for choice in choices.split("|")]
                if not all(codes):
                    raise ContractError(
                        f"{dictionary.name}, line {number}: checkbox {field} has a choice "
                        "without a code; write choices as 'code, label | code, label'"
                    )
                headers += [f"{field}___{code.lower()}" for code in codes]
            else:
                headers.append(field)
    return tuple(headers)


@cache
def load_contracts() -> Mapping[str, Contract]:
    """Every contract of the project, by source.

    Raises:
        ContractError: a contract names an unknown type, a code column has no list, or a header
            or name stands twice in a form.
    """
    contracts = {}
    for path in sorted(HERE.glob("*.yml")):
        contract = _parse(path)
        contracts[contract.source] = contract
    return contracts


def _parse(path: Path) -> Contract:
    data: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    forms: dict[str, Form] = {}
    for name, entry in data.pop("forms").items():
        columns = tuple(Column(**column) for column in entry["columns"])
        _check_form(path, name, columns)
        forms[name] = Form(
            name=name,
            key=tuple(entry["key"]),
            columns=columns,
            instrument=entry.get("instrument"),
            event=entry.get("event"),
            repeating=entry.get("repeating", False),
        )
    data["encodings"] = tuple(data["encodings"])
    data["missing_codes"] = tuple(data["missing_codes"])
    return Contract(forms=forms, **data)


def _check_form(path: Path, form: str, columns: tuple[Column, ...]) -> None:
    where = f"{path.name}, form {form}"
    for column in columns:
        if column.type not in COLUMN_TYPES:
            raise ContractError(
                f"{where}, column {column.header}: type {column.type!r} is none of {COLUMN_TYPES}"
            )
        if (column.type == "code") != (column.list is not None):
            raise ContractError(
                f"{where}, column {column.header}: a code needs a list, and only a code has one"
            )
    for what, values in (
        ("header", [match_name(column.header) for column in columns]),
        ("name", [column.name for column in columns]),
    ):
        twice = sorted({value for value in values if values.count(value) > 1})
        if twice:
            raise ContractError(f"{where}: {what} {', '.join(twice)} stands twice")
