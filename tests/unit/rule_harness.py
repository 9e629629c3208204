"""Renders the quality rules outside dbt, as the DuckDB adapter would, and tries them on records.

Every macro becomes a template of its own, so that macros which return a value (dbt's ``return``)
work as they do in dbt. Nothing here imports dbt: all rules render in well under a second.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import compress
from pathlib import Path
from typing import Any

import duckdb
import jinja2
import yaml

PROJECT = Path(__file__).resolve().parents[2]
MACRO = re.compile(r"\{%-?\s*macro\s+(\w+)\(.*?\{%-?\s*endmacro\s*-?%\}", re.DOTALL)
COMMENT = re.compile(r"\{#.*?#\}", re.DOTALL)

Record = Mapping[str, Any]


class _Return(Exception):
    """What a macro hands back by ``return``."""

    def __init__(self, value: Any) -> None:
        super().__init__()
        self.value = value


class Macros(dict[str, Callable[..., Any]]):
    """Every macro of the project by name."""

    def dispatch(self, name: str, _package: str | None = None) -> Callable[..., Any]:
        """The macro written for DuckDB, else the default one."""
        return self.get(f"duckdb__{name}") or self[f"default__{name}"]

    def quote(self, name: str) -> str:
        return f'"{name}"'


def _give(value: Any) -> None:
    raise _Return(value)


def _refuse(message: str) -> None:
    raise ValueError(message)


@functools.cache
def macros() -> Macros:
    """The project's macros, ready to call."""
    found = Macros()
    settings = yaml.safe_load((PROJECT / "dbt_project.yml").read_text(encoding="utf-8"))["vars"]
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined, extensions=["jinja2.ext.do"], autoescape=False
    )
    # dbt reads a name that a dict lacks as nothing.
    environment.undefined = jinja2.ChainableUndefined
    environment.globals |= {
        "return": _give,
        "adapter": found,
        "context": found,
        "var": lambda name, default=None: settings.get(name, default),
        "ref": lambda name: name,
        "exceptions": {"raise_compiler_error": _refuse},
    }
    for path in sorted((PROJECT / "macros").rglob("*.sql")):
        text = COMMENT.sub("", path.read_text(encoding="utf-8"))
        for block in MACRO.finditer(text):
            found[block[1]] = _callable(environment, block[1], block[0])
    environment.globals |= {name: call for name, call in found.items() if name != "return"}
    return found


def _callable(environment: jinja2.Environment, name: str, source: str) -> Callable[..., Any]:
    @functools.cache
    def macro() -> Any:
        return getattr(environment.from_string(source).module, name)

    def call(*given: Any, **named: Any) -> Any:
        try:
            return str(macro()(*given, **named))
        except _Return as value:
            return value.value

    return call


def inputs() -> list[dict[str, Any]]:
    """What rules look at: name, model and rules of each input."""
    found: list[dict[str, Any]] = macros()["rule_inputs"]()
    return found


def rules() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every rule with the name of the input it looks at."""
    for one in inputs():
        for rule in one["rules"]:
            yield one["name"], rule


def ids_of(*names: str) -> set[str]:
    """Rules that look at these inputs."""
    return {rule["id"] for name, rule in rules() if name in names}


@functools.cache
def _database() -> duckdb.DuckDBPyConnection:
    return duckdb.connect()


def _columns(predicate: str) -> set[str]:
    """Columns that a predicate reads."""
    tree = _database().execute("select json_serialize_sql(?)", [f"select {predicate}"]).fetchone()
    assert tree is not None
    found = set()

    def walk(node: Any) -> None:
        if isinstance(node, dict):
            if node.get("type") == "COLUMN_REF":
                found.add(node["column_names"][-1])
            for child in node.values():
                walk(child)
        elif isinstance(node, list):
            for child in node:
                walk(child)

    parsed = json.loads(tree[0])
    assert not parsed["error"], (predicate, parsed)
    walk(parsed)
    return found


def judge(rule: Mapping[str, Any], records: Sequence[Record]) -> list[tuple[bool, bool]]:
    """Whether the rule applies to each of the records, and whether the record breaks it.

    Records stand beside each other, as in a table: a key that must be unique is looked for in all.
    A column that the rule reads and a record does not tell is blank.
    """
    call = macros()
    applies, violated = call["rule_applies"](rule), call["rule_violated"](rule)
    given = {name for record in records for name in record}
    flag = call["repeated_flag"](rule["id"])
    needed = (_columns(f"({applies}), ({violated})") | given) - {flag}
    unknown = given - _columns(f"({applies}), ({violated}), {_keys(rule)}")
    assert not unknown, f"{rule['id']} reads no column {sorted(unknown)}"
    rows, values = [], []
    for number, record in enumerate(records):
        cells = [f"{number} as record_no"]
        for name in sorted(needed):
            cells.append(f"? as {name}")
            values.append(record.get(name))
        rows.append(f"select {', '.join(cells)}")
    repeated = f", {_repeated(rule)} as {flag}"
    query = (
        f"select coalesce({applies}, false), coalesce({violated}, false) "
        f"from (select *{repeated} from ({' union all '.join(rows)})) order by record_no"
    )
    return [(bool(a), bool(v)) for a, v in _database().execute(query, values).fetchall()]


Judged = dict[str, tuple[str, str]]
"""Rules that are about a record; column at fault and evidence, both blank where it is kept."""


def judge_together(
    one: Mapping[str, Any], records: Sequence[Record]
) -> Iterator[tuple[Judged, Judged]]:
    """What is found in each record by the predicates of a judged input's rules, each alone, and
    what the input's table keeps of it."""
    call, rules = macros(), one["rules"]
    bits, applied = call["rule_bits"](one), call["applied_rules"](one)
    found = f"case when {call['breaks_a_rule'](one)} then {call['rule_findings'](one)} end"
    lists = [
        [f"coalesce({call['rule_applies'](rule)}, false)" for rule in rules],
        [f"coalesce({call['rule_violated'](rule)}, false)" for rule in rules],
        [f"coalesce({call['rule_column'](rule)}, '')" for rule in rules],
        [f"coalesce({call['evidence_text'](one, rule)}, '')" for rule in rules],
        [call["is_about"](rule, bits) for rule in rules],
    ]
    listed = ", ".join(f"[{', '.join(each)}]" for each in lists)
    names = sorted(_columns(f"{listed}, {found}, {applied}") - {"applied_rules"})
    cells = ", ".join(f"? as {name}" for name in names)
    told = f"select *, {applied} as applied_rules from (select {cells})"
    ids = [rule["id"] for rule in rules]
    for record in records:
        values = [record.get(name) for name in names]
        result = _database().execute(f"select {listed}, {found} from ({told})", values)
        applies, violated, columns, evidence, is_about, texts = result.fetchall()[0]
        alone = {
            rule: (column, text) if is_broken else ("", "")
            for rule, is_broken, column, text in compress(
                zip(ids, violated, columns, evidence, strict=True), applies
            )
        }
        kept = dict.fromkeys(compress(ids, is_about), ("", ""))
        for text in texts or []:
            rule, column, words = text.split(chr(31))
            kept[rule] = column, words
        yield alone, kept


def _keys(rule: Mapping[str, Any]) -> str:
    names = [
        name
        for check in rule.get("checks", [])
        if check["kind"] == "unique"
        for name in check["columns"]
    ]
    return ", ".join(names) or "null"


def _repeated(rule: Mapping[str, Any]) -> str:
    keys = _keys(rule)
    return "false" if keys == "null" else f"count(*) over (partition by {keys}) > 1"
