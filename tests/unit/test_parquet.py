"""Parquet deliveries: read as the text the source would write, judged as any other file."""

from __future__ import annotations

import io
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from loading import Outcome, read_bytes, spec_of

from dlm.errors import DeliveryRefused
from dlm.reading.parquet import _numbers

HEADERS = ("PATID", "DTLAST", "STATUS", "DTDEATH", "CAUSE")


def outcome_table(**columns: Any) -> pa.Table:
    """An outcome form of two patients, with other columns where they are given."""
    usual = dict(zip(HEADERS, (["EU01-001", "EU01-002"], *[["", "1"]] * 4), strict=True))
    return pa.table(usual | columns)


def read(folder: Path, table: pa.Table, source: str = "eortc", stem: str = "outcome") -> Outcome:
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return read_bytes(folder, sink.getvalue(), source, stem, suffix=".parquet")


def refusal(folder: Path, table: pa.Table) -> str:
    with pytest.raises(DeliveryRefused) as caught:
        read(folder, table)
    return str(caught.value.problems[0])


def test_text_is_kept_and_hashed_as_in_csv(tmp_path: Path) -> None:
    values = [["EU01-001", "EU01-002"], [" 03/04/2023", "a;\nb"], ["1", "0"], ["", ""], ["1", "=2"]]
    table = read(tmp_path, pa.table(dict(zip(HEADERS, values, strict=True))))
    text = ";".join(HEADERS) + '\nEU01-001; 03/04/2023;1;;1\nEU01-002;"a;\nb";0;;=2\n'
    same = read_bytes(tmp_path, text.encode())
    assert table.records == same.records
    assert table.hashes == same.hashes
    assert table.lines == [1, 2]


def test_typed_columns_are_written_as_the_source_would(tmp_path: Path) -> None:
    table = outcome_table(
        DTLAST=pa.array([date(2021, 3, 9), None], pa.date32()),
        STATUS=pa.array([1, 0], pa.int8()),
        DTDEATH=pa.array([datetime(2020, 12, 31), None], pa.timestamp("us")),
        CAUSE=pa.array([2.50, float("nan")]),
    )
    assert read(tmp_path, table).records == [
        ["EU01-001", "09/03/2021", "1", "31/12/2020", "2,5"],
        ["EU01-002", "", "0", "", ""],
    ]


@pytest.mark.parametrize(
    ("kind", "texts"),
    [
        (pa.float32(), ["1,1", "0,1", "0,00012345", "-16777216", "30000000000000000000"]),
        (pa.float64(), ["3", "0,0000001", "0,00000000000123456789", "100000000000000000000000"]),
        (pa.float64(), ["0,1", "12,333333333333334", "-2,5", "123456789012345680"]),
        (pa.decimal128(20, 10), ["12,5", "0,00000001", "-3", "100"]),
    ],
)
def test_numbers_have_no_more_and_no_fewer_digits_than_they_need(
    kind: pa.DataType, texts: list[str]
) -> None:
    numbers = [Decimal(text.replace(",", ".")) for text in texts]
    if pa.types.is_floating(kind):
        numbers = [float(number) for number in numbers]  # type: ignore[misc]
    assert _numbers(pa.array(numbers, kind), ",").to_pylist() == texts


def test_columns_are_matched_by_name_and_repeats_counted(tmp_path: Path) -> None:
    table = outcome_table().select(["CAUSE", "STATUS", "PATID", "DTDEATH", "DTLAST"])
    found = read(tmp_path, pa.concat_tables([table, table.slice(0, 1)]))
    assert found.records == [["EU01-001", "", "", "", ""], ["EU01-002", "1", "1", "1", "1"]]
    assert found.exact_duplicates == 1
    assert found.records_in == 3
    assert found.warnings == ["column_order"]


def test_a_header_is_matched_as_in_csv(tmp_path: Path) -> None:
    told = refusal(tmp_path, outcome_table().drop(["CAUSE"]).append_column("WHY", [["", ""]]))
    assert "CAUSE: is missing; unknown here: WHY (renamed?) [missing_column]" in told


def test_what_is_no_record_is_quarantined(tmp_path: Path) -> None:
    table = pa.table(
        {
            "PATID": ["EU01-001", None, "PATID", "Total: 3", "EU01-002"],
            **{name: ["1", "", name, "", None] for name in HEADERS[1:]},
        }
    )
    found = read(tmp_path, table)
    assert [(one.line, one.code) for one in found.quarantined] == [
        (2, "blank_record"),
        (3, "second_header"),
        (4, "footer"),
    ]
    assert found.lines == [1, 5]
    assert found.records_in == 5


def test_people_are_refused(tmp_path: Path) -> None:
    told = refusal(tmp_path, outcome_table(CAUSE=["1", "mary.smith@example.org"]))
    assert "line 2, column CAUSE: holds" in told
    assert "private_data" in told
    assert "smith" not in told


@pytest.mark.parametrize(
    ("column", "code"),
    [
        (pa.array([True, False]), "column_type"),
        (pa.array([[1], [2]]), "column_type"),
        (pa.array([datetime(2020, 1, 1, 8), None]), "column_type"),
        (pa.array([2**31 - 1, None], pa.date32()), "no_day"),
        (pa.array([3_000_000, None], pa.date32()), "no_day"),
        (pa.array([-(10**6), None], pa.date32()), "no_day"),
        (pa.array([2**62, None], pa.timestamp("us")), "no_day"),
        (pa.array([10**15, None], pa.timestamp("s", "UTC")), "no_day"),
        (pa.array(["a\x00", ""]), "bad_character"),
        (pa.array(["a�", ""]), "bad_character"),
    ],
)
def test_what_no_text_could_hold_refuses_the_file(
    tmp_path: Path, column: pa.Array, code: str
) -> None:
    told = refusal(tmp_path, outcome_table(CAUSE=column))
    assert "eortc/outcome.parquet" in told
    assert code in told


def test_a_long_text_is_judged_as_in_csv(tmp_path: Path) -> None:
    """Characters are counted, and what is too long sets its record aside alone."""
    reasons = ["肝" * 30_000, "肝" * 65_537, "a" * 65_536]
    columns = [["EU01-001", "EU01-002", "EU01-003"], *[["1"] * 3] * 3, reasons, [""] * 3]
    headers = spec_of("eortc", "disposition").headers
    table = read(tmp_path, pa.table(dict(zip(headers, columns, strict=True))), stem="disposition")
    rows = [headers, *zip(*columns, strict=True)]
    text = "".join(";".join(row) + "\n" for row in rows)
    same = read_bytes(tmp_path, text.encode(), stem="disposition")
    assert table.records == same.records == [list(rows[1]), list(rows[3])]
    for found, line in ((table, 2), (same, 3)):
        assert [(one.line, one.code) for one in found.quarantined] == [(line, "field_too_long")]


def test_separators_of_hashes_tell_records_apart(tmp_path: Path) -> None:
    table = outcome_table(
        PATID=["EU01-001", "EU01-001"], DTLAST=["a\x1fb", "a"], STATUS=["c", "b\x1fc"],
        DTDEATH=["", ""], CAUSE=["", ""],
    )  # fmt: skip
    found = read(tmp_path, table)
    assert len(set(found.hashes)) == 2
    assert found.exact_duplicates == 0


def test_a_broken_file_is_no_parquet(tmp_path: Path) -> None:
    with pytest.raises(DeliveryRefused, match="not_parquet"):
        read_bytes(tmp_path, b"PAR1 and then nothing", suffix=".parquet")
