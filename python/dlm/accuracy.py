"""Accuracy marts and schema `stats` for the report, with small cells of the strata marked.

Undivided rows are shown whatever they hold. In a part of a population fewer than 5 patients hide a
row, and so does what would give them away: the other part, for resected and left lesions make up
nearly all of a population.
"""

from __future__ import annotations

import duckdb

from dlm.concordance import PRIMARY, Entry, Key, read_concordance
from dlm.disclosure import Line, Mark, protect
from dlm.marts import Row, has_table, rows

PARTS = (
    Key(PRIMARY, "overall", "all"),
    Key(PRIMARY, "disposition", "resected"),
    Key(PRIMARY, "disposition", "left_in_place"),
)
"""The primary population, and its resected and left lesions: their truths differ in standard."""

# Not shown of a part: how many patients have only nonviable lesions may be few, or all but few.
_BY_PATIENT = ("per patient",)


def read_sensitivity(connection: duckdb.DuckDBPyConnection) -> dict[Key, list[Row]]:
    """Rows of `marts.modality_concordance_sensitivity` for the primary population and its parts.

    A part that `marts.modality_concordance` does not show is left out, and so are the rows that
    count patients in one.
    """
    shown = read_concordance(connection)
    found = rows(
        connection,
        """
        select sensitivity.*, methods.title_en, methods.title_ja
        from marts.modality_concordance_sensitivity as sensitivity
        inner join reference.ref_accuracy_methods as methods using (method)
        where population = ?
        order by method_order
        """,
        PRIMARY,
    )
    return {
        key: [
            row
            for row in found
            if (row["stratum"], row["stratum_value"]) == (key.stratum, key.stratum_value)
            and (key == PARTS[0] or row["kind"] not in _BY_PATIENT)
        ]
        for key in PARTS
        if key == PARTS[0] or _is_shown(shown, key)
    }


def read_models(connection: duckdb.DuckDBPyConnection, table: str) -> dict[Key, Row]:
    """Rows of `stats.npv_gee` or `stats.npv_bootstrap` for the same parts; none if not run."""
    if not has_table(connection, "stats", table):
        return {}
    shown = read_concordance(connection)
    found = {
        Key(row["population"], row["stratum"], row["stratum_value"]): row
        for row in rows(connection, f"select * from stats.{table}")
    }
    return {
        key: found[key]
        for key in PARTS
        if key in found and (key == PARTS[0] or _is_shown(shown, key))
    }


def read_accuracy(connection: duckdb.DuckDBPyConnection) -> list[tuple[Row, Mark]]:
    """Every row of `marts.modality_accuracy`, those of few patients marked.

    Of a test and measure the undivided row is exempt, and the total that a reader could subtract
    the one part from to learn the other.
    """
    found = rows(connection, "select * from marts.modality_accuracy order by all")
    groups: dict[tuple[str, str], dict[str, int]] = {}
    for place, row in enumerate(found):
        groups.setdefault((row["test"], row["measure"]), {})[row["stratum_value"]] = place
    undivided = PARTS[0].stratum_value
    marks = protect(
        [row["n_patients"] for row in found],
        [
            Line(group[undivided], tuple(group[value] for value in group if value != undivided))
            for group in groups.values()
        ],
        exempt={group[undivided] for group in groups.values()},
    )
    return list(zip(found, marks, strict=True))


def read_differences(connection: duckdb.DuckDBPyConnection) -> list[tuple[Row, Mark]]:
    """Differences of shares nonviable in `marts.modality_agreement`.

    A part is withheld where `marts.modality_concordance` does not show it of either population.
    """
    shown = read_concordance(connection)
    found = rows(
        connection, "select * from marts.modality_agreement where kind = 'npv' order by all"
    )
    keys = {part.stratum_value: part for part in PARTS}
    return [
        (
            row,
            Mark.SHOWN
            if all(
                key == PARTS[0] or _is_shown(shown, key._replace(population=row[side]))
                for key in [keys[row["stratum_value"]]]
                for side in ("first", "second")
            )
            else Mark.WITHHELD,
        )
        for row in found
    ]


def _is_shown(shown: dict[Key, Entry], key: Key) -> bool:
    return key in shown and shown[key].mark is Mark.SHOWN and bool(shown[key].row["n_patients"])
