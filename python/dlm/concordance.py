"""`marts.modality_concordance` for figures and pages, with the small cells of its strata marked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import duckdb

from dlm.disclosure import Line, Mark, protect
from dlm.marts import Row, rows
from dlm.wording import position

# The primary endpoint comes first among what is worth showing.
PRIMARY = "ct_mri"
POPULATIONS = ("ct", PRIMARY, "ct_mri_ceious", "ct_gone_mri_visible", "ct_gone_mri_unknown")
# Every lesion gone on CT is in one of these, by its MRI.
_BY_CT = "ct"
_BY_MRI = (PRIMARY, "ct_gone_mri_visible", "ct_gone_mri_unknown")


class Key(NamedTuple):
    """What names a row of the mart."""

    population: str
    stratum: str
    stratum_value: str


class Entry(NamedTuple):
    """A row of the mart; where `mark` is not SHOWN its numbers are not shown either."""

    row: Row
    mark: Mark


def read_concordance(connection: duckdb.DuckDBPyConnection) -> dict[Key, Entry]:
    """Every row of a population that has lesions, undivided and by stratum.

    A stratum row is hidden by its patients with evaluable lesions (n_patients). What a reader
    could subtract: the rows of a stratum from the undivided row, and within one stratum value the
    MRI groups from all lesions gone on CT. A population without lesions has no strata to show.
    """
    found = {
        Key(row["population"], row["stratum"], row["stratum_value"]): row
        for row in rows(connection, "select * from marts.modality_concordance")
    }
    lesions = {key.population: row["n_lesions"] for key, row in found.items() if _is_overall(key)}
    keys = sorted(
        (key for key in found if _is_overall(key) or lesions.get(key.population)), key=_order
    )
    cells = {key: cell for cell, key in enumerate(keys)}
    marks = protect(
        [found[key]["n_patients"] for key in keys],
        [*_lines_of_strata(cells), *_lines_of_ct(cells)],
        exempt={cell for key, cell in cells.items() if _is_overall(key)},
        keep={cell for key, cell in cells.items() if key.population == PRIMARY},
    )
    return {key: Entry(found[key], mark) for key, mark in zip(keys, marks, strict=True)}


def _is_overall(key: Key) -> bool:
    return key.stratum == "overall"


def _order(key: Key) -> tuple[object, ...]:
    """Populations as listed here, strata and their values as in the wording."""
    return (
        POPULATIONS.index(key.population),
        position("stratum", key.stratum),
        position("stratum_value", key.stratum_value),
        key.stratum_value,
    )


def _lines_of_strata(cells: dict[Key, int]) -> Sequence[Line]:
    groups = dict.fromkeys((key.population, key.stratum) for key in cells if not _is_overall(key))
    return [
        Line(
            cells[Key(population, "overall", "all")],
            tuple(cell for key, cell in cells.items() if key[:2] == (population, stratum)),
        )
        for population, stratum in groups
    ]


def _lines_of_ct(cells: dict[Key, int]) -> Sequence[Line]:
    return [
        Line(
            cell,
            tuple(
                cells[part]
                for part in (key._replace(population=name) for name in _BY_MRI)
                if part in cells
            ),
        )
        for key, cell in cells.items()
        if key.population == _BY_CT and not _is_overall(key)
    ]
