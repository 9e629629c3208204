"""Check contracts against themselves, the code lists and the REDCap data dictionary."""

from __future__ import annotations

import codecs
import csv
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import yaml

from dlm.contracts import (
    COLUMN_TYPES,
    HERE,
    REDCAP_COLUMNS,
    Column,
    Contract,
    ContractError,
    RedcapField,
    match_name,
    redcap_fields,
)
from dlm.errors import DeliveryRefused, Problem
from dlm.reading.privacy import private_texts
from dlm.yaml_text import load_yaml

ENCODINGS = ("utf-8", "utf-16-le", "utf-16-be", "cp932", "shift_jis", "latin-1", "cp1252")
_CHOICES: Mapping[str, tuple[object, ...]] = {
    "layout": ("forms", "redcap"),
    "decimal_mark": (".", ","),
    "date_order": ("dmy", "mdy", "ymd"),
    "eras": (True, False),
    "excel_serials": (True, False),
    "size_unit": ("mm", "cm"),
}
_OPTIONAL = ("file", "dictionary")
_FORM_KEYS = {"key", "columns", "instrument", "event", "repeating"}
_COLUMN_KEYS = {field.name for field in fields(Column)}
CodeLists = Mapping[tuple[str, str], Mapping[str, bool]]


def check_contracts(project: Path, folder: Path = HERE) -> None:
    """Check every contract of a folder.

    Args:
        project: the project, whose seeds hold the code lists.
        folder: where the contracts are.

    Raises:
        ContractError: lists everything that is wrong, with file, form and column.
    """
    lists = _code_lists(project / "seeds" / "reference" / "ref_codelists.csv")
    problems: list[str] = []
    for path in sorted(folder.glob("*.yml")):
        try:
            data = load_yaml(path.read_text(encoding="utf-8"))
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            problems.append(f"{path.name}: cannot be read as YAML: {error}")
            continue
        if not isinstance(data, dict):
            problems.append(f"{path.name}: holds no contract")
            continue
        problems += [f"{path.name}{problem}" for problem in _problems(data, folder, lists)]
    if problems:
        raise ContractError(
            f"{len(problems)} problem(s) in the contracts:\n"
            + "\n".join(f"  {problem}" for problem in problems)
        )


def dictionary_changes(path: Path, name: str, contract: Contract) -> list[Problem]:
    """How a data dictionary delivered beside its export differs from the project's.

    Raises:
        DeliveryRefused: it cannot be read as a data dictionary, or a text of it names a person.
    """
    try:
        delivered = {item.name: item for item in redcap_fields(path)}
    except ContractError as error:
        text = f"is no REDCap data dictionary: {error}"
        raise DeliveryRefused([Problem(name, None, None, "bad_dictionary", text)]) from None
    kind = private_texts(_cells(path) - _cells(contract.dictionary_path()))
    if kind:
        text = f"holds {kind}; nothing of it was kept: remove what names people and send it again"
        raise DeliveryRefused([Problem(name, None, None, "private_data", text)])
    ours = {item.name: item for item in redcap_fields(contract.dictionary_path())}
    problems = []
    for field in sorted(delivered.keys() | ours.keys()):
        if field not in ours:
            what = "is new; take the delivered dictionary into the project to load it"
        elif field not in delivered:
            what = "is gone from the delivered dictionary"
        elif delivered[field].codes != ours[field].codes:
            what = "has other choices than in the project's dictionary"
        elif delivered[field].kind != ours[field].kind:
            what = "is of another kind than in the project's dictionary"
        else:
            continue
        problems.append(Problem(name, None, field, "dictionary_differs", what))
    return problems


def dictionary_records(path: Path) -> int:
    """Records of a data dictionary, the header not counted."""
    with path.open(encoding="utf-8-sig", newline="") as handle:
        return sum(1 for _ in csv.reader(handle)) - 1


def _cells(path: Path) -> set[str]:
    """Every text of a CSV file that has been read before."""
    with path.open(encoding="utf-8-sig", newline="") as handle:
        return {text for row in csv.reader(handle) for text in row if text}


def _problems(data: dict[str, Any], folder: Path, lists: CodeLists) -> Iterator[str]:
    """What is wrong with one contract; each begins with ': ' or ', form ...'."""
    wanted = {"source", "encodings", "delimiter", "missing_codes", "forms", *_CHOICES}
    missing = sorted(wanted - data.keys())
    unknown = sorted(data.keys() - wanted - set(_OPTIONAL))
    if missing or unknown:
        if missing:
            yield f": lacks {', '.join(missing)}"
        if unknown:
            yield f": {', '.join(unknown)} is no setting of a contract"
        return
    yield from _habit_problems(data)
    if not isinstance(data["forms"], dict) or not data["forms"]:
        yield ": has no forms"
        return
    dictionary: dict[str, RedcapField] | None = None
    if data["layout"] == "redcap":
        try:
            items = redcap_fields(folder / str(data.get("dictionary")))
            dictionary = {item.name: item for item in items}
        except (ContractError, OSError) as error:
            yield f": its data dictionary cannot be used: {error}"
        for item in (dictionary or {}).values():
            if item.identifier:
                yield (
                    f": field {item.name} is marked as an identifier in the data dictionary; "
                    "leave it out of the export and of the dictionary"
                )
    for form, entry in data["forms"].items():
        where = f", form {form}"
        if not isinstance(entry, dict) or not isinstance(entry.get("columns"), list):
            yield f"{where}: has no columns"
            continue
        strange = sorted(entry.keys() - _FORM_KEYS)
        if strange:
            yield f"{where}: {', '.join(strange)} is no setting of a form"
        yield from _form_problems(where, entry, str(data["source"]), lists, dictionary)


def _habit_problems(data: dict[str, Any]) -> Iterator[str]:
    for setting, allowed in _CHOICES.items():
        if data[setting] not in allowed:
            yield f": {setting} is {data[setting]!r}; known: {', '.join(map(str, allowed))}"
    encodings = data["encodings"]
    if not isinstance(encodings, list) or not encodings:
        yield ": encodings is a list of at least one"
    else:
        for encoding in encodings:
            try:
                codecs.lookup(str(encoding))
            except LookupError:
                yield f": encoding {encoding!r} does not exist; known: {', '.join(ENCODINGS)}"
                continue
            if encoding not in ENCODINGS:
                yield f": encoding {encoding!r} is not supported; known: {', '.join(ENCODINGS)}"
    delimiter = data["delimiter"]
    if not isinstance(delimiter, str) or len(delimiter) != 1:
        yield f": delimiter is {delimiter!r}; it is one character"
    elif delimiter.isalnum() or delimiter in "\"'\r\n\x00-/" or not delimiter.isascii():
        yield f": delimiter {delimiter!r} stands in values; use a comma, semicolon, tab or bar"
    codes = data["missing_codes"]
    if not isinstance(codes, list) or not all(isinstance(code, str) for code in codes):
        yield ": missing_codes is a list of texts; quote codes that YAML reads as something else"


def _form_problems(
    where: str,
    entry: dict[str, Any],
    source: str,
    lists: CodeLists,
    dictionary: dict[str, RedcapField] | None,
) -> Iterator[str]:
    columns = []
    for number, column in enumerate(entry["columns"], start=1):
        if not isinstance(column, dict) or not {"header", "name", "type"} <= column.keys():
            yield f"{where}, column {number}: has no header, name or type"
            continue
        place = f"{where}, column {column['header']}"
        strange = sorted(column.keys() - _COLUMN_KEYS)
        if strange:
            yield f"{place}: {', '.join(strange)} is no setting of a column"
        columns.append(column)
        yield from _column_problems(place, column, source, lists)
        if dictionary is not None:
            yield from _dictionary_problems(place, column, dictionary)
    names = {column["name"] for column in columns}
    for key in entry.get("key") or [None]:
        if key not in names:
            yield f"{where}: key column {key} is none of its columns"
    for what, values in (
        (
            "header or alias",
            [
                match_name(str(text))
                for column in columns
                for text in (column["header"], *_aliases(column))
            ],
        ),
        ("name", [column["name"] for column in columns]),
    ):
        for value, count in Counter(values).items():
            if count > 1:
                yield f"{where}: {what} {value} stands {count} times"


def _column_problems(
    place: str, column: dict[str, Any], source: str, lists: CodeLists
) -> Iterator[str]:
    if column["type"] not in COLUMN_TYPES:
        yield f"{place}: type {column['type']!r} is none of {', '.join(COLUMN_TYPES)}"
    if column.get("aliases", []) != _aliases(column):
        yield f"{place}: aliases is a list of texts"
    name = column.get("list")
    if (column["type"] == "code") != (name is not None):
        yield f"{place}: a code needs a list, and only a code has one"
    elif name is not None:
        values = lists.get((source, name))
        if values is None:
            yield f"{place}: code list {name} has no values of {source} in ref_codelists.csv"
        for value, labelled in (values or {}).items():
            if not labelled:
                yield f"{place}: code list {name} has no English and Japanese label for {value}"


def _aliases(column: dict[str, Any]) -> list[str]:
    """The aliases of a column, as far as they are texts in a list."""
    aliases = column.get("aliases")
    return [each for each in aliases if isinstance(each, str)] if isinstance(aliases, list) else []


def _dictionary_problems(
    place: str, column: dict[str, Any], dictionary: dict[str, RedcapField]
) -> Iterator[str]:
    if column["header"] in REDCAP_COLUMNS:
        return
    item = dictionary.get(column["header"])
    if item is None:
        yield f"{place}: is no field of the data dictionary"
    elif (item.kind == "checkbox") != bool(column.get("checkbox")):
        yield f"{place}: the contract and the data dictionary differ on whether it is a checkbox"


def _code_lists(path: Path) -> CodeLists:
    """The raw values of each source's code lists, and whether each has both labels."""
    lists: dict[tuple[str, str], dict[str, bool]] = {}
    with path.open(encoding="utf-8-sig", newline="") as handle:
        for row in csv.DictReader(handle, strict=True):
            labelled = bool(row["label_en"]) and bool(row["label_ja"])
            lists.setdefault((row["source"], row["list_name"]), {})[row["source_value"]] = labelled
    return lists
