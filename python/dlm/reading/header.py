"""Match a file's header to its contract by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dlm.contracts import FileSpec, match_name
from dlm.errors import DeliveryRefused, Problem
from dlm.reading.content import refused
from dlm.reading.privacy import private_header, private_text

_LONGEST = 200
"""Characters from which on a field is no column's name."""


@dataclass(frozen=True)
class Header:
    """Where the contract's columns stand in a file.

    Attributes:
        found: the header's fields as they stand in the file.
        order: position in the file of each contract column.
        keys: the header's fields as they are compared.
        aliases: other names a field may have, as they are compared.
        warnings: what a person should know though the file loads.
    """

    found: list[str]
    order: list[int]
    keys: list[str]
    aliases: Mapping[str, str]
    warnings: list[Problem]

    def repeats(self, fields: list[str]) -> bool:
        """Whether a record is the header once more, folded as the header itself is.

        Where files were joined, a byte order mark may stand before it.
        """
        names = [fields[0].removeprefix("\ufeff"), *fields[1:]]
        return all(
            _key(name, self.aliases) == key for name, key in zip(names, self.keys, strict=True)
        )

    def may_repeat(self, values: pa.Array) -> np.ndarray[Any, Any]:
        """Of which values of the first column a record may be the header once more."""
        first = self.keys[0]
        names = [first, *(alias for alias, key in self.aliases.items() if key == first)]
        spaces = r"[\s\p{Z}\x{0b}\x{1c}-\x{1f}\x{85}\x{feff}]+"
        folded = pc.replace_substring_regex(pc.utf8_normalize(values, "NFKC"), spaces, "")
        found = pc.is_in(pc.utf8_lower(folded), pa.array([name.lower() for name in names]))
        return np.asarray(found.to_numpy(zero_copy_only=False))


def known_share(found: list[str], spec: FileSpec) -> float:
    """Share of the contract's columns that a line names."""
    names = {match_name(name) for name in found}
    aliases = _folded_aliases(spec)
    names |= {aliases[name] for name in names & aliases.keys()}
    wanted = {match_name(header) for header in spec.headers}
    return len(wanted & names) / len(wanted)


def match_header(found: list[str], spec: FileSpec, name: str, line: int) -> Header:
    """Match a header line.

    Raises:
        DeliveryRefused: the line is no header, names people, or columns are missing, unknown or
            doubled; lists them all.
    """
    aliases = _folded_aliases(spec)
    positions: dict[str, list[int]] = {}
    for position, header in enumerate(found):
        positions.setdefault(_key(header, aliases), []).append(position)
    wanted = {match_name(header): header for header in spec.headers}
    strangers = {key: at for key, at in positions.items() if key not in wanted}
    _refuse_private(found, strangers, name, line)
    if not wanted.keys() & positions.keys():
        raise refused(
            name,
            line,
            "no_header",
            "this line names no column of the contract; the header must be the file's first line",
        )
    problems = []
    unknown = sorted(_shown(found, at[0]) for at in strangers.values())
    for key, header in wanted.items():
        if key not in positions:
            hint = f"; unknown here: {', '.join(unknown[:10])} (renamed?)" if unknown else ""
            problems.append(Problem(name, line, header, "missing_column", f"is missing{hint}"))
        elif len(positions[key]) > 1:
            problems.append(
                Problem(name, line, header, "duplicate_column", "stands more than once")
            )
    for at in strangers.values():
        problems.append(
            Problem(
                name,
                line,
                _shown(found, at[0]),
                "unknown_column",
                "is not in the contract; remove it, or extend the contract",
            )
        )
    if problems:
        raise DeliveryRefused(problems)
    order = [positions[key][0] for key in wanted]
    warnings = []
    if order != sorted(order):
        warnings.append(
            Problem(
                name,
                line,
                None,
                "column_order",
                "columns stand in another order than in the contract; they were matched by name",
            )
        )
    return Header(found, order, [_key(each, aliases) for each in found], aliases, warnings)


@lru_cache(maxsize=4096)
def _folded(field: str) -> str:
    """A field as headers are compared; the first fields of records repeat."""
    return match_name(field)


def _key(field: str, aliases: Mapping[str, str]) -> str:
    key = _folded(field) if len(field) < _LONGEST else field
    return aliases.get(key, key)


def _folded_aliases(spec: FileSpec) -> dict[str, str]:
    return {match_name(alias): match_name(header) for alias, header in spec.aliases.items()}


def _refuse_private(
    found: list[str], strangers: dict[str, list[int]], name: str, line: int
) -> None:
    """Refuse columns that name people; known columns are spared, and no header is quoted."""
    problems = []
    for at in strangers.values():
        kind = private_header(found[at[0]]) or private_text(found[at[0]])
        if kind:
            problems.append(
                Problem(
                    name,
                    line,
                    f"number {at[0] + 1}",
                    "private_data",
                    f"its header says that it holds {kind}; the whole file is refused and nothing "
                    "of it was kept: remove the column and send the file again",
                )
            )
    if problems:
        raise DeliveryRefused(problems)


def _shown(found: list[str], position: int) -> str:
    """An unknown header as it may be told: one that could be a value is told by its number."""
    header = found[position]
    digits = sum(character.isdigit() for character in header)
    if not header.strip() or len(header) > 40 or digits > 3 or not header.isprintable():
        return f"number {position + 1}" + ("" if header.strip() else " (no name)")
    return header
