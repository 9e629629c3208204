"""Trials written part by part: rates as in those drawn whole, the same values in each format."""

from __future__ import annotations

import csv
import hashlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from dlm import engine
from dlm.contracts import load_contracts
from dlm.errors import DlmError
from dlm.synthetic import draw_trial, registered, streaming, truth
from dlm.synthetic.common import Tables
from dlm.synthetic.skew import gather_lesions

REFERENCE = Path(__file__).parents[2] / "seeds" / "reference"
SCALE = 20


def in_parts(seed: int, folder: Path) -> Iterator[Tables]:
    for part in streaming.plan_parts(seed, registered(seed, SCALE), folder, "csv", "few"):
        yield streaming.draw_part(part)


def of_patients(tables: Tables) -> pd.DataFrame:
    """One row per patient with what the two ways of drawing are compared by."""
    derived = truth.derive(tables)
    patients = derived.patients.set_index("patient_id")
    lesions = derived.lesions
    kept = lesions[lesions["is_confirmed_dlm"] & lesions["is_evaluable"]]
    reads = tables["read"]
    late = tables["followup"]
    return pd.DataFrame(
        {
            "operated": patients["is_operated"].astype(float),
            "japanese": patients.index.str.startswith("JP").astype(float),
            "lesions": lesions.groupby("patient_id").size(),
            "disappearing": lesions.groupby("patient_id")["is_dlm"].mean(),
            "nonviable": (kept["reference_verdict"] == "nonviable")
            .groupby(kept["patient_id"])
            .mean(),
            "reads": reads.groupby("patient_id").size() / lesions.groupby("patient_id").size(),
            "central": (reads["reader_role"] == "central").groupby(reads["patient_id"]).mean(),
            "not_judged": (reads["verdict"] == "not_evaluable").groupby(reads["patient_id"]).mean(),
            "recurrence": (late["recurrence"] == "yes").groupby(late["patient_id"]).max(),
            "dead": (tables["outcome"].set_index("patient_id")["vital_status"] == "dead"),
            "months": patients["os_days"],
            "baseline_size": tables["lesion"].groupby("patient_id")["baseline_size"].mean(),
        }
    ).astype(float)


def test_parts_have_the_rates_of_a_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "PART_PATIENTS", 1200)
    sites = pd.read_csv(REFERENCE / "ref_sites.csv", dtype=str, keep_default_na=False)
    whole = of_patients(draw_trial(41, SCALE, sites, lambda message: None))
    parts = list(in_parts(42, tmp_path))
    assert len(parts) == 4
    together = of_patients({form: pd.concat([part[form] for part in parts]) for form in parts[0]})
    assert together.index.is_unique
    for name in whole:
        one, other = whole[name].dropna(), together[name].dropna()
        error = np.sqrt(one.var() / len(one) + other.var() / len(other))
        assert abs(one.mean() - other.mean()) < 4 * error, name
    assert together.corr()["disappearing"]["lesions"] == pytest.approx(
        whole.corr()["disappearing"]["lesions"], abs=0.1
    )


def test_ids_of_parts_are_those_of_one_trial(tmp_path: Path) -> None:
    parts = streaming.plan_parts(5, 120_000, tmp_path, "csv", "none")
    assert sum(part.patients for part in parts) == 120_000
    assert len({part.seed for part in parts}) == len(parts) == 15
    assert all(set(part.before.values()) == {0} for part in parts[:1])
    assert parts[2].before["EU01"] > parts[1].before["EU01"] > 100


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("streamed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(streaming, "PART_PATIENTS", 150)
        for name in ("csv", "parquet"):
            streaming.stream_trial(6, 300, folder / name, name, "few", helpers=0)
        streaming.stream_trial(6, 300, folder / "again", "csv", "few", helpers=2)
    return folder


def test_both_formats_hold_the_same_text(written: Path) -> None:
    for contract in load_contracts().values():
        for spec in contract.file_specs():
            path = written / "csv" / contract.source / f"{spec.stem}.csv"
            with path.open(encoding="utf-8", newline="") as handle:
                rows = list(csv.reader(handle, delimiter=contract.delimiter))
            table = pq.read_table(written / "parquet" / contract.source / f"{spec.stem}.parquet")
            assert rows[0] == table.column_names == list(spec.headers)
            assert [list(row.values()) for row in table.to_pylist()] == rows[1:]
            assert len(rows) > 50


def test_any_number_of_helpers_writes_the_same_delivery(written: Path) -> None:
    for path in (written / "csv").rglob("*.csv"):
        again = written / "again" / path.relative_to(written / "csv")
        assert path.read_bytes() == again.read_bytes()
    lines = pd.read_csv(written / "csv" / "manifest.csv")
    for name, sha256 in zip(lines["file"], lines["sha256"], strict=True):
        assert hashlib.sha256((written / "csv" / name).read_bytes()).hexdigest() == sha256, name
    read = pd.read_csv(written / "csv" / "eortc" / "read.csv", sep=";")
    assert lines.set_index("file")["rows"]["eortc/read.csv"] == len(read)
    assert not read.duplicated().any()
    assert len(pd.read_csv(written / "csv" / "truth" / "planted.csv")) > 5


def test_too_little_room_is_said_before(tmp_path: Path) -> None:
    with pytest.raises(DlmError, match=r"GB are needed below .* --out"):
        streaming.stream_trial(1, 10**12, tmp_path / "out", "csv", "none", helpers=0)


def _ended(part: streaming.Part) -> None:
    os._exit(9)


def test_a_helper_that_is_ended_ends_the_command_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streaming, "write_part", _ended)
    with pytest.raises(DlmError, match="for want of memory"):
        streaming.stream_trial(3, 60, tmp_path / "trial", "parquet", "none", helpers=1)


def _left(part: streaming.Part) -> streaming.Written:
    (part.folder / str(part.number)).touch()
    return streaming.Written(part.number, {}, [])


def test_helpers_draw_few_parts_ahead_of_the_one_that_is_appended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = streaming.plan_parts(5, 120_000, tmp_path, "csv", "none")
    monkeypatch.setattr(streaming, "write_part", _left)
    for number, written in enumerate(streaming._draw(parts, 1)):
        assert written.number == number
        time.sleep(0.1)
        assert len(list(tmp_path.iterdir())) <= number + 3
    assert number == len(parts) - 1


@pytest.mark.parametrize(("memory", "most"), [("", 64), ("2GB", 3), ("500MB", 1), ("1TB", 64)])
def test_there_are_as_many_helpers_as_cores_and_memory_allow(
    monkeypatch: pytest.MonkeyPatch, memory: str, most: int
) -> None:
    monkeypatch.setenv(engine.MEMORY, memory)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: range(64), raising=False)
    assert streaming._most_helpers() == most


def test_parts_that_a_killed_command_left_are_removed(tmp_path: Path) -> None:
    left = tmp_path / ".parts-of-another"
    left.mkdir()
    (left / "0-eortc-read").touch()
    streaming.stream_trial(3, 60, tmp_path, "parquet", "none", helpers=0)
    assert not list(tmp_path.glob(".parts*"))


def test_one_patient_gets_the_lesions_of_many_and_none_is_lost(tmp_path: Path) -> None:
    streaming.stream_trial(5, registered(5, 1), tmp_path, "parquet", "natural", helpers=0)
    forms = ("registration", "lesion", "read", "pathology", "followup")
    before = {form: pq.read_table(tmp_path / "eortc" / f"{form}.parquet") for form in forms}
    us = (tmp_path / "us" / "redcap.parquet").read_bytes()
    gather_lesions(tmp_path, 20)
    after = {form: pq.read_table(tmp_path / "eortc" / f"{form}.parquet") for form in forms}
    assert after["registration"].num_rows == before["registration"].num_rows - 19
    assert after["followup"].num_rows < before["followup"].num_rows
    for form in ("lesion", "read", "pathology"):
        assert after[form].num_rows == before[form].num_rows
        assert after[form].schema.types == before[form].schema.types
        left = set(after[form]["PATID"].to_pylist())
        assert left <= set(after["registration"]["PATID"].to_pylist())
    first = min(before["registration"]["PATID"].to_pylist())
    lesions = after["lesion"].to_pandas()
    numbers = lesions[lesions["PATID"] == first]["LESNO"]
    assert len(numbers) > 50
    assert sorted(numbers.astype(int)) == list(range(1, len(numbers) + 1))
    reads = after["read"].to_pandas()
    assert set(reads[reads["PATID"] == first]["LESNO"]) <= set(numbers)
    assert (tmp_path / "us" / "redcap.parquet").read_bytes() == us
    with (tmp_path / "manifest.csv").open(encoding="utf-8") as handle:
        listed = {row["file"]: row["rows"] for row in csv.DictReader(handle)}
    assert listed["eortc/read.parquet"] == str(len(reads))
