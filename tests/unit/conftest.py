"""Fixtures that whole-project tests share."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import builds
import duckdb
import pytest

# A worker of pytest-xdist has a main module without a file. PySpark, which Great Expectations
# imports where it is installed, takes such a process for its own doctests and ends it.
if not hasattr(sys.modules["__main__"], "__file__"):
    sys.modules["__main__"].__file__ = __file__


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--mutation-seeds",
        type=int,
        default=builds.DEFAULT_SEEDS,
        help="trials of the mutation run (tests/unit/test_mutation.py)",
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes minutes by itself, then with what waits for the builds of deliveries.

    Each of these builds follows from another. At the end both would leave the other processes with
    nothing to do.
    """
    items.sort(
        key=lambda item: (
            item.get_closest_marker("minutes") is None,
            "delivered" not in getattr(item, "fixturenames", ()),
        )
    )


@pytest.fixture(scope="session")
def plain_build(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Plain ``dbt build`` of the seeds, unit tests included."""
    return builds.once(tmp_path_factory, "plain_build", builds.make_plain_build)


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """``dlm build`` of the seeds."""
    made = builds.once(tmp_path_factory, "published", builds.make_published)
    assert made["code"] == 0, made["errors"]
    return made


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The trial of the seeds written by the generator, as a delivery and as seeds."""
    made = builds.once(tmp_path_factory, "written", builds.make_written)
    assert made["code"] == 0
    return made


@pytest.fixture(scope="session")
def delivered(tmp_path_factory: pytest.TempPathFactory, written: dict[str, Any]) -> dict[str, Any]:
    """``dlm build`` of the seeds sent as a delivery; tests may add to its store."""
    made = builds.once(
        tmp_path_factory,
        "delivered",
        lambda folder: builds.make_delivered(folder, written["delivery"]),
    )
    assert made["code"] == 0, made["errors"]
    return made


@pytest.fixture(scope="session")
def mutated(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """The trials of the mutation run, built up to schema quality in one dbt process."""
    faulty, clean = builds.mutation_trials(request.config.getoption("--mutation-seeds"))

    def make(folder: Path) -> dict[str, Any]:
        done = builds.run("mutation", str(folder), *clean, *faulty, PYTHONPATH=builds.TEST_PATH)
        return {"folder": str(folder), "code": done.returncode, "said": done.stdout + done.stderr}

    made = builds.once(tmp_path_factory, "mutation", make)
    assert made["code"] == 0, made["said"]
    return made


@pytest.fixture
def warehouse(published: dict[str, Any]) -> duckdb.DuckDBPyConnection:
    """The published warehouse of the seeds, read-only."""
    return duckdb.connect(str(Path(published["out"]) / "warehouse.duckdb"), read_only=True)
