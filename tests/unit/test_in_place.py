"""Parquet files that stay in the store: shown as they would be loaded, or loaded after all."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from loading import spec_of

from dlm import engine, warehouse
from dlm.compare import two_states
from dlm.contracts import load_contracts
from dlm.deliveries import Incoming, _in_force, _stored, load_raw, receive, stored_files
from dlm.errors import DlmError
from dlm.reading import LoadedFile, in_place
from dlm.store import object_path, read_ledger
from dlm.synthetic.streaming import stream_trial

RECEIVED = date(2024, 12, 31)
HEADERS = ("PATID", "DTLAST", "STATUS", "DTDEATH", "CAUSE")
Rows = list[list[str | None]]
TWO: Rows = [["EU01-001", "03/04/2023", "1", "", "1"], ["EU01-002", " a;\nb", "0", None, "=2"]]


def table(rows: Rows, headers: tuple[str, ...] = HEADERS) -> pa.Table:
    columns = zip(*rows, strict=True)
    return pa.table(
        {
            header: pa.array(values, pa.string())
            for header, values in zip(headers, columns, strict=True)
        }
    )


def deliver(
    folder: Path, files: dict[str, pa.Table], records: dict[str, int] | None = None
) -> Path:
    """A delivery of Parquet files with its manifest; a file's records are its rows."""
    lines = ["file,rows,sha256,date,sender"]
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(content, path)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        lines.append(f"{name},{content.num_rows},{digest},2024-12-01,synthetic")
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def items_of(state: Path) -> list[Incoming]:
    """The files in force, though the source has not delivered all of its forms."""
    current = _in_force(read_ledger(state))
    return [_stored(state, current, *current[key]) for key in sorted(current, key=str)]


def raw(
    items: list[Incoming], name: str = "eortc__outcome"
) -> tuple[list[LoadedFile], list[tuple[object, ...]], str]:
    """What was told of the files, the records of a raw table, and what it is."""
    with duckdb.connect() as connection:
        files = load_raw(connection, items, [])
        rows = connection.execute(f'select * from raw."{name}" order by _file, _line').fetchall()
        ((kind,),) = connection.execute(
            "select table_type from information_schema.tables where table_name = ?", [name]
        ).fetchall()
    return files, rows, str(kind)


def loaded_anew(items: list[Incoming]) -> list[Incoming]:
    return [replace(item, in_place=None) for item in items]


@pytest.fixture
def state(tmp_path: Path) -> Callable[..., Path]:
    """A store that took a delivery of these records."""

    def made(rows: Rows, **changed: object) -> Path:
        content = table(rows)
        for header, values in changed.items():
            at = content.schema.get_field_index(header)
            content = content.set_column(at, header, values)
        receive(
            deliver(tmp_path / "delivery", {"eortc/outcome.parquet": content}),
            tmp_path / "a [state]*",
            RECEIVED,
        )
        return tmp_path / "a [state]*"

    return made


def test_a_good_file_is_shown_as_it_would_be_loaded(state: Callable[..., Path]) -> None:
    items = items_of(state(TWO))
    files, rows, kind = raw(items)
    copied, same, copy = raw(loaded_anew(items))
    assert (kind, copy) == ("VIEW", "BASE TABLE")
    assert rows == same
    assert len(rows) == 2
    assert rows[1][:5] == ("EU01-002", " a;\nb", "0", "", "=2")
    counts = [(f.records_in, f.loaded, f.exact_duplicates, f.sha256) for f in files]
    assert counts == [(f.records_in, f.loaded, f.exact_duplicates, f.sha256) for f in copied]


def test_copies_of_a_record_are_left_out(state: Callable[..., Path]) -> None:
    items = items_of(state([TWO[0], TWO[1], TWO[0], ["EU01-002", " a;\nb", "0", "", "=2"], TWO[0]]))
    assert items[0].in_place is not None
    assert items[0].in_place.repeated == (3, 4, 5)
    files, rows, _ = raw(items)
    _, same, _ = raw(loaded_anew(items))
    assert rows == same
    assert (files[0].records_in, files[0].loaded, files[0].exact_duplicates) == (5, 2, 3)


def test_files_of_single_sites_are_one_view(tmp_path: Path) -> None:
    files = {
        "eortc/EU01/outcome.parquet": table(TWO),
        "eortc/EU02/outcome.parquet": table([["EU02-001", "", "", "", ""]]),
    }
    receive(deliver(tmp_path / "d", files), tmp_path / "state", RECEIVED)
    items = items_of(tmp_path / "state")
    _, rows, kind = raw(items)
    assert kind == "VIEW"
    assert rows == raw(loaded_anew(items))[1]
    assert len(rows) == 3


BLANK: Rows = [["", "", "", "", ""]]


@pytest.mark.parametrize(
    ("rows", "changed"),
    [
        (TWO + BLANK, {}),
        ([["EU01-001", "\x1f", "", "", ""]], {}),
        (TWO, {"STATUS": pa.array([1, 0])}),
    ],
    ids=["a record set aside", "a separator of hashes", "a column of numbers"],
)
def test_other_files_are_loaded(
    state: Callable[..., Path], rows: Rows, changed: dict[str, pa.Array]
) -> None:
    items = items_of(state(rows, **changed))
    assert [item.in_place for item in items] == [None]
    assert raw(items)[2] == "BASE TABLE"


def test_a_file_with_very_many_copies_is_loaded(
    state: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(in_place, "REPEATED_LIMIT", 2)
    items = items_of(state([*TWO, TWO[0], TWO[0], TWO[1]]))
    assert [item.in_place for item in items] == [None]
    assert len(raw(items)[1]) == 2


def test_many_records_are_compared_some_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(in_place, "_COMPARED_AT_ONCE", 7)
    rows: Rows = [[f"EU01-{n % 90:03}", "", "", "", ""] for n in range(100)]
    pq.write_table(table(rows), tmp_path / "file")
    with duckdb.connect() as connection:
        found = in_place.repeated_lines(connection, tmp_path / "file", spec_of("eortc", "outcome"))
    assert found == tuple(range(91, 101))


def test_what_other_code_judged_is_judged_again(
    state: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = state(TWO)
    assert items_of(folder)[0].in_place is not None
    monkeypatch.setattr(in_place, "readers", lambda: "another")
    assert items_of(folder)[0].in_place is None


@pytest.mark.parametrize("damage", ["gone", "changed"])
def test_a_file_that_is_not_as_it_was_stored_ends_the_load(
    state: Callable[..., Path], damage: str
) -> None:
    folder = state(TWO)
    (item,) = items_of(folder)
    path = object_path(folder, str(item.sha256))
    if damage == "gone":
        path.unlink()
    else:
        path.chmod(0o644)
        pq.write_table(table(TWO[:1]), path)
    with pytest.raises(DlmError, match="restore it from a backup"):
        raw([item])


def test_a_file_whose_sites_sent_their_own_since_is_loaded(tmp_path: Path) -> None:
    whole = table([["EU01-001", "", "", "", ""], ["EU02-001", "", "", "", ""]])
    receive(deliver(tmp_path / "1", {"eortc/outcome.parquet": whole}), tmp_path / "s", RECEIVED)
    own = table([["EU02-001", "", "1", "", ""]])
    receive(deliver(tmp_path / "2", {"eortc/EU02/outcome.parquet": own}), tmp_path / "s", RECEIVED)
    _, rows, kind = raw(items_of(tmp_path / "s"))
    assert kind == "BASE TABLE"
    assert sorted(row[:3] for row in rows) == [("EU01-001", "", ""), ("EU02-001", "", "1")]


def test_what_a_delivery_lost_is_found_in_files_that_stay(tmp_path: Path) -> None:
    receive(
        deliver(tmp_path / "1", {"eortc/outcome.parquet": table(TWO)}), tmp_path / "s", RECEIVED
    )
    again = deliver(tmp_path / "2", {"eortc/outcome.parquet": table(TWO[:1])})
    receive(again, tmp_path / "s", RECEIVED)
    changes = read_ledger(tmp_path / "s")[1]["changes"]
    assert {change["rule_id"] for change in changes} == {"GN14", "DL12"}
    items = items_of(tmp_path / "s")
    contract = load_contracts()["eortc"]

    def fill(connection: duckdb.DuckDBPyConnection) -> None:
        load_raw(connection, items, [])

    with two_states([contract], fill, fill) as connection:
        found = connection.execute("select count(*) from after.eortc__outcome").fetchall()
    assert found == [(1,)]


def test_the_more_records_lie_in_place_the_fewer_models_are_built_at_once(
    state: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = items_of(state(TWO))
    with duckdb.connect(str(tmp_path / "work.duckdb")) as connection:
        load_raw(connection, items, [])
    work = tmp_path / "work.duckdb"
    monkeypatch.setenv(engine.MEMORY, "1GB")
    assert warehouse.pace_of(work) == warehouse.Pace(models=None, slices=1)
    monkeypatch.setattr(warehouse, "_BYTES_IN_PLACE", 5 * 10**7)
    assert warehouse.pace_of(work) == warehouse.Pace(models=2, slices=1)
    monkeypatch.setattr(warehouse, "_BYTES_IN_PLACE", 6 * 10**8)
    assert warehouse.pace_of(work) == warehouse.Pace(models=1, slices=9)
    monkeypatch.delenv(engine.MEMORY)
    assert warehouse.pace_of(work) == warehouse.Pace(models=1, slices=1)


def test_the_whole_store_is_read_in_place(tmp_path: Path) -> None:
    """Every form of a source that delivers Parquet, through the way a build takes."""
    stream_trial(3, 120, tmp_path / "trial", "parquet", "natural", helpers=0)
    receive(tmp_path / "trial", tmp_path / "state", RECEIVED)
    items, _ = stored_files(tmp_path / "state", None)
    assert all(item.in_place for item in items)
    for item in items:
        assert raw(items, item.spec.raw_table)[1] == raw(loaded_anew(items), item.spec.raw_table)[1]
