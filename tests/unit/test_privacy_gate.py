"""The privacy gate over several batches of one file: what it knows, it still counts and refuses."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

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
