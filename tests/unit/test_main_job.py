"""The main job on the seeds: equal to plain dbt, equal to itself, and atomic."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import builds
import duckdb
import pytest

from dlm import build
from dlm.errors import UsageError
from dlm.project import import_path

PROVENANCE = ("delivery_id", "delivery_file", "delivery_line")


def test_every_dbt_node_passes(plain_build: dict[str, Any]) -> None:
    good = ("success", "pass", "warn", "no-op")
    bad = [row for row in plain_build["results"] if row[1] not in good]
    assert not bad
    assert plain_build["code"] == 0, plain_build["said"]


def test_the_build_says_where_things_are_and_what_to_try(published: dict[str, Any]) -> None:
    out = Path(published["out"])
    for name in ("warehouse.duckdb", "report.html", "quality/index.html", "docs/index.html"):
        assert str(out / name) in published["said"]
        assert (out / name).is_file()
    tries = [line for line in published["said"].splitlines() if " sql " in line]
    assert len(tries) == 3
    assert all(line.startswith(f"  DLM_OUT={out} ") for line in tries)


def tables(connection: duckdb.DuckDBPyConnection, schemas: list[str]) -> dict[str, list[str]]:
    rows = connection.execute(
        "select schema_name || '.' || table_name, column_name from duckdb_columns() "
        "where database_name = current_database() and list_contains(?, schema_name) order by all",
        [schemas],
    ).fetchall()
    found: dict[str, list[str]] = {}
    for table, column in rows:
        if column not in PROVENANCE:
            found.setdefault(table, []).append(column)
    return found


def test_plain_dbt_makes_equal_core_and_marts(
    plain_build: dict[str, Any], published: dict[str, Any]
) -> None:
    plain = duckdb.connect(plain_build["database"], read_only=True)
    ours = duckdb.connect(str(Path(published["out"]) / "warehouse.duckdb"), read_only=True)
    schemas = ["core", "marts"]
    columns = tables(plain, schemas)
    assert columns == tables(ours, schemas)
    assert len(columns) > 15
    for table, names in columns.items():
        listed = ", ".join(f'"{name}"' for name in names)
        query = f"select {listed} from {table} order by all"
        assert plain.sql(query).fetchall() == ours.sql(query).fetchall(), table


def test_whatever_refers_to_a_part_of_a_sliced_query_is_in_slices_itself(
    plain_build: dict[str, Any],
) -> None:
    """By itself a part, whose query is written into others', is of the first slice alone."""
    parsed = manifest(Path(plain_build["database"]).parent / "target")
    nodes = parsed["nodes"]

    def is_in_slices(name: str) -> bool:
        return "other_slices" in str(nodes[name]["config"].get("post-hook"))

    parts_of_others = [
        name
        for name in nodes
        if is_in_slices(name) and nodes[name]["config"]["materialized"] == "ephemeral"
    ]
    assert parts_of_others == ["model.dlm.checked_read"]
    for name in parts_of_others:
        assert all(is_in_slices(child) for child in parsed["child_map"][name])


def test_the_seeds_as_a_delivery_make_equal_core_and_marts(
    published: dict[str, Any], delivered: dict[str, Any]
) -> None:
    ours, seeds = (manifest(made["out"])["tables"] for made in (delivered, published))
    compared = [name for name in seeds if name.startswith(("core.", "marts."))]
    assert len(compared) > 15
    assert [name for name in compared if ours[name] != seeds[name]] == []


def test_the_warehouse_is_described_and_opens_in_older_clients(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    assert warehouse.execute(
        "select tags['storage_version'] from duckdb_databases() where not internal"
    ).fetchall() == [("v1.0.0+",)]
    undescribed = warehouse.execute(
        "select schema_name || '.' || table_name from duckdb_tables() "
        "where schema_name in ('core', 'marts', 'quality') and comment is null"
    ).fetchall()
    assert undescribed == []
    columns = warehouse.execute(
        "select schema_name || '.' || table_name || '.' || column_name from duckdb_columns() "
        "where schema_name in ('core', 'marts', 'quality') and comment is null"
    ).fetchall()
    assert columns == []


def test_records_are_accounted_for(warehouse: duckdb.DuckDBPyConnection) -> None:
    rows = warehouse.execute(
        "select records_in, loaded, quarantined, exact_duplicates from quality.row_accounting"
    ).fetchall()
    assert len(rows) == 17
    assert all(records == loaded + bad + twice for records, loaded, bad, twice in rows)
    assert sum(row[0] for row in rows) == sum(
        len(list(csv.reader(path.open(encoding="utf-8"), delimiter=delimiter))) - 1
        for source, delimiter in (("eortc", ";"), ("jcog", ","), ("us", ","))
        for path in (builds.PROJECT / "seeds" / source).glob("*.csv")
        if "dictionary" not in path.name
    )


def copy_project(target: Path) -> Path:
    """A copy of the project whose seeds a test may spoil."""
    shutil.copytree(
        builds.PROJECT,
        target,
        ignore=shutil.ignore_patterns(
            ".venv", ".git", "build", "state", "target", "logs", "__pycache__", "unit", "oracle"
        ),
    )
    return target


def build_copy(project: Path, out: Path) -> subprocess.CompletedProcess[str]:
    return builds.run("dlm", "build", "--quiet", DLM_PROJECT=str(project), DLM_OUT=str(out))


def manifest(out: Path | str) -> dict[str, Any]:
    """The manifest that a build leaves, or dbt in its target folder."""
    content: dict[str, Any] = json.loads((Path(out) / "manifest.json").read_text(encoding="utf-8"))
    return content


def stand_in(out: Path) -> bytes:
    """A published warehouse to be left untouched."""
    out.mkdir(parents=True)
    duckdb.connect(str(out / "warehouse.duckdb")).execute("create table old as select 1").close()
    return (out / "warehouse.duckdb").read_bytes()


SENT_LATER = {
    "lesion": (
        "eu01-001; 01;４ａ;14,0;3/5/2017;1",  # a copy
        "EU01-001;2;6;24,5;03/05/2017;1",  # another size
    ),
    "read": (
        "EU01-001;+1;1;1;3/5/2017;1;;15,00;1;eu01-r1;1;1;1;;1;2",  # a copy
        "EU01-001;1;1;1;03/05/2017;1;;15;1;EU01-R1;1;1;1;;1;<2",  # a cell unread
        "EU01-001;1;1;1;03/05/2017;1;;15;1;EU01-R1;1;1;1;;1; <２",  # its copy
        "EU01-001;1;1;1;04/05/2017;1;;15;1;;1;1;1;;1;2",  # by nobody named
        "EU01-001;1;1;1;04/05/2017;1;;15;1;UNK;1;1;1;;1;2",  # its copy
    ),
}
"""Records added to files of the EORTC that hold them already, or nearly."""


def make_blocked(folder: Path) -> dict[str, Any]:
    """A build with those records, in which three checks do not hold."""
    project, out = copy_project(folder / "project"), folder / "out"
    before, lines = stand_in(out), {}
    for form, records in SENT_LATER.items():
        path = project / "seeds" / "eortc" / f"eortc__{form}.csv"
        text = path.read_text(encoding="utf-8")
        lines[form] = len(text.splitlines())
        path.write_text(text + "".join(f"{record}\n" for record in records), encoding="utf-8")
    test = project / "tests" / "data" / "always_fails.sql"
    test.write_text(
        "-- No patient is\n-- operated.\n"
        "select * from {{ ref('dim_patient') }} where is_operated\n",
        encoding="utf-8",
    )
    for name, right, wrong in (
        ("models/core/_core__models.yml", "sex: [M, F]", "sex: [M]"),
        ("seeds/reference/ref_endpoints.csv", "exploratory", "explored"),
    ):
        content = (project / name).read_text(encoding="utf-8")
        (project / name).write_text(content.replace(right, wrong, 1), encoding="utf-8")
    done = build_copy(project, out)
    return {
        "out": str(out),
        "lines": lines,
        "code": done.returncode,
        "errors": done.stderr,
        "is_untouched": (out / "warehouse.duckdb").read_bytes() == before,
    }


@pytest.fixture
def blocked(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """That build, for what it staged and for what it said."""
    return builds.once(tmp_path_factory, "blocked", make_blocked)


def test_of_records_that_say_the_same_the_first_is_staged_however_they_write_it(
    blocked: dict[str, Any],
) -> None:
    """Where lines are known: copies go, and only they; what differs in one cell stays beside."""
    with duckdb.connect(f"{blocked['out']}/work.duckdb", read_only=True) as connection:
        found = {
            form: connection.execute(
                f"select delivery_line - $before, record_key from staging.stg_eortc__{form} "
                "where delivery_line > $before order by delivery_line",
                {"before": lines},
            ).fetchall()
            for form, lines in blocked["lines"].items()
        }
    assert found == {
        "lesion": [(2, "EU01-001|2")],
        "read": [
            (2, "EU01-001|1|CT|baseline|2017-05-03|EU01-R1"),
            (4, "EU01-001|1|CT|baseline|2017-05-04|"),
        ],
    }


def test_a_blocking_check_names_its_records_and_leaves_the_published_warehouse(
    blocked: dict[str, Any],
) -> None:
    assert blocked["code"] == 1, blocked["errors"]
    assert "always_fails" in blocked["errors"]
    said = blocked["errors"].splitlines()
    assert "    what does not hold: No patient is operated. (tests/data/always_fails.sql)" in said
    named = re.compile(
        r"    (broken_column sex, )?site_id (\w+), patient_id \2-\d{3} "
        r"\(seeds/\w+/\w+__registration\.csv, line \d+\)"
    )
    rows = [line for line in said if "site_id" in line]
    assert len(rows) == 20 and all(named.fullmatch(line) for line in rows)
    assert sum("broken_column sex" in line for line in rows) == 10
    assert sum("corrected and delivered again" in line for line in said) == 2
    advice = (
        "    what to do: correct seeds/reference/ref_endpoints.csv of the project and build again"
    )
    assert said.count(advice) == 1
    assert blocked["is_untouched"]


def test_a_cut_off_before_the_first_patient_is_told(tmp_path: Path) -> None:
    work = tmp_path / "work.duckdb"
    with duckdb.connect(str(work)) as connection:
        connection.execute(
            "create schema intermediate; create table intermediate.int_registrations as "
            "from (values (date '2016-05-20'), (date '2017-01-01')) as told (registration_date)"
        )
    build._refuse_empty_cut(work, None)
    build._refuse_empty_cut(work, date(2016, 5, 20))
    with pytest.raises(UsageError, match="by --cutoff 2016-05-19, the first was in 2016-05"):
        build._refuse_empty_cut(work, date(2016, 5, 19))


def test_a_refused_seed_names_file_line_and_column(tmp_path: Path) -> None:
    project, out = copy_project(tmp_path / "project"), tmp_path / "out"
    before = stand_in(out)
    path = project / "seeds" / "eortc" / "eortc__pathology.csv"
    path.write_text(path.read_text(encoding="utf-8").replace("VIABLE", "VIABEL", 1), "utf-8")
    done = build_copy(project, out)
    assert done.returncode == 3
    assert "seeds/eortc/eortc__pathology.csv, line 1, column VIABLE: is missing" in done.stderr
    assert "VIABEL" in done.stderr
    assert (out / "warehouse.duckdb").read_bytes() == before


@pytest.mark.skipif(sys.platform == "win32", reason="signals differ")
def test_a_build_that_is_ended_changes_nothing_and_the_next_makes_what_any_other_makes(
    published: dict[str, Any], tmp_path: Path
) -> None:
    out, state = tmp_path / "out", {"DLM_STATE": str(tmp_path / "state")}
    before = stand_in(out)

    def ended(end: Callable[[int], None], there: Path) -> tuple[int, str]:
        """Code and words of a build that is ended two seconds after something is there."""
        process = subprocess.Popen(
            [sys.executable, "-m", "dlm", "build", "--quiet", "--out", str(out)],
            cwd=builds.PROJECT,
            env=os.environ | {"PYTHONPATH": import_path()} | state,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        deadline = time.monotonic() + 60
        while not there.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(2)
        end(process.pid)
        _, said = process.communicate()
        return process.returncode, said

    ended(lambda process: os.kill(process, signal.SIGKILL), out / "work.duckdb")
    assert (out / "warehouse.duckdb").read_bytes() == before
    done = builds.run("dlm", "build", "--quiet", "--out", str(out), **state)
    assert done.returncode == 0, done.stderr
    assert manifest(out) == manifest(published["out"])

    # By Ctrl-C, which helpers get too, while models are built: at once, now that they are parsed.
    before, models = (out / "warehouse.duckdb").read_bytes(), out / ".dbt/target/run/dlm/models"
    shutil.rmtree(models)
    code, said = ended(lambda group: os.killpg(group, signal.SIGINT), models)
    assert code == 130, said
    assert said == "stopped; what was published before is untouched\n"
    assert (out / "warehouse.duckdb").read_bytes() == before
