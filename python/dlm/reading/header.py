"""Match a file's header to its contract by name."""

from __future__ import annotations

from dataclasses import dataclass

from dlm.contracts import FileSpec, match_name
from dlm.errors import DeliveryRefused, Problem
from dlm.reading.content import refused
from dlm.reading.privacy import private_header, private_text


@dataclass(frozen=True)
class Header:
    """Where the contract's columns stand in a file.

    Attributes:
        found: the header's fields as they stand in the file.
        order: position in the file of each contract column.
        warnings: what a person should know though the file loads.
    """

    found: list[str]
    order: list[int]
    warnings: list[Problem]

    def repeats(self, fields: list[str]) -> bool:
        """Whether a record is the header once more, letter case aside."""
        return all(
            len(field) == len(header) and field.casefold() == header.casefold()
            for field, header in zip(fields, self.found, strict=True)
        )


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
        key = match_name(header)
        positions.setdefault(aliases.get(key, key), []).append(position)
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
    return Header(found, order, warnings)


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
