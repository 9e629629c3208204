"""Read the declared expectations; Great Expectations itself is not needed for that.

``expectations.yml`` says once what is expected of which table, how bad a violation is and why. The
suites, the rows of ``quality.gx_results`` and the pages are all made from it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

DECLARATION = Path(__file__).with_name("expectations.yml")
LEVELS = ("blocking", "warning")
_FIELDS = {"expect", "kwargs", "when", "level", "reason", "reason_ja", "set_from"}


class DeclarationError(ValueError):
    """expectations.yml says something that cannot be used; the text says where and why."""


@dataclass(frozen=True)
class Expectation:
    """One thing expected of one table.

    Attributes:
        number: its place in the declaration; tells results apart.
        expect: name in Great Expectations without the leading ``expect_``.
        kwargs: its arguments.
        when: only rows where each column has the value (or one of the values) are checked;
            ``not null`` and ``null`` stand for themselves.
        set_from: ``schema.table.column`` whose values are the accepted set.
        level: ``blocking`` stops publication, ``warning`` is for the stewards.
        reason: why it is expected, for the reader of a finding.
        reason_ja: the same in Japanese.
    """

    number: int
    expect: str
    kwargs: Mapping[str, Any]
    when: Mapping[str, Any]
    set_from: str | None
    level: str
    reason: str
    reason_ja: str

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
        expectations: in the order declared.
    """

    table: str
    keys: tuple[str, ...]
    expectations: tuple[Expectation, ...]

    @property
    def layer(self) -> str:
        """Schema of the table: staging or core."""
        return self.table.partition(".")[0]

    def columns(self) -> tuple[str, ...]:
        """Every column the suite needs, keys first, each once."""
        needed = list(self.keys)
        for expectation in self.expectations:
            needed += [*expectation.columns, *expectation.when]
        return tuple(dict.fromkeys(needed))


@cache
def load_suites(path: Path = DECLARATION) -> tuple[Suite, ...]:
    """The declared suites, one per table, in the order of the file.

    Raises:
        DeclarationError: an entry is incomplete or says something unknown.
    """
    declared = yaml.safe_load(path.read_text(encoding="utf-8"))
    numbers = iter(range(1, 1_000_000))
    suites = tuple(
        Suite(
            table,
            tuple(block["keys"]),
            tuple(_expectation(table, entry, next(numbers)) for entry in block["expectations"]),
        )
        for block in declared
        for table in block["tables"]
    )
    tables = [suite.table for suite in suites]
    if len(set(tables)) < len(tables):
        raise DeclarationError(f"{path.name}: a table is declared twice")
    return suites


def all_expectations() -> Iterator[tuple[Suite, Expectation]]:
    """Every expectation with its suite."""
    for suite in load_suites():
        for expectation in suite.expectations:
            yield suite, expectation


def _expectation(table: str, entry: Mapping[str, Any], number: int) -> Expectation:
    where = f"{DECLARATION.name}, {table}, {entry.get('expect', 'an entry without expect')}"
    if unknown := set(entry) - _FIELDS:
        raise DeclarationError(f"{where}: unknown field(s) {', '.join(sorted(unknown))}")
    if entry.get("level") not in LEVELS:
        raise DeclarationError(f"{where}: level must be one of {', '.join(LEVELS)}")
    if not entry.get("reason") or not entry.get("reason_ja"):
        raise DeclarationError(f"{where}: a reason in English and Japanese is missing")
    if "when" in entry and entry["expect"].startswith("column_pair_"):
        # Great Expectations 1.24 counts the violations of all rows there, not of the rows meant.
        raise DeclarationError(f"{where}: a pair of columns cannot be checked under a condition")
    return Expectation(
        number=number,
        expect=entry["expect"],
        kwargs=entry.get("kwargs", {}),
        when=entry.get("when", {}),
        set_from=entry.get("set_from"),
        level=entry["level"],
        reason=entry["reason"],
        reason_ja=entry["reason_ja"],
    )
