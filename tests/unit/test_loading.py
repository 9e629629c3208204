"""Loading: a file is read exactly, or refused with file, line, column and what to do."""

from __future__ import annotations

import gzip
import hashlib
import json
from datetime import date
from pathlib import Path
from types import SimpleNamespace

import duckdb
import pyarrow as pa
import pytest
from loading import Outcome, read_bytes, workbook

from dlm import clock, engine
from dlm.changes import told
from dlm.contracts import Column, Contract, FileSpec, Form, load_contracts, redcap_headers
from dlm.deliveries import load_raw, parse_day, receive, stored_files, write_delivery_manifest
from dlm.errors import DeliveryRefused, DlmError, UsageError
from dlm.reading import reader
from dlm.store import changes_of, read_ledger

OUTCOME = "PATID;DTLAST;STATUS;DTDEATH;CAUSE\n"


def read(tmp_path: Path, data: bytes, source: str = "eortc", stem: str = "outcome") -> Outcome:
    return read_bytes(tmp_path, data, source, stem)


def refusal(tmp_path: Path, data: bytes, **where: str) -> list[str]:
    with pytest.raises(DeliveryRefused) as caught:
        read(tmp_path, data, **where)
    return [str(problem) for problem in caught.value.problems]


def test_values_are_kept_as_they_are(tmp_path: Path) -> None:
    text = OUTCOME + 'EU01-001; 03/04/2023;1E5;;"a;""b""\n c"\nEU01-002;;;;=1+1\n'
    file = read(tmp_path, text.encode())
    assert file.records == [
        ["EU01-001", " 03/04/2023", "1E5", "", 'a;"b"\n c'],
        ["EU01-002", "", "", "", "=1+1"],
    ]
    assert file.lines == [2, 4]
    assert file.records_in == 2
    assert not file.quarantined


def test_columns_are_found_by_name(tmp_path: Path) -> None:
    text = "CAUSE;status ;PATID;DTDEATH;ＤＴＬＡＳＴ\n9;1;EU01-001;D;L\n"
    assert read(tmp_path, text.encode()).records == [["EU01-001", "L", "1", "D", "9"]]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932"])
def test_japanese_files_in_either_encoding(tmp_path: Path, encoding: str) -> None:
    text = "症例番号,最終確認日,生死,死亡日,死因\r\nJP01-001,令和元年5月3日,生存,,\r\n"
    file = read(tmp_path, text.encode(encoding), source="jcog")
    assert file.records == [["JP01-001", "令和元年5月3日", "生存", "", ""]]


def test_records_of_long_fields_are_stored_few_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = []
    stored = reader._Reading._batch

    def counted(self: reader._Reading, rows: list[list[str]], lines: list[int]) -> pa.RecordBatch:
        sizes.append(sum(len(field) for row in rows for field in row))
        return stored(self, rows, lines)

    monkeypatch.setattr(reader._Reading, "_batch", counted)
    rows = "".join(f"EU01-{n:03};;1;;{'a' * 60_000}\n" for n in range(300))
    data = f"PATID;DTLAST;STATUS;DTDEATH;CAUSE\n{rows}".encode()
    assert read_bytes(tmp_path, data, allow_fast=False).account.loaded == 300
    assert max(sizes) < reader._BATCH_CHARACTERS + 70_000


def test_a_record_with_a_wrong_number_of_fields_is_quarantined(tmp_path: Path) -> None:
    file = read(tmp_path, (OUTCOME + "EU01-001;a;b;c\nEU01-002;a;b;c;d;\nEU01-003;;;;\n").encode())
    assert [str(problem) for problem in file.quarantined] == [
        "eortc/outcome.csv, line 2, column CAUSE: has 4 fields where the header has 5; "
        "check delimiters and quotes [field_count]",
        "eortc/outcome.csv, line 3: has 6 fields where the header has 5; "
        "check delimiters and quotes [field_count]",
    ]
    assert [record[0] for record in file.records] == ["EU01-003"]


def test_a_quote_inside_a_field_is_quarantined_and_the_rest_loads(tmp_path: Path) -> None:
    file = read(tmp_path, (OUTCOME + 'EU01-001;"a"b;;;\nEU01-002;;;;\n').encode())
    assert [(problem.line, problem.code) for problem in file.quarantined] == [(2, "bad_quote")]
    assert [record[0] for record in file.records] == ["EU01-002"]


@pytest.mark.parametrize("at_once", [4_000_000, 2])
def test_an_exact_duplicate_is_counted_once(
    at_once: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether a file's records are compared all at once or, where they are many, in parts."""
    monkeypatch.setattr("dlm.reading.store._COMPARED_AT_ONCE", at_once)
    rows = "".join(f"EU01-00{number};;;;\n" for number in (1, 2, 1, 3, 4, 3, 5, 1))
    file = read(tmp_path, (OUTCOME + rows + "EU01-001;;;;9\n").encode())
    assert (file.records_in, len(file.records), file.exact_duplicates) == (9, 6, 3)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty"),
        (b"\n", "no readable header"),
        (b"PK\x03\x04..xl/workbook.xml", "Excel workbook"),
        (b"PK\x03\x04rest", "zip archive"),
        (b"<!DOCTYPE html><html>", "web page"),
        (OUTCOME.encode() + b"EU01\x00;;;;\n", "line 2: holds a NUL byte"),
        (OUTCOME.encode() + b"EU01-001;;;;\nEU\xff;;;;\n", "line 3: byte 49 is not valid utf-8"),
        (OUTCOME.encode() + b'EU01-001;"open;;;\nEU01-002;;;;\n', "line 2: a quote that opens"),
        (b"PATID;DTLAST;STATUS;DTDEATH\n", "line 1, column CAUSE: is missing"),
        (b"PATID;DTLAST;STATUS;DTDEATH;CAUS\n", "is missing; unknown here: CAUS (renamed?)"),
        (b"PATID;DTLAST;STATUS;DTDEATH;CAUSE;CAUSE\n", "column CAUSE: stands more than once"),
        (b"PATID;DTLAST;STATUS;DTDEATH;CAUSE;DOSE\n", "column DOSE: is not in the contract"),
    ],
)
def test_a_file_that_cannot_be_trusted_is_refused(tmp_path: Path, data: bytes, words: str) -> None:
    assert any(words in problem for problem in refusal(tmp_path, data))


def test_redcap_header_comes_from_the_dictionary(tmp_path: Path) -> None:
    dictionary = tmp_path / "dictionary.csv"
    dictionary.write_text(
        '"Variable / Field Name","Form Name","Field Type",'
        '"Choices, Calculations, OR Slider Labels"\n'
        'record_id,a,text,\nseg,a,checkbox,"1, One | 4A, Four a"\nnote,a,descriptive,\n',
        encoding="utf-8",
    )
    assert redcap_headers(dictionary)[-2:] == ("seg___1", "seg___4a")


def test_every_source_describes_the_same_forms_and_columns() -> None:
    def names(contract: Contract) -> dict[str, list[tuple[str, str, str | None]]]:
        return {
            form.name: [(column.name, column.type, column.list) for column in form.columns]
            for form in contract.forms.values()
        }

    contracts = load_contracts()
    assert names(contracts["eortc"]) == names(contracts["jcog"]) == names(contracts["us"])


def test_redcap_fields_of_the_contract_are_in_the_dictionary() -> None:
    us = load_contracts()["us"]
    headers = set(redcap_headers(us.dictionary_path()))
    for form in us.forms.values():
        for column in form.columns:
            expanded = {header.split("___")[0] for header in headers}
            assert column.header in (expanded if column.checkbox else headers), column


# ---------------------------------------------------------------- the store


@pytest.fixture
def small_contract(monkeypatch: pytest.MonkeyPatch) -> Contract:
    """A source with two small forms, so that a delivery fits on a screen."""
    forms = {
        name: Form(
            name, ("patient_id",), (Column("ID", "patient_id", "id"), Column("X", "x", "text"))
        )
        for name in ("alpha", "beta")
    }
    contract = Contract(
        source="eortc",
        layout="forms",
        encodings=("utf-8",),
        delimiter=";",
        decimal_mark=",",
        date_order="dmy",
        eras=False,
        excel_serials=False,
        size_unit="mm",
        missing_codes=(),
        forms=forms,
    )
    monkeypatch.setattr("dlm.deliveries.load_contracts", lambda: {"eortc": contract})
    return contract


def deliver(folder: Path, files: dict[str, str], sender: str = "centre") -> Path:
    lines = ["file,rows,sha256,date,sender"]
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
        sha = hashlib.sha256(text.encode()).hexdigest()
        lines.append(f"{name},{text.count(chr(10)) - 1},{sha},2021-01-01,{sender}")
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


ALPHA, BETA = "eortc/alpha.csv", "eortc/beta.csv"


def raw_rows(state: Path, as_of: date | None = None) -> dict[str, list[tuple[str, ...]]]:
    connection = duckdb.connect()
    load_raw(connection, *stored_files(state, as_of))
    return {
        form: connection.execute(
            f"select ID, X, _file, _line from raw.eortc__{form} order by all"
        ).fetchall()
        for form in ("alpha", "beta")
    }


def test_a_later_delivery_supersedes_and_as_of_goes_back(
    tmp_path: Path, small_contract: Contract
) -> None:
    state = tmp_path / "state"
    first = deliver(tmp_path / "1", {ALPHA: "ID;X\nP1;a\n", BETA: "ID;X\nP1;b\n"})
    second = deliver(tmp_path / "2", {ALPHA: "ID;X\nP1;a2\nP2;c\n"})
    receive(first, state, date(2021, 1, 1))
    receive(second, state, date(2021, 2, 1))
    assert raw_rows(state) == {
        "alpha": [("P1", "a2", ALPHA, 2), ("P2", "c", ALPHA, 3)],
        "beta": [("P1", "b", BETA, 2)],
    }
    assert raw_rows(state, date(2021, 1, 31))["alpha"] == [("P1", "a", ALPHA, 2)]


def test_loading_the_same_delivery_twice_changes_nothing(
    tmp_path: Path, small_contract: Contract
) -> None:
    state = tmp_path / "state"
    folder = deliver(tmp_path / "1", {ALPHA: "ID;X\nP1;a\n", BETA: "ID;X\n"})
    assert receive(folder, state, date(2021, 1, 1)).new
    before = {path: path.read_bytes() for path in state.rglob("*") if path.is_file()}
    assert not receive(folder, state, date(2022, 1, 1)).new
    assert before == {path: path.read_bytes() for path in state.rglob("*") if path.is_file()}


def test_room_is_looked_for_only_for_files_that_the_store_lacks(
    tmp_path: Path, small_contract: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    state, corrected = tmp_path / "state", "ID;X\nP1;b\n"
    texts = {ALPHA: "ID;X\nP1;a\n", BETA: "ID;X\n"}
    receive(deliver(tmp_path / "1", texts), state, date(2021, 1, 1))
    free = SimpleNamespace(free=len(corrected))
    monkeypatch.setattr(engine.shutil, "disk_usage", lambda path: free)
    again = deliver(tmp_path / "2", texts | {ALPHA: corrected})
    assert receive(again, state, date(2021, 2, 1)).new
    with pytest.raises(DlmError, match=r"are needed below .* DLM_STATE"):
        receive(deliver(tmp_path / "3", {ALPHA: corrected + "P2;c\n"}), state, date(2021, 3, 1))


def in_force(state: Path) -> dict[str, str]:
    items, _ = stored_files(state, None)
    return {item.name: item.path.read_text() for item in items}


def test_an_earlier_delivery_comes_back_into_force_only_when_told(
    tmp_path: Path, small_contract: Contract
) -> None:
    state = tmp_path / "state"
    first = deliver(tmp_path / "1", {ALPHA: "ID;X\nP1;a\n", BETA: "ID;X\n"})
    second = deliver(tmp_path / "2", {ALPHA: "ID;X\nP1;b\n"})
    earlier = receive(first, state, date(2021, 1, 1))
    later = receive(second, state, date(2021, 2, 1))
    assert not later.warnings

    repeated = receive(first, state, date(2021, 3, 1))
    assert not repeated.new
    assert [str(warning) for warning in repeated.about_delivery] == [
        f"eortc/alpha.csv: is not in force: delivery {later.delivery_id}, received 2021-02-01, has "
        "its place; to go back to this one load it with --again [not_in_force]"
    ]
    assert in_force(state)[ALPHA] == "ID;X\nP1;b\n"

    anew = receive(first, state, date(2021, 3, 1), again=True)
    assert anew.new and anew.delivery_id != earlier.delivery_id
    assert in_force(state)[ALPHA] == "ID;X\nP1;a\n"
    before = (state / "deliveries.jsonl").read_bytes()
    assert not receive(first, state, date(2021, 3, 2), again=True).new
    assert (state / "deliveries.jsonl").read_bytes() == before


def test_a_delivery_filed_under_an_earlier_day_is_told_not_to_be_in_force(
    tmp_path: Path, small_contract: Contract
) -> None:
    state = tmp_path / "state"
    receive(deliver(tmp_path / "1", {ALPHA: "ID;X\nP1;a\n"}), state, date(2021, 3, 2))
    late = receive(deliver(tmp_path / "2", {ALPHA: "ID;X\nP1;b\n"}), state, date(2021, 3, 1))
    assert late.new
    assert [warning.code for warning in late.about_delivery] == ["not_in_force"]


def test_a_delivery_counts_as_received_on_one_day_whatever_takes_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(clock, "today", lambda: date(2021, 3, 1))
    assert clock.day_of_receipt(None) == date(2021, 3, 1)
    assert clock.day_of_receipt(date(2021, 3, 2)) == date(2021, 3, 2)
    with pytest.raises(UsageError, match="2062-03-01 lies ahead; name the day the delivery came"):
        clock.day_of_receipt(date(2062, 3, 1))


def test_a_refused_delivery_leaves_the_store_as_it_was(
    tmp_path: Path, small_contract: Contract
) -> None:
    state = tmp_path / "state"
    receive(
        deliver(tmp_path / "1", {ALPHA: "ID;X\nP1;a\n", BETA: "ID;X\n"}), state, date(2021, 1, 1)
    )
    before = (state / "deliveries.jsonl").read_bytes()
    bad = deliver(tmp_path / "2", {ALPHA: "ID;X\nP1;a\n", BETA: "ID;Y\nP1;a\n"})
    with pytest.raises(DeliveryRefused, match=r"eortc/beta\.csv, line 1, column X: is missing"):
        receive(bad, state, date(2021, 2, 1))
    assert (state / "deliveries.jsonl").read_bytes() == before


def test_the_files_that_can_be_loaded_are_taken_by_the_way_that_is_told(
    tmp_path: Path, small_contract: Contract
) -> None:
    folder = deliver(tmp_path / "1", {ALPHA: "ID;X\nP1;a\n", BETA: "ID;Y\nP1;a\n"})
    with pytest.raises(DeliveryRefused, match=r"the other files, move what is named out"):
        receive(folder, tmp_path / "state", date(2021, 1, 1))
    (folder / BETA).rename(tmp_path / "beta.csv")
    manifest = (folder / "manifest.csv").read_text().splitlines(keepends=True)
    (folder / "manifest.csv").write_text("".join(line for line in manifest if BETA not in line))
    assert receive(folder, tmp_path / "state", date(2021, 1, 1)).new


def test_no_way_on_is_told_where_no_file_can_be_loaded(
    tmp_path: Path, small_contract: Contract
) -> None:
    folder = deliver(tmp_path / "1", {ALPHA: "ID;Z\nP1;a\n", BETA: "ID;Y\nP1;a\n"})
    with pytest.raises(DeliveryRefused, match=r"(?s)beta.*\[unknown_column\]$"):
        receive(folder, tmp_path / "state", date(2021, 1, 1))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda folder: (folder / ALPHA).unlink(), "is in manifest.csv but not there"),
        (lambda folder: (folder / ALPHA).write_text("ID;X\nP9;z\n"), "sha256 differs"),
        (lambda folder: (folder / "eortc/gamma.csv").write_text("ID\n"), "is not in manifest.csv"),
        (lambda folder: (folder / "manifest.csv").unlink(), "dlm manifest DIR --sender NAME"),
        (
            lambda folder: (folder / "manifest.csv").write_text(
                (folder / "manifest.csv").read_text().replace("alpha.csv,1", "alpha.csv,2")
            ),
            "has 1 records where manifest.csv says 2",
        ),
        (
            lambda folder: (folder / "manifest.csv").write_text("file,rows\n"),
            "column sha256: is missing",
        ),
    ],
)
def test_a_delivery_must_be_what_its_manifest_says(
    tmp_path: Path, small_contract: Contract, spoil: object, words: str
) -> None:
    folder = deliver(tmp_path / "1", {ALPHA: "ID;X\nP1;a\n", BETA: "ID;X\n"})
    spoil(folder)  # type: ignore[operator]
    with pytest.raises(DeliveryRefused, match=words):
        receive(folder, tmp_path / "state", date(2021, 1, 1))
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        (ALPHA, "/etc/passwd", "bad_manifest_row"),
        (ALPHA, "eortc/../eortc/alpha.csv", "bad_manifest_row"),
        (ALPHA, "../eortc/alpha.csv", "bad_manifest_row"),
        (ALPHA, "eortc/./alpha.csv", "missing_file"),
        (ALPHA, BETA, "bad_manifest_row"),
        (",centre", "", "bad_manifest_row"),
        (",centre", ",centre,more", "bad_manifest_row"),
        ("csv,1,", "csv,one,", "rows_differ"),
        ("2021-01-01", "2021-02-30", "bad_manifest_date"),
        ("2021-01-01", "01/01/2021", "bad_manifest_date"),
        (",", ";", "missing_column"),
        ("file,", "FILE,", "missing_column"),
    ],
)
def test_a_manifest_is_taken_at_its_word(
    tmp_path: Path, small_contract: Contract, old: str, new: str, code: str
) -> None:
    folder = deliver(tmp_path / "1", {ALPHA: "ID;X\nP1;a\n", BETA: "ID;X\n"})
    path = folder / "manifest.csv"
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(DeliveryRefused) as caught:
        receive(folder, tmp_path / "state", date(2021, 1, 1))
    assert code in {problem.code for problem in caught.value.problems}
    assert not (tmp_path / "state").exists()


def test_a_delivery_of_no_file_is_refused(tmp_path: Path, small_contract: Contract) -> None:
    folder = tmp_path / "1"
    folder.mkdir()
    (folder / "manifest.csv").write_text("file,rows,sha256,date,sender\n")
    with pytest.raises(DeliveryRefused, match="empty_delivery"):
        receive(folder, tmp_path / "state", date(2021, 1, 1))
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize("day", [date(2021, 1, 1), None])
def test_a_manifest_is_written_that_the_store_takes(
    day: date | None, tmp_path: Path, small_contract: Contract
) -> None:
    folder = deliver(tmp_path / "1", {ALPHA: 'ID;X\nP1;"a\nb"\nP2;c;d\n', BETA: "ID;X\n"})
    (folder / "letter.txt").write_text("to nobody")
    (folder / "manifest.csv").unlink()
    files, _ = write_delivery_manifest(folder, "Leuven, data centre", day)
    assert [(file.name, file.records_in, len(file.quarantined)) for file in files] == [
        (ALPHA, 2, 1),
        (BETA, 0, 0),
    ]
    assert sorted(path.name for path in folder.iterdir()) == ["eortc", "letter.txt", "manifest.csv"]
    receive(folder, tmp_path / "state", date(2021, 1, 1))
    (entry,) = read_ledger(tmp_path / "state")
    assert {(file["sender"], file["dated"]) for file in entry["files"]} == {
        ("Leuven, data centre", day.isoformat() if day else "")
    }


def test_a_manifest_is_not_written_over_nor_of_files_that_would_be_refused(
    tmp_path: Path, small_contract: Contract
) -> None:
    folder = deliver(tmp_path / "1", {ALPHA: "ID;X\nP1;a\n", "elsewhere/beta.csv": "ID;X\n"})
    before = (folder / "manifest.csv").read_bytes()
    with pytest.raises(UsageError, match="--replace"):
        write_delivery_manifest(folder, "centre", None)
    with pytest.raises(DeliveryRefused, match="stands in the folder of no source"):
        write_delivery_manifest(folder, "centre", None, replace=True)
    (folder / "elsewhere" / "beta.csv").unlink()
    (folder / BETA).write_text("ID;Y\n")
    with pytest.raises(DeliveryRefused, match="column X: is missing"):
        write_delivery_manifest(folder, "centre", None, replace=True)
    assert (folder / "manifest.csv").read_bytes() == before
    (folder / BETA).write_text("ID;X\n")
    write_delivery_manifest(folder, "centre", None, replace=True)
    assert (folder / "manifest.csv").read_bytes() != before
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="holds no file of a form"):
        write_delivery_manifest(tmp_path / "empty", "centre", None)


def test_a_manifest_dated_after_its_receipt_is_told(
    tmp_path: Path, small_contract: Contract
) -> None:
    folder = deliver(tmp_path / "1", {ALPHA: "ID;X\nP1;a\n", BETA: "ID;X\n"})
    receipt = receive(folder, tmp_path / "state", date(2020, 12, 31))
    assert [warning.code for warning in receipt.warnings] == ["dated_after_receipt"]


SITES = {"eortc": {"EU01", "EU02"}}
OWN, OTHER = "eortc/EU01/alpha.csv", "eortc/EU02/alpha.csv"


@pytest.mark.parametrize(
    ("files", "code", "told"),
    [
        ({OWN: "ID;X\nEU01-001;a\nEU02-001;b\n"}, "other_site", f"{OWN}, line 3: "),
        ({OWN: 'ID;X\nEU01-001;a\n"EU02-001";b\n'}, "other_site", f"{OWN}, line 3: "),
        ({OWN: "ID;X\nＥＵ０１ー001;a\n"}, None, ""),
        ({OWN: "ID;X\neu01\u2010001;a\n\u3000EU01\u2212002\u00a0;b\n"}, None, ""),
        ({OWN: "ID;X\nEU02\u2010001;a\n"}, "other_site", f"{OWN}, line 2: "),
        ({"eortc/eu01/alpha.csv": "ID;X\nEU01-001;a\n"}, None, ""),
        ({"eortc/EU09/alpha.csv": "ID;X\n"}, "unknown_site", "EU09"),
        ({"eortc/Smith John/alpha.csv": "ID;X\n"}, "unknown_site", "a name that may be"),
        ({"eortc/John Smith.csv": "ID;X\n"}, "unknown_file", "a name that may be"),
        ({"eortc/alpha_John_Smith.csv": "ID;X\n"}, "unknown_file", "eortc/(a name that may be"),
        ({"eortc/Hans-Smith.csv": "ID;X\n"}, "unknown_file", "a name that may be"),
        ({"eortc/h.Smith@uk.de.csv": "ID;X\n"}, "unknown_file", "a name that may be"),
        ({OWN: "ID;X\nEU01-001;a\n", ALPHA: "ID;X\nEU01-001;a\n"}, "same_content", OWN),
        ({OWN: "ID;X\n", OTHER: "ID;X\n"}, None, ""),
    ],
)
def test_a_sites_own_file_is_in_its_folder(
    tmp_path: Path, small_contract: Contract, files: dict[str, str], code: str | None, told: str
) -> None:
    folder = deliver(tmp_path / "1", files)
    if code is None:
        receive(folder, tmp_path / "state", date(2021, 1, 1), sites=SITES)
        return
    for refuse in (
        lambda: receive(folder, tmp_path / "state", date(2021, 1, 1), sites=SITES),
        lambda: write_delivery_manifest(folder, "centre", None, SITES, replace=True),
    ):
        with pytest.raises(DeliveryRefused) as caught:
            refuse()
        assert [problem.code for problem in caught.value.problems] == [code]
        assert told in str(caught.value)
        assert "Smith" not in str(caught.value)


def test_a_folder_that_may_name_a_person_is_not_told(
    tmp_path: Path, small_contract: Contract
) -> None:
    folder = deliver(tmp_path / "1", {ALPHA: "ID;X\n"})
    (folder / "John Smith").mkdir()
    (folder / "John Smith" / "alpha.csv").write_text("ID;X\n")
    with pytest.raises(DeliveryRefused, match="not_in_manifest") as loaded:
        receive(folder, tmp_path / "state", date(2021, 1, 1))
    with pytest.raises(DeliveryRefused, match="unknown_source") as listed:
        write_delivery_manifest(folder, "centre", None, replace=True)
    for caught in (loaded, listed):
        assert "a name that may be a person's" in str(caught.value)
        assert "Smith" not in str(caught.value)


def test_a_file_sent_before_under_another_name_is_refused(
    tmp_path: Path, small_contract: Contract
) -> None:
    state = tmp_path / "state"
    text = "ID;X\nEU01-001;a\n"
    first = receive(deliver(tmp_path / "1", {ALPHA: text}), state, date(2021, 1, 1))
    with pytest.raises(DeliveryRefused, match="same_content") as caught:
        receive(deliver(tmp_path / "2", {OWN: text}), state, date(2021, 2, 1))
    assert f"what {ALPHA} of delivery {first.delivery_id} holds" in str(caught.value)
    # The same file under its own name is a delivery like any other.
    receive(deliver(tmp_path / "3", {ALPHA: text, BETA: "ID;X\n"}), state, date(2021, 2, 1))


@pytest.mark.parametrize("text", ["ID;X\n", "ID;X\nEU01-001;a;b\n"])
def test_a_file_without_a_record_never_takes_the_place_of_records(
    tmp_path: Path, small_contract: Contract, text: str
) -> None:
    state = tmp_path / "state"
    receive(
        deliver(tmp_path / "1", {ALPHA: "ID;X\nEU01-001;a\n", BETA: "ID;X\n"}),
        state,
        date(2021, 1, 1),
    )
    with pytest.raises(DeliveryRefused, match="emptied") as caught:
        receive(deliver(tmp_path / "2", {ALPHA: text}), state, date(2021, 2, 1))
    assert "where 1 are in force" in str(caught.value)
    assert raw_rows(state)["alpha"] == [("EU01-001", "a", ALPHA, 2)]


@pytest.mark.parametrize("text", ["ID;X\n", "ID;X\nEU01-001;a;b\n"])
@pytest.mark.parametrize("together", [True, False])
def test_a_site_without_a_record_never_leaves_a_file_for_all_sites(
    tmp_path: Path, small_contract: Contract, text: str, together: bool
) -> None:
    state = tmp_path / "state"
    whole = {ALPHA: "ID;X\nEU01-001;a\nEU02-001;b\n", BETA: "ID;X\n"}
    if not together:
        receive(deliver(tmp_path / "1", whole), state, date(2021, 1, 1))
    folder = deliver(tmp_path / "2", {OWN: text} | (whole if together else {}))
    with pytest.raises(DeliveryRefused, match="emptied") as caught:
        receive(folder, state, date(2021, 2, 1), sites=SITES)
    (problem,) = caught.value.problems
    assert problem.file == OWN
    assert f"the place of what {ALPHA}, a file for all sites, holds of the site" in str(problem)
    # Where there is no file for all sites, nothing is lost by a site that has no record yet.
    folder = deliver(tmp_path / "3", {OWN.replace("alpha", "beta"): text})
    receive(folder, state, date(2021, 2, 1), sites=SITES)


def test_a_file_dated_before_the_one_it_replaces_is_told(
    tmp_path: Path, small_contract: Contract
) -> None:
    state = tmp_path / "state"
    for n, day in ((1, "2021-01-05"), (2, "2021-01-05"), (3, "2021-01-04")):
        folder = deliver(tmp_path / str(n), {ALPHA: f"ID;X\nP1;{n}\n", BETA: "ID;X\n"})
        path = folder / "manifest.csv"
        path.write_text(path.read_text().replace("2021-01-01", day))
        delivery_id = receive(folder, state, date(2021, 2, n)).delivery_id
        changes = [each for each in changes_of(state, delivery_id) if each["rule_id"] == "DL16"]
        assert len(changes) == (1 if n == 3 else 0)
    assert told(changes)[0].startswith(f"{ALPHA}: is dated 2021-01-04, before {ALPHA}")


def test_a_form_of_no_source_is_told_and_a_letter_left_alone(
    tmp_path: Path, small_contract: Contract
) -> None:
    folder = deliver(tmp_path / "1", {ALPHA: "ID;X\nP1;a\n", BETA: "ID;X\n"})
    (folder / "letter.txt").write_text("x")
    receive(folder, tmp_path / "state", date(2021, 1, 1))
    (folder / "alpha.csv").write_text("ID;X\n")
    with pytest.raises(DeliveryRefused, match=r"  alpha\.csv: is not in manifest"):
        receive(folder, tmp_path / "state", date(2021, 1, 1))


def test_a_form_that_never_came_is_named(tmp_path: Path, small_contract: Contract) -> None:
    state = tmp_path / "state"
    receive(deliver(tmp_path / "1", {ALPHA: "ID;X\nP1;a\n"}), state, date(2021, 1, 1))
    with pytest.raises(DeliveryRefused, match=r"eortc/beta\.csv: was never delivered"):
        stored_files(state, None)


def test_an_empty_store_says_so(tmp_path: Path, small_contract: Contract) -> None:
    with pytest.raises(UsageError, match="holds no delivery"):
        stored_files(tmp_path, None)


def test_the_ledger_of_the_load_accounts_for_every_record(
    tmp_path: Path, small_contract: Contract
) -> None:
    state = tmp_path / "state"
    receive(
        deliver(
            tmp_path / "1",
            {ALPHA: "ID;X\nP1;a\nP1;a\nP2;b;c\nP3;d\n", BETA: "ID;X\n"},
            sender="synthetic trial",
        ),
        state,
        date(2021, 1, 1),
    )
    connection = duckdb.connect()
    load_raw(connection, *stored_files(state, None))
    assert connection.execute(
        "select file, records_in, loaded, quarantined, exact_duplicates, received_at "
        "from raw.load_files order by file"
    ).fetchall() == [(ALPHA, 4, 2, 1, 1, "2021-01-01"), (BETA, 0, 0, 0, 0, "2021-01-01")]
    assert connection.execute(
        "select file, line, reason_code from raw.load_quarantine"
    ).fetchall() == [(ALPHA, 4, "field_count")]
    assert connection.execute("from raw.load_origin").fetchall() == [("eortc", "synthetic")]


def test_the_ledger_file_is_one_json_object_a_line(
    tmp_path: Path, small_contract: Contract
) -> None:
    state = tmp_path / "state"
    receive(deliver(tmp_path / "1", {ALPHA: "ID;X\n", BETA: "ID;X\n"}), state, date(2021, 1, 1))
    entries = [json.loads(line) for line in (state / "deliveries.jsonl").read_text().splitlines()]
    assert [entry["received"] for entry in entries] == ["2021-01-01"]
    for file in entries[0]["files"]:
        stored = state / "objects" / file["sha256"][:2] / file["sha256"]
        assert hashlib.sha256(stored.read_bytes()).hexdigest() == file["sha256"]


@pytest.mark.parametrize("text", ["2021-02-30", "01/02/2021", "2021-2-3", "latest"])
def test_a_day_on_the_command_line_is_iso(text: str) -> None:
    with pytest.raises(UsageError, match="YYYY-MM-DD"):
        parse_day(text)


def test_specs_name_the_raw_tables() -> None:
    spec = load_contracts()["jcog"].file_specs()[0]
    assert isinstance(spec, FileSpec)
    assert (spec.raw_table, spec.patient) == ("jcog__registration", "症例番号")


# ---------------------------------------------------------------- deliveries of other kinds


def list_by_hand(folder: Path, rows: dict[str, int]) -> Path:
    """Write the manifest of files that are there."""
    lines = ["file,rows,sha256,date,sender"]
    for name, count in rows.items():
        sha = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        lines.append(f"{name},{count},{sha},2021-01-01,centre")
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def test_workbooks_and_gzip_are_delivered_like_csv(
    tmp_path: Path, small_contract: Contract
) -> None:
    folder = tmp_path / "1"
    (folder / "eortc").mkdir(parents=True)
    (folder / "eortc/alpha.xlsx").write_bytes(workbook(("alpha", [["ID", "X"], ["P1", "a"]])))
    (folder / "eortc/beta.csv.gz").write_bytes(gzip.compress(b"ID;X\nP1;b\n"))
    list_by_hand(folder, {"eortc/alpha.xlsx": 1, "eortc/beta.csv.gz": 1})
    receipt = receive(folder, tmp_path / "state", date(2021, 1, 1))
    assert raw_rows(tmp_path / "state") == {
        "alpha": [("P1", "a", "eortc/alpha.xlsx", 2)],
        "beta": [("P1", "b", "eortc/beta.csv.gz", 2)],
    }
    cells = receipt.table().splitlines()[1].split()
    assert cells == ["eortc/alpha.xlsx", "1", "1", "0", "0", "whole"]


def test_one_form_in_two_files_is_refused(tmp_path: Path, small_contract: Contract) -> None:
    folder = deliver(tmp_path / "1", {ALPHA: "ID;X\nP1;a\n"})
    (folder / "eortc/alpha.csv.gz").write_bytes(gzip.compress(b"ID;X\nP1;a\n"))
    list_by_hand(folder, {ALPHA: 1, "eortc/alpha.csv.gz": 1})
    with pytest.raises(DeliveryRefused, match="two_files"):
        receive(folder, tmp_path / "state", date(2021, 1, 1))


@pytest.mark.parametrize("linked", [ALPHA, "eortc"])
def test_a_link_to_a_file_of_another_place_is_refused(
    tmp_path: Path, small_contract: Contract, linked: str
) -> None:
    folder = deliver(tmp_path / "1", {ALPHA: "ID;X\nP1;a\n", BETA: "ID;X\n"})
    (folder / linked).rename(tmp_path / "elsewhere")
    (folder / linked).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DeliveryRefused, match=r"alpha\.csv: (is a link|is in manifest)"):
        receive(folder, tmp_path / "state", date(2021, 1, 1))
    assert not (tmp_path / "state").exists()


def test_a_delivery_may_stand_behind_a_link(tmp_path: Path, small_contract: Contract) -> None:
    folder = deliver(tmp_path / "1", {ALPHA: "ID;X\nP1;a\n", BETA: "ID;X\n"})
    (tmp_path / "link").symlink_to(folder)
    assert receive(tmp_path / "link", tmp_path / "state", date(2021, 1, 1)).new


def test_strict_refuses_what_would_be_quarantined(tmp_path: Path, small_contract: Contract) -> None:
    folder = deliver(tmp_path / "1", {ALPHA: "ID;X\nP1;a\nP2;b;c\n", BETA: "ID;X\n"})
    with pytest.raises(DeliveryRefused, match=r"alpha\.csv, line 3: has 3 fields") as caught:
        receive(folder, tmp_path / "state", date(2021, 1, 1), strict=True)
    assert caught.value.exit_code == 3
    assert not (tmp_path / "state").exists()
    receipt = receive(folder, tmp_path / "state", date(2021, 1, 1))
    assert [problem.code for problem in receipt.quarantined] == ["field_count"]


def test_a_file_that_names_people_leaves_no_trace(tmp_path: Path, small_contract: Contract) -> None:
    state = tmp_path / "state"
    receive(
        deliver(tmp_path / "1", {ALPHA: "ID;X\nP1;a\n", BETA: "ID;X\n"}), state, date(2021, 1, 1)
    )
    before = {path: path.read_bytes() for path in state.rglob("*") if path.is_file()}
    bad = deliver(tmp_path / "2", {ALPHA: "ID;X\nP1;see jane.roe@example.org\n", BETA: "ID;X\n"})
    with pytest.raises(DeliveryRefused) as caught:
        receive(bad, state, date(2021, 2, 1))
    assert "jane" not in str(caught.value)
    assert "column X: holds an e-mail address" in str(caught.value)
    assert before == {path: path.read_bytes() for path in state.rglob("*") if path.is_file()}


@pytest.mark.parametrize("manifest", [b"file,rows\xff\n", b'file,rows,sha256,date,sender\n"a\n'])
def test_a_damaged_manifest_is_refused(
    tmp_path: Path, small_contract: Contract, manifest: bytes
) -> None:
    folder = deliver(tmp_path / "1", {ALPHA: "ID;X\n", BETA: "ID;X\n"})
    (folder / "manifest.csv").write_bytes(manifest)
    with pytest.raises(DeliveryRefused, match="bad_manifest"):
        receive(folder, tmp_path / "state", date(2021, 1, 1))
