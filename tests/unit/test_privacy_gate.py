"""The privacy gate over several batches of one file: what it knows, it still counts and refuses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from loading import Cell, read_bytes, spec_of, workbook

from dlm.contracts import load_contracts
from dlm.errors import DeliveryRefused
from dlm.reading.privacy import PrivacyGate

OUTCOME = next(spec for spec in load_contracts()["eortc"].file_specs() if spec.stem == "outcome")


def batch(cause: list[str]) -> pa.RecordBatch:
    cells = {header: [""] * len(cause) for header in OUTCOME.headers} | {"CAUSE": cause}
    return pa.RecordBatch.from_pydict(cells, pa.schema([(name, pa.string()) for name in cells]))


def look(gate: PrivacyGate, *batches: list[str]) -> None:
    line = 2
    for cause in batches:
        gate.look(batch(cause), np.arange(line, line + len(cause)))
        line += len(cause)
    gate.end()


def test_a_name_is_found_among_values_seen_before() -> None:
    harmless = ["progressive", "unknown"]
    with pytest.raises(DeliveryRefused) as refusal:
        look(PrivacyGate("outcome.csv", OUTCOME), harmless, [*harmless, "a.b@hospital.example"])
    (problem,) = refusal.value.problems
    assert (problem.line, problem.column, problem.code) == (6, "CAUSE", "private_data")


@pytest.mark.parametrize(("phones", "refused"), [(1, False), (2, True)])
def test_what_few_values_may_look_like_is_counted_in_every_batch(
    phones: int, refused: bool
) -> None:
    """Two of forty are five in a hundred, not more."""
    gate = PrivacyGate("outcome.csv", OUTCOME)
    cells = ["+32 2 774 16 11"] * phones + ["progressive"] * (20 - phones)
    if not refused:
        look(gate, cells, cells)
        return
    with pytest.raises(DeliveryRefused) as refusal:
        look(gate, cells, cells)
    assert [(problem.line, problem.column) for problem in refusal.value.problems] == [(2, "CAUSE")]


LESION = spec_of("eortc", "lesion").headers


def lesions(size: str) -> list[list[str]]:
    return [[f"EU01-{n:03}", "1", "4a", size, "", ""] for n in range(1, 4)]


def as_csv(rows: list[list[str]]) -> bytes:
    return "".join(";".join(row) + "\n" for row in [list(LESION), *rows]).encode()


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("size", ["12,3333333333", "0,166101694915254", "-1.66101694915254"])
def test_digits_after_the_decimal_mark_name_nobody(tmp_path: Path, fast: bool, size: str) -> None:
    found = read_bytes(tmp_path, as_csv(lesions(size)), stem="lesion", allow_fast=fast)
    assert [record[3] for record in found.records] == [size] * 3
    assert found.account.fast == fast


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("size", ["20394857,5", "20394857", "02,20394857", "+32277416112"])
def test_numbers_of_many_digits_are_refused_among_sizes(
    tmp_path: Path, fast: bool, size: str
) -> None:
    with pytest.raises(DeliveryRefused, match="private_data"):
        read_bytes(tmp_path, as_csv(lesions(size)), stem="lesion", allow_fast=fast)


def test_quotients_of_a_workbook_name_nobody(tmp_path: Path) -> None:
    """Nor do those of a record that goes to quarantine for another cell."""
    size = Cell("<f>37/3</f><v>12.333333333333334</v>")
    rows = [["EU01-001", 1, "4a", size], ["EU01-002", 1, Cell("<v>1</v>", ' t="b"'), size]]
    data = workbook(("lesion", [list(LESION), *rows]))
    found = read_bytes(tmp_path, data, stem="lesion", suffix=".xlsx")
    assert [record[3] for record in found.records] == ["12,3333333333333"]
    assert [problem.code for problem in found.quarantined] == ["logical_cell"]
