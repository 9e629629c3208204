"""Parquet files that stay where they lie: judged once, then read from the store by every build.

The store keeps a file under its hash and never changes it, so a file that was found good needs not
be copied into raw tables again for each build: a view of the same columns shows the same records.
A file that is not all text, or of which a record was set aside, is loaded as any other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq

from dlm.contracts import FileSpec
from dlm.reading.parquet import is_text
from dlm.sql_text import literal, quoted

if TYPE_CHECKING:
    import duckdb

REPEATED_LIMIT = 10_000
"""Copies of records that a view may leave out; a file with more is loaded."""
_COMPARED_AT_ONCE = 4_000_000
_PACKAGE = Path(__file__).parents[1]
_JUDGES = ("reading", "contracts")
_ROW = "file_row_number + 1"


@dataclass(frozen=True)
class InPlace:
    """What was found of a file that may stay where it lies.

    Attributes:
        readers: digest of the code and contracts that judged it.
        records: how many records it has.
        repeated: lines of those that repeat an earlier one exactly.
    """

    readers: str
    records: int
    repeated: tuple[int, ...]

    def as_json(self) -> dict[str, Any]:
        """For the ledger."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: dict[str, Any] | None) -> InPlace | None:
        """From the ledger; None where nothing was found, or by other code than today's."""
        if content is None or content["readers"] != readers():
            return None
        return cls(content["readers"], content["records"], tuple(content["repeated"]))


@cache
def readers() -> str:
    """Digest of everything that judges a file; what other code found good is judged again."""
    digest = hashlib.sha256()
    for folder in _JUDGES:
        for path in sorted((_PACKAGE / folder).rglob("*")):
            if path.suffix in (".py", ".yml", ".csv"):
                digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def may_stay(path: Path, spec: FileSpec) -> bool:
    """Whether a file has the columns of its form, each of text; says nothing of its records.

    Raises:
        pyarrow.ArrowException: it is no Parquet file.
    """
    schema = pq.read_schema(path)
    return sorted(schema.names) == sorted(spec.headers) and all(
        is_text(field.type) for field in schema
    )


def repeated_lines(
    connection: duckdb.DuckDBPyConnection, path: Path, spec: FileSpec
) -> tuple[int, ...] | None:
    """Lines of the records that repeat an earlier one; None where there are too many to list.

    Args:
        connection: any; takes hashes, never values.
        path: a file that ``may_stay``.
        spec: which file of the source it is.
    """
    file = _file(path)
    hashed = f"hash({', '.join(_columns(spec))})"
    # Hashes of 8 bytes, so many at once as fit; only where they meet are records compared.
    connection.execute(
        f"create or replace temporary table short_hashes as select {hashed} as h from {file}"
    )
    ((count,),) = connection.execute("select count(*) from short_hashes").fetchall()
    parts = max(1, -(-count // _COMPARED_AT_ONCE))
    connection.execute("create or replace temporary table suspected (h ubigint)")
    for part in range(parts):
        connection.execute(
            f"insert into suspected select h from short_hashes where h % {parts} = {part} "
            "group by h having count(*) > 1"
        )
    connection.execute("drop table short_hashes")
    ((suspects,),) = connection.execute("select count(*) from suspected").fetchall()
    lines = []
    if 0 < suspects <= REPEATED_LIMIT:
        lines = connection.execute(
            f"select line from (select {_ROW} as line, row_number() over "
            f"(partition by {', '.join(_columns(spec))} order by file_row_number) as copy_no "
            f"from {file} where {hashed} in (select h from suspected)) "
            "where copy_no > 1 order by line"
        ).fetchall()
    connection.execute("drop table suspected")
    if max(suspects, len(lines)) > REPEATED_LIMIT:
        return None
    return tuple(line for (line,) in lines)


@dataclass(frozen=True)
class Piece:
    """One file of a raw table that is a view: where it lies, and what its records are known by."""

    path: Path
    delivery_id: str
    name: str
    found: InPlace


def create_view(
    connection: duckdb.DuckDBPyConnection, spec: FileSpec, pieces: Sequence[Piece]
) -> None:
    """Make a raw table a view of files, with the columns that a loaded one has."""
    selects = []
    for piece in pieces:
        columns = ", ".join(
            f"{text} as {quoted(header)}"
            for text, header in zip(_columns(spec), spec.headers, strict=True)
        )
        without = ""
        if piece.found.repeated:
            lines = ", ".join(map(str, piece.found.repeated))
            without = f" where {_ROW} not in ({lines})"
        selects.append(
            f"select {columns}, {literal(piece.delivery_id)} as _delivery_id, "
            f"{literal(piece.name)} as _file, {_ROW} as _line, "
            f"md5(concat_ws(chr(31), {', '.join(_columns(spec))})) as _record_hash "
            f"from {_file(piece.path)}{without}"
        )
    table = f"raw.{quoted(spec.raw_table)}"
    connection.execute(f"drop table if exists {table}")
    connection.execute(f"create view {table} as {' union all '.join(selects)}")


def _columns(spec: FileSpec) -> list[str]:
    """The cells as the loader keeps them: text, blank for none."""
    return [f"coalesce({quoted(header)}, '')" for header in spec.headers]


def _file(path: Path) -> str:
    # What means several files in a pattern stands for itself in brackets.
    place = "".join(f"[{letter}]" if letter in "*?[" else letter for letter in str(path.resolve()))
    return f"read_parquet({literal(place)}, file_row_number = true, hive_partitioning = false)"
