"""Contracts: what is wrong with one is named by file, form and column."""

from __future__ import annotations

import csv
import html
import shutil
from pathlib import Path

import pytest

from dlm.contracts import HERE, ContractError, load_contracts, redcap_fields
from dlm.contracts.check import check_contracts, dictionary_changes
from dlm.contracts.page import write_forms_page
from dlm.errors import DeliveryRefused
from dlm.wording import wording

PROJECT = Path(__file__).parents[2]
CODELISTS = PROJECT / "seeds" / "reference" / "ref_codelists.csv"


def spoil(folder: Path, file: str, old: str, new: str) -> list[str]:
    """What the check says of contracts with one text replaced."""
    for path in (*HERE.glob("*.yml"), *HERE.glob("*.csv")):
        shutil.copy(path, folder)
    text = (folder / file).read_text(encoding="utf-8")
    assert old in text
    (folder / file).write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ContractError) as caught:
        check_contracts(PROJECT, folder)
    return str(caught.value).splitlines()[1:]


def test_the_projects_contracts_are_sound() -> None:
    check_contracts(PROJECT)


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("eortc.yml", "[utf-8]", "[utf-9]", "eortc.yml: encoding 'utf-9' does not exist"),
        ("eortc.yml", "[utf-8]", "[koi8-r]", "encoding 'koi8-r' is not supported"),
        ("eortc.yml", 'delimiter: ";"', 'delimiter: ";;"', "it is one character"),
        ("eortc.yml", 'delimiter: ";"', 'delimiter: "1"', "stands in values"),
        ("eortc.yml", "date_order: dmy", "date_order: dym", "date_order is 'dym'"),
        ("eortc.yml", "size_unit: mm", "size_unit: inch", "size_unit is 'inch'"),
        ("eortc.yml", "eras: false\n", "", "eortc.yml: lacks eras"),
        ("eortc.yml", "eras: false", "eras: false\ncolour: red", "colour is no setting"),
        ("eortc.yml", "ND, NE", "no, NE", "missing_codes is a list of texts"),
        ("eortc.yml", "key: [patient_id]", "key: [patient]", "key column patient is none"),
        ("eortc.yml", "name: sex, type: code", "name: sex, type: kode", "type 'kode' is none"),
        ("eortc.yml", "list: sex", "list: sexes", "form registration, column SEX: code list sexes"),
        ("eortc.yml", "header: SEX,", "header: patid,", "header or alias patid stands 2 times"),
        ("eortc.yml", "aliases: [PATIENTID]", "aliases: [INSTIT]", "instit stands 2 times"),
        ("eortc.yml", "aliases: [PATIENTID]", "aliases: 7", "aliases is a list of texts"),
        ("eortc.yml", "name: age,", "name: sex,", "name sex stands 2 times"),
        ("eortc.yml", "name: age,", "name: age, unit: y,", "unit is no setting of a column"),
        ("eortc.yml", "forms:", "forms: [", "cannot be read as YAML"),
        ("us.yml", "header: age,", "header: years,", "column years: is no field of the data"),
        ("us.yml", "_dictionary.csv", "_dict.csv", "its data dictionary cannot be used"),
        ("us_redcap_dictionary.csv", "\nage,", "\nAGE,", "a field name begins with a letter"),
        ("us_redcap_dictionary.csv", "\nage,", "\nsex,", "field sex stands twice"),
        ("us_redcap_dictionary.csv", "Field Type", "Type", "no column 'Field Type'"),
        ("us_redcap_dictionary.csv", '"1, Male | 2, Female"', '"1, Male | "', "without a code"),
        (
            "us_redcap_dictionary.csv",
            "age,registration,,text,Age,,,integer,,,",
            "age,registration,,text,Age,,,integer,,,y",
            "field age is marked as an identifier",
        ),
    ],
)
def test_a_fault_is_named(tmp_path: Path, file: str, old: str, new: str, said: str) -> None:
    lines = spoil(tmp_path, file, old, new)
    assert any(said in line for line in lines), lines


def test_a_new_field_is_a_change_of_the_dictionary_alone(tmp_path: Path) -> None:
    contract = load_contracts()["us"]
    text = contract.dictionary_path().read_text(encoding="utf-8")
    delivered = tmp_path / "redcap_dictionary.csv"
    delivered.write_text(
        text.replace('"1, Male | 2, Female"', '"1, Male | 2, Female | 3, Other"')
        + "new_field,registration,,notes,New,,,,,,,,,,,,,\n",
        encoding="utf-8",
    )
    assert "new_field" in {item.name for item in redcap_fields(delivered)}
    changes = dictionary_changes(delivered, "us/redcap_dictionary.csv", contract)
    assert [(change.column, change.text.split(" ")[0]) for change in changes] == [
        ("new_field", "is"),
        ("sex", "has"),
    ]
    assert not dictionary_changes(contract.dictionary_path(), "d", contract)


def test_a_dictionary_that_is_none_refuses_the_delivery(tmp_path: Path) -> None:
    path = tmp_path / "redcap_dictionary.csv"
    path.write_bytes(b"a,b\n1,\xff\n")
    with pytest.raises(DeliveryRefused, match="bad_dictionary"):
        dictionary_changes(path, "us/redcap_dictionary.csv", load_contracts()["us"])
    us = load_contracts()["us"]
    text = us.dictionary_path().read_text(encoding="utf-8")
    path.write_text(text.replace("Record ID", "as for Mrs. Petrova", 1), encoding="utf-8")
    with pytest.raises(DeliveryRefused, match="private_data"):
        dictionary_changes(path, "us/redcap_dictionary.csv", us)


# ---------------------------------------------------------------- the page that sites print


@pytest.fixture(scope="module")
def forms_page(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The page's text, by source."""
    path = tmp_path_factory.mktemp("page") / "new" / "forms.html"
    write_forms_page(path, CODELISTS)
    parts = html.unescape(path.read_text(encoding="utf-8")).split('<section id="')[1:]
    return {part.partition('"')[0]: part for part in parts}


def test_the_page_names_every_column_with_its_meaning_in_both_languages(
    forms_page: dict[str, str],
) -> None:
    contracts = load_contracts()
    assert forms_page.keys() == contracts.keys()
    for source, contract in contracts.items():
        listed = {header for spec in contract.file_specs() for header in spec.headers}
        for header in listed:
            assert f"<code>{header}</code>" in forms_page[source], (source, header)
        for form in contract.forms.values():
            for column in form.columns:
                text = wording("form_column", column.name)
                assert {text.en, text.ja} != {column.name.replace("_", " ")}, column.name
                assert text.en in forms_page[source]
                assert text.ja in forms_page[source]
                assert all(
                    f"<code>{alias}</code>" in forms_page[source] for alias in column.aliases
                )


def test_the_page_has_every_code_that_a_column_may_have(forms_page: dict[str, str]) -> None:
    used = {
        (source, column.list)
        for source, contract in load_contracts().items()
        for form in contract.forms.values()
        for column in form.columns
    }
    with CODELISTS.open(encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    assert {(row["source"], row["list_name"]) for row in rows} <= used
    for row in rows:
        shown = f'<code>{row["source_value"]}</code> <span lang="en">{row["label_en"]}</span>'
        assert shown in forms_page[row["source"]], row


def test_the_page_says_how_each_source_writes(forms_page: dict[str, str]) -> None:
    for source, said in {
        "eortc": (
            "diameter in mm, like 13",
            "number, like 12,5",
            "date, like 31/12/2019",
            "semicolon",
        ),
        "jcog": (
            "diameter in cm, like 1.3 (13 mm)",
            "2019/12/31 or R1.12.31; day not known: 2019/12 or 2019/12/--",
            "CP932 (Shift_JIS)",
            "未実施",
        ),
        "us": ("date, like 12/31/2019", "us/redcap.csv", "1 where ticked", "___4a"),
    }.items():
        for words in said:
            assert words in forms_page[source], (source, words)
