"""Renders the project's statistics and survival macros outside dbt, as the DuckDB adapter would."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jinja2

MACROS = Path(__file__).resolve().parents[2] / "macros"
FOLDERS = ("statistics", "survival")
VARS = {"confidence_level": 0.95}


class Adapter:
    """Stands in for dbt's adapter: dispatches to the macro written for DuckDB."""

    @staticmethod
    @jinja2.pass_context
    def dispatch(context: Any, name: str, _package: str | None = None) -> Callable[..., str]:
        return context.resolve(f"duckdb__{name}")  # type: ignore[no-any-return]


@functools.cache
def render(expression: str) -> str:
    """Return the SQL that a Jinja expression calling the macros renders to."""
    source = "".join(
        path.read_text(encoding="utf-8")
        for folder in FOLDERS
        for path in sorted((MACROS / folder).glob("*.sql"))
    )
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, extensions=["jinja2.ext.do"])
    template = environment.from_string(source + "{{ " + expression + " }}")
    return template.render(adapter=Adapter(), var=VARS.__getitem__).strip()
