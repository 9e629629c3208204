"""The project's statistics as SQL without dbt: the same macro files, rendered for DuckDB.

The formulas are written once, in the folders `macros/statistics` and `macros/survival`. dbt renders
them into the models; here Jinja alone does, in milliseconds, for data that are not in the models.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jinja2

from dlm.errors import DlmError

FOLDERS = ("statistics", "survival")
CONFIDENCE_LEVEL = 0.95
# A source tree has the folder beside `python`, an installed package in itself (see pyproject.toml).
_PLACES = (
    Path(__file__).resolve().parent / "_macros",
    Path(__file__).resolve().parents[2] / "macros",
)


class _Adapter:
    """Stands in for dbt's adapter: dispatches to the macro written for DuckDB."""

    @staticmethod
    @jinja2.pass_context
    def dispatch(context: Any, name: str, _package: str | None = None) -> Callable[..., str]:
        return context.resolve(f"duckdb__{name}")  # type: ignore[no-any-return]


@functools.cache
def render(expression: str, confidence_level: float = CONFIDENCE_LEVEL) -> str:
    """SQL that a Jinja expression calling the macros renders to.

    Args:
        expression: for example ``survival_counts('subjects', ['grp'])``.
        confidence_level: of intervals, two-sided, as the dbt variable of that name.
    """
    macros = _compiled().make_module(
        {"adapter": _Adapter(), "var": {"confidence_level": confidence_level}.__getitem__}
    )
    called = _environment().from_string("{{ " + expression + " }}")
    return called.render(
        {name: value for name, value in vars(macros).items() if not name.startswith("__")}
    ).strip()


@functools.cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(undefined=jinja2.StrictUndefined, extensions=["jinja2.ext.do"])


@functools.cache
def _compiled() -> jinja2.Template:
    for place in _PLACES:
        files = [file for folder in FOLDERS for file in sorted((place / folder).glob("*.sql"))]
        if files:
            source = "".join(file.read_text(encoding="utf-8") for file in files)
            return _environment().from_string(source)
    raise DlmError(f"the statistics macros are missing from {_PLACES[0]}; install dlm again")
