"""The project's statistics and its reading of cells as SQL without dbt, rendered for DuckDB.

They are written once, in the folder `macros`. dbt renders them into the models; here Jinja alone
does, in milliseconds, for data that are not in the models.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jinja2

from dlm.errors import DlmError

FILES = ("text.sql", "dates.sql", "cells.sql", "statistics/*.sql", "survival/*.sql")
CONFIDENCE_LEVEL = 0.95
# A source tree has the folder beside `python`, an installed package in itself (see pyproject.toml).
_PLACES = (
    Path(__file__).resolve().parent / "_macros",
    Path(__file__).resolve().parents[2] / "macros",
)


class _Adapter:
    """Stands in for dbt's adapter: dispatches to the macro written for DuckDB, if not for all."""

    @staticmethod
    @jinja2.pass_context
    def dispatch(context: Any, name: str, _package: str | None = None) -> Callable[..., str]:
        default = context.resolve(f"default__{name}")
        return context.get(f"duckdb__{name}", default)  # type: ignore[no-any-return]


class _Returned(Exception):
    """Carries what a macro returns out of it, as in dbt."""

    def __init__(self, value: Any):
        self.value = value
        super().__init__()


def _return(value: Any) -> None:
    raise _Returned(value)


class _Context(jinja2.runtime.Context):
    """Calls macros as dbt does: one that returns a value gives that, and not its text."""

    def call(self, called: Any, /, *args: Any, **kwargs: Any) -> Any:
        """What a call in a template gives."""
        try:
            return super().call(called, *args, **kwargs)
        except _Returned as returned:
            if not isinstance(called, jinja2.runtime.Macro):
                raise
            return returned.value


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
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, extensions=["jinja2.ext.do"])
    environment.context_class = _Context
    environment.globals["return"] = _return
    return environment


@functools.cache
def _compiled() -> jinja2.Template:
    for place in _PLACES:
        files = [file for pattern in FILES for file in sorted(place.glob(pattern))]
        if files:
            source = "".join(file.read_text(encoding="utf-8") for file in files)
            return _environment().from_string(source)
    raise DlmError(f"the macros are missing from {_PLACES[0]}; install dlm again")
