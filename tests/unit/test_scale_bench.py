"""The floor of the scale benchmark runs on a delivery, and what differs from a build is named."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest

from dlm import scale_bench, synth_bench
from dlm.errors import UsageError
from dlm.project import import_path
from dlm.synthetic import streaming


@pytest.fixture(scope="module")
def floor_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("floor")
    streaming.stream_trial(8, 400, folder / "trial", "parquet", "natural", helpers=0)
    seconds = scale_bench.floor(folder / "trial", folder / "floor.duckdb")
    assert seconds["floor"] > 0
    return folder / "floor.duckdb"


def test_the_floor_comes_to_a_trial_like_any(floor_database: Path) -> None:
    with duckdb.connect(str(floor_database), read_only=True) as connection:
        lesions, gone, dates = connection.execute(
            "select count(*), count(*) filter (is_confirmed_dlm), count(reference_date) "
            "from fct_lesion"
        ).fetchall()[0]
        overall = connection.execute(
            "select n_lesions, npv between naive_lower and naive_upper, "
            "clustered_upper - clustered_lower > naive_upper - naive_lower "
            "from modality_concordance where population = 'ct_mri' and stratum = 'overall'"
        ).fetchall()
    assert lesions > 400 * 4
    assert lesions > dates > gone > 0
    assert overall == [(gone, True, True)]


def test_the_floor_and_the_models_make_equal_tables_of_the_seeds(
    published: dict[str, Any], tmp_path: Path
) -> None:
    work = Path(published["out"]) / "work.duckdb"
    with duckdb.connect(str(work), read_only=True) as connection:
        for (table,) in connection.execute(
            "select table_name from duckdb_tables() "
            "where schema_name = 'raw' and contains(table_name, '__')"
        ).fetchall():
            path = (tmp_path / "trial" / table.replace("__", "/")).with_suffix(".parquet")
            path.parent.mkdir(parents=True, exist_ok=True)
            connection.execute(
                "copy (select * exclude (_delivery_id, _file, _line, _record_hash) "
                f"from raw.\"{table}\") to '{path}' (format parquet)"
            )
    scale_bench.floor(tmp_path / "trial", tmp_path / "floor.duckdb")
    assert scale_bench.differences(work, tmp_path / "floor.duckdb") == []


def test_differences_are_named(floor_database: Path, tmp_path: Path) -> None:
    work = tmp_path / "work.duckdb"
    with duckdb.connect(str(work)) as connection:
        connection.execute(f"attach '{floor_database}' as floor (read_only)")
        connection.execute("create schema core; create schema marts")
        connection.execute("create table core.fct_lesion as from floor.fct_lesion")
        connection.execute(
            "create table marts.modality_concordance as from floor.modality_concordance"
        )
    assert scale_bench.differences(work, floor_database) == []
    with duckdb.connect(str(work)) as connection:
        connection.execute("update marts.modality_concordance set npv = npv + 1e-6 where npv > 0.5")
        connection.execute(
            "update core.fct_lesion set segment = null "
            "where lesion_id = (select min(lesion_id) from core.fct_lesion)"
        )
    told = scale_bench.differences(work, floor_database)
    assert told[0] == "fct_lesion.segment (1 rows)"
    assert told[1].startswith("modality_concordance.npv (")


def test_pandas_derives_every_record_of_the_trial() -> None:
    seconds, records = scale_bench.in_pandas(5, 1)
    assert seconds["derivation"] > 0
    assert 10_000 < records < 30_000


def test_spark_is_not_timed_where_it_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scale_bench, "missing_parts", lambda: "no Java was found")
    with pytest.raises(UsageError, match="no Java was found"):
        scale_bench.scale(1, 1, None, with_spark=True)


def test_writing_a_trial_is_held_against_reading_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = synth_bench.synth(50, 5, 3, tmp_path / "found.json")
    found = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))
    assert code == int(found["ratio"] > 4 or found["peak_mb"] > 4000)
    assert found["ratio"] == pytest.approx(found["synth_s"] / sorted(found["read_csv_s"])[1])
    assert 500_000 < found["records"] < 1_500_000
    said = capsys.readouterr().out
    assert "dlm synth" in said
    assert "looked at once a second: " in said
    with pytest.raises(UsageError, match="from 50"):
        synth_bench.synth(49, 5, 3, None)


@pytest.mark.skipif(sys.platform == "win32", reason="it tells no peak")
def test_what_a_part_took_counts_the_processes_that_it_waited_for() -> None:
    """Of Spark all but the waiting is done by others."""
    program = (
        "import os, subprocess, sys; from dlm import usage\n"
        "subprocess.run([sys.executable, '-c', 'x = bytearray(300_000_000); sum(range(10**7))'])\n"
        "print(usage.peak_mb(), usage.cpu_seconds() - sum(os.times()[:2]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"PYTHONPATH": import_path()},
        capture_output=True,
        text=True,
        check=True,
    )
    peak, of_others = map(float, done.stdout.split())
    assert peak > 250
    assert of_others > 0.05


@pytest.mark.skipif(sys.platform != "linux", reason="no other system tells it so")
def test_memory_is_that_of_a_process_and_all_it_started() -> None:
    held = "x = bytearray(100_000_000); print(flush=True); input()"
    nested = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {held!r}])"
    with subprocess.Popen(
        [sys.executable, "-c", nested], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        held_bytes = synth_bench.memory_of(process.pid)
        process.communicate(b"\n")
    assert 100e6 < held_bytes < 200e6
    assert synth_bench.memory_of(process.pid) == 0
