"""A page for each quality rule, ``quality/rules/<rule_id>.html``, and their index.

Made from the catalogue and the predicates that ran, never from data: what a rule says, why, what it
counts, what is tolerated and what to do, in English and Japanese. They open from the disk without
network and without script.
"""

from __future__ import annotations

from functools import cache
from importlib import resources
from itertools import groupby
from pathlib import Path

import duckdb
from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

from dlm.quality.page_data import Row, read_table
from dlm.yaml_text import load_yaml

FOLDER = "rules"
TABLES = (
    "patients",
    "lesions",
    "reads",
    "surgery",
    "pathology",
    "followup",
    "all",
    "delivery",
    "derived",
)
"""Tables of the catalogue in the order of the index; others come after them."""


def write_rule_pages(connection: duckdb.DuckDBPyConnection, out: Path) -> list[Path]:
    """Write the page of each rule, and ``index.html``, into ``out/rules``.

    Args:
        connection: database with quality.rules and quality.rule_predicates.
        out: folder of the quality pages.

    Returns:
        The pages written, the index first; none where the database knows no rules.
    """
    rules = read_table(connection, "quality.rules", "rule_id")
    if not rules:
        return []
    predicates = read_table(connection, "quality.rule_predicates", "predicate_no")
    template = _template()
    folder = out / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    pages = [folder / "index.html"]
    pages[0].write_text(template.render(rule=None, tables=_by_table(rules)), encoding="utf-8")
    for rule in rules:
        own = [row for row in predicates if row["rule_id"] == rule["rule_id"]]
        pages.append(folder / f"{rule['rule_id']}.html")
        pages[-1].write_text(template.render(rule=rule, predicates=_alike(own)), encoding="utf-8")
    return pages


def _by_table(rules: list[Row]) -> list[tuple[str, list[Row]]]:
    """Rules by the table of the catalogue they stand in."""

    def place(rule: Row) -> tuple[int, str]:
        table = rule["table_name"]
        return (TABLES.index(table) if table in TABLES else len(TABLES), table)

    ordered = sorted(rules, key=lambda rule: (place(rule), rule["rule_id"]))
    return [(table, list(own)) for (_, table), own in groupby(ordered, key=place)]


def _alike(predicates: list[Row]) -> list[Row]:
    """A rule's predicates, those that read the same said once for all that they look at."""
    looks_at: dict[tuple[str, str], list[str]] = {}
    for row in predicates:
        looks_at.setdefault((row["applies"], row["violated"]), []).append(row["looks_at"])
    return [
        {"looks_at": ", ".join(names), "applies": applies, "violated": violated}
        for (applies, violated), names in looks_at.items()
    ]


@cache
def _template() -> Template:
    folder = resources.files("dlm") / "quality"
    words = load_yaml((folder / "words.yml").read_text(encoding="utf-8"))

    def word(section: str, code: str) -> Markup:
        en, ja = words[section].get(code, (code, code))
        shown = Markup('<span lang="en">{}</span> <span lang="ja" class="ja">{}</span>')
        return shown.format(en, ja)

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.globals["word"] = word
    return environment.from_string((folder / "rule.html.j2").read_text(encoding="utf-8"))
