"""Great Expectations' suites as the rule catalogue makes them; the library is not needed for that.

The macros that say a rule's check as an SQL predicate say it as an expectation too, into
``quality.rule_expectations``; words and severity are the catalogue's. Nothing is written twice.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import duckdb

BLOCKING = "S1"
"""Severity of a rule whose violation stops publication; every other warns."""


@dataclass(frozen=True)
class Expectation:
    """One thing expected of one table.

    Attributes:
        number: its place among all expectations; tells results apart.
        rule_id: rule of the catalogue it was made from.
        severity: of the rule, S1 to S4.
        expect: name in Great Expectations without the leading ``expect_``.
        kwargs: its arguments.
        when: only rows where each column has the value (or one of the values) are checked;
            ``not null`` and ``null`` stand for themselves.
        reason: what is wrong where it is violated, in the catalogue's words.
        reason_ja: the same in Japanese.
    """

    number: int
    rule_id: str
    severity: str
    expect: str
    kwargs: Mapping[str, Any]
    when: Mapping[str, Any]
    reason: str
    reason_ja: str

    @property
    def level(self) -> str:
        """``blocking`` stops publication, ``warning`` is for the stewards."""
        return "blocking" if self.severity == BLOCKING else "warning"

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns the expectation is about, without those of its condition."""
        named = [
            self.kwargs[name] for name in ("column", "column_A", "column_B") if name in self.kwargs
        ]
        return (*named, *self.kwargs.get("column_list", ()))


@dataclass(frozen=True)
class Suite:
    """All that is expected of one table.

    Attributes:
        table: ``schema.table``.
        keys: columns that name a record to a steward.
        expectations: in the order of the rules.
    """

    table: str
    keys: tuple[str, ...]
    expectations: tuple[Expectation, ...]

    @property
    def layer(self) -> str:
        """Schema of the table: staging, core or quality."""
        return self.table.partition(".")[0]

    def columns(self) -> tuple[str, ...]:
        """Every column the suite needs, keys first, each once."""
        needed = list(self.keys)
        for expectation in self.expectations:
            needed += [*expectation.columns, *expectation.when]
        return tuple(dict.fromkeys(needed))


def load_suites(connection: duckdb.DuckDBPyConnection) -> tuple[Suite, ...]:
    """The suites of a build, one per table, in the order of tables and rules.

    Args:
        connection: on a database that holds ``quality.rule_expectations``.
    """
    rows = connection.execute(
        "select table_name, naming_columns, expectation_no, rule_id, severity, expect, arguments, "
        "conditions, message_en, message_ja from quality.rule_expectations order by expectation_no"
    ).fetchall()
    return tuple(
        Suite(table, tuple(json.loads(keys)), tuple(_expectation(*row[2:]) for row in of_table))
        for (table, keys), of_table in groupby(rows, key=lambda row: (row[0], row[1]))
    )


def _expectation(
    number: int,
    rule_id: str,
    severity: str,
    expect: str,
    arguments: str,
    conditions: str,
    reason: str,
    reason_ja: str,
) -> Expectation:
    return Expectation(
        number,
        rule_id,
        severity,
        expect,
        json.loads(arguments),
        json.loads(conditions),
        reason,
        reason_ja,
    )
