"""What the files of each source must look like.

One YAML file per source, beside this module, says which encodings, delimiter, forms and columns a
data centre sends. For the REDCap source the fields come from the REDCap data dictionary, so a new
field is a change of the dictionary; the YAML file only says which field is which column of a form.
"""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from dlm.errors import DlmError
from dlm.yaml_text import load_yaml

HERE = Path(__file__).parent
REDCAP_COLUMNS = (
    "record_id",
    "redcap_event_name",
    "redcap_repeat_instrument",
    "redcap_repeat_instance",
    "redcap_data_access_group",
)
COLUMN_TYPES = ("id", "text", "segments", "integer", "decimal", "size", "date", "code")
FREE_TEXT = ("text", "segments")
"""Types of columns that people type words into."""


class ContractError(DlmError):
    """A contract or data dictionary that cannot be used; the text says where and why."""


@dataclass(frozen=True)
class Column:
    """One column of a form: its header in the file, other headers it may have, what it holds.

    `required` tells sites that no cell may be blank; a file with blank ones is loaded all the same.
    """

    header: str
    name: str
    type: str
    list: str | None = None
    required: bool = False
    checkbox: bool = False
    aliases: tuple[str, ...] = ()


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
    """One file a source sends: its stem in a delivery, its raw table and its exact header.

    Attributes:
        form: the form it holds; None where it holds several.
        types: what each header holds, one of COLUMN_TYPES.
        aliases: other headers a column may have, each with the header it stands for.
        patient: header of the patient's identifier; blank where there is none.
    """

    source: str
    stem: str
    form: str | None
    raw_table: str
    headers: tuple[str, ...]
    types: Mapping[str, str] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)
    patient: str = ""


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
    excel_serials: bool
    size_unit: str
    missing_codes: tuple[str, ...]
    forms: Mapping[str, Form]
    file: str | None = None
    dictionary: str | None = None

    def file_specs(self) -> tuple[FileSpec, ...]:
        """The files of this source, in the order of its forms."""
        if self.layout == "redcap":
            stem = self.file or "redcap"
            headers = redcap_headers(self.dictionary_path())
            types = redcap_types(self.dictionary_path())
            columns = [column for form in self.forms.values() for column in form.columns]
            types |= {column.header: column.type for column in columns if not column.checkbox}
            return (
                FileSpec(
                    self.source,
                    stem,
                    None,
                    f"{self.source}__{stem}",
                    headers,
                    {header: types.get(header, "code") for header in headers},
                    _aliases(columns),
                    _patient(columns),
                ),
            )
        return tuple(
            FileSpec(
                self.source,
                form.name,
                form.name,
                f"{self.source}__{form.name}",
                tuple(column.header for column in form.columns),
                {column.header: column.type for column in form.columns},
                _aliases(form.columns),
                _patient(form.columns),
            )
            for form in self.forms.values()
        )

    def dictionary_path(self) -> Path:
        """Where the REDCap data dictionary of this source is."""
        if self.dictionary is None:
            raise ContractError(f"source {self.source} has no data dictionary")
        return HERE / self.dictionary


def _aliases(columns: Iterable[Column]) -> dict[str, str]:
    return {alias: column.header for column in columns for alias in column.aliases}


def _patient(columns: Iterable[Column]) -> str:
    return next((column.header for column in columns if column.name == "patient_id"), "")


def match_name(header: str) -> str:
    """A header as it is compared: NFKC, case and white space folded."""
    return "".join(unicodedata.normalize("NFKC", header).casefold().split())


@dataclass(frozen=True)
class RedcapField:
    """One field of a REDCap data dictionary.

    Attributes:
        codes: choices of a field that has some, in order, as the dictionary writes them.
        free_text: whether people type into it.
        identifier: whether the dictionary says that it identifies a person.
    """

    name: str
    kind: str
    codes: tuple[str, ...]
    free_text: bool
    identifier: bool

    @property
    def headers(self) -> tuple[str, ...]:
        """Columns of an export that hold it: one per choice for a checkbox."""
        if self.kind == "checkbox":
            return tuple(f"{self.name}___{code.lower()}" for code in self.codes)
        return (self.name,)


def redcap_fields(dictionary: Path) -> tuple[RedcapField, ...]:
    """The fields of a REDCap data dictionary that an export has columns for, record_id first.

    Raises:
        ContractError: it is not a data dictionary, or a field is written in a way that leaves
            the header of the export open.
    """
    fields = []
    try:
        with dictionary.open(encoding="utf-8-sig", newline="") as handle:
            for number, row in enumerate(csv.DictReader(handle, strict=True), start=2):
                field_ = _redcap_field(row, f"{dictionary.name}, record {number - 1}")
                if field_.kind != "descriptive":
                    fields.append(field_)
    except (UnicodeDecodeError, csv.Error) as error:
        raise ContractError(f"{dictionary.name}: cannot be read as UTF-8 CSV: {error}") from None
    names = [item.name for item in fields]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ContractError(f"{dictionary.name}: field {', '.join(twice)} stands twice")
    if "record_id" not in names:
        raise ContractError(f"{dictionary.name}: has no field record_id")
    return tuple(fields)


def _redcap_field(row: Mapping[str, str | None], where: str) -> RedcapField:
    try:
        name = (row["Variable / Field Name"] or "").strip()
        kind = (row["Field Type"] or "").strip()
        choices = row["Choices, Calculations, OR Slider Labels"] or ""
    except KeyError as missing:
        raise ContractError(
            f"{where}: no column {missing}; is it a REDCap data dictionary?"
        ) from None
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise ContractError(
            f"{where}: a field name begins with a letter and has only a-z, 0-9 and _"
        )
    codes: tuple[str, ...] = ()
    if kind in ("radio", "dropdown", "checkbox"):
        codes = tuple(choice.split(",", 1)[0].strip() for choice in choices.split("|"))
        if not all(codes):
            raise ContractError(
                f"{where}: {kind} {name} has a choice without a code; "
                "write choices as 'code, label | code, label'"
            )
    validation = (row.get("Text Validation Type OR Show Slider Number") or "").strip()
    return RedcapField(
        name,
        kind,
        codes,
        kind == "notes" or (kind == "text" and not validation),
        (row.get("Identifier?") or "").strip().casefold() in ("y", "yes"),
    )


def redcap_headers(dictionary: Path) -> tuple[str, ...]:
    """The header of a REDCap export, from its data dictionary.

    REDCap writes the record, event and repeat columns first and one column
    ``field___code`` per choice of a checkbox.
    """
    fields = redcap_fields(dictionary)
    return (
        *REDCAP_COLUMNS,
        *(header for item in fields if item.name != "record_id" for header in item.headers),
    )


def redcap_types(dictionary: Path) -> dict[str, str]:
    """What the fields of a data dictionary hold: 'text' where people type, else 'code'."""
    return {
        header: "text" if item.free_text else "code"
        for item in redcap_fields(dictionary)
        for header in item.headers
    }


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
    try:
        return _contract(path)
    except (yaml.YAMLError, AttributeError, KeyError, TypeError) as error:
        raise ContractError(
            f"{path.name} is no sound contract ({error}); run: dlm contract check"
        ) from error


def _contract(path: Path) -> Contract:
    data: dict[str, Any] = load_yaml(path.read_text(encoding="utf-8"))
    forms: dict[str, Form] = {}
    for name, entry in data.pop("forms").items():
        columns = tuple(
            Column(**{**column, "aliases": tuple(column.get("aliases", ()))})
            for column in entry["columns"]
        )
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
        (
            "header or alias",
            [match_name(name) for column in columns for name in (column.header, *column.aliases)],
        ),
        ("name", [column.name for column in columns]),
    ):
        twice = sorted({value for value in values if values.count(value) > 1})
        if twice:
            raise ContractError(f"{where}: {what} {', '.join(twice)} stands twice")
