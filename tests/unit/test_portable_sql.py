"""The same SQL runs on DuckDB and Spark; what only one reads stays behind dispatched macros."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]

# What one engine alone reads, and what both do.
FOREIGN = {
    r"\bvarchar\b": "string",
    r"\bas\s+text\s*\)": "string",
    r"::": "cast(... as ...)",
    r"\bstrpos\s*\(": "instr(...)",
    r"\bqualify\b": "a where over the numbered rows",
    r"\bwith\s+recursive\b": "a fold over a list",
    r"\bcreate\s+macro\b": "a dbt macro",
    r"\bilike\b": "lower(...) like ...",
    r"\bhugeint\b": "bigint or double",
    r"\bexclude\s*\(": "the columns written out",
}
_DISPATCHED = re.compile(r"\{%-?\s*macro\s+duckdb__.*?\{%-?\s*endmacro\s*-?%\}", re.DOTALL)
_COMMENT = re.compile(r"\{#.*?#\}|--[^\n]*", re.DOTALL)
_TEXT = re.compile(r"'(?:[^'\n]|'')*'")


def portable_part(sql: str) -> str:
    """The SQL without comments, text literals and what is written for DuckDB alone."""
    return _TEXT.sub("''", _COMMENT.sub("", _DISPATCHED.sub("", sql)))


def sql_files() -> list[Path]:
    """Every model, macro and data test of the project."""
    return sorted(
        path
        for folder in ("models", "macros", "tests/data")
        for path in (PROJECT / folder).rglob("*.sql")
    )


def test_sql_outside_dispatched_macros_is_read_by_both_engines() -> None:
    found = [
        f"{path.relative_to(PROJECT)}: {match.group()!r}; write {instead}"
        for path in sql_files()
        for pattern, instead in FOREIGN.items()
        for match in [re.search(pattern, portable_part(path.read_text(encoding="utf-8")), re.I)]
        if match
    ]

    assert not found, "\n".join(found)


def test_types_in_contracts_are_known_to_both_engines() -> None:
    found = [
        f"{path.relative_to(PROJECT)}:{number}: write string"
        for path in sorted((PROJECT / "models").rglob("*.yml"))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if re.search(r"data_type:\s*(varchar|text)\b", line)
    ]

    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "sql", ["select cast(x as varchar)", "select x::integer", "select strpos(a, b)"]
)
def test_a_foreign_word_is_found(sql: str) -> None:
    assert any(re.search(pattern, portable_part(sql), re.I) for pattern in FOREIGN)


@pytest.mark.parametrize(
    "sql",
    [
        "-- as varchar\nselect 1",
        "select 'a::b' as x",
        "{% macro duckdb__x() -%} list_reduce(x::varchar) {%- endmacro %}",
    ],
)
def test_comments_texts_and_dispatched_macros_are_spared(sql: str) -> None:
    assert not any(re.search(pattern, portable_part(sql), re.I) for pattern in FOREIGN)
