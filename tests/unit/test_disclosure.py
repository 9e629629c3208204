"""The small-cell rule: what is hidden, what protects it, and that nothing can be worked out."""

from __future__ import annotations

import itertools
import re

import duckdb
import numpy as np
import pytest
from fake_warehouse import fake_warehouse
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from dlm.concordance import Key, read_concordance
from dlm.disclosure import Line, Mark, Subset, protect, show
from dlm.figures.survival import mark_counts
from dlm.patient_flow import GROUPS, read_flow
from dlm.report.results import baseline

SHOWN, SMALL, WITHHELD = Mark.SHOWN, Mark.SMALL, Mark.WITHHELD


@pytest.mark.parametrize(
    ("count", "mark"), [(0, SHOWN), (1, SMALL), (4, SMALL), (5, SHOWN), (None, SHOWN)]
)
def test_counts_of_one_to_four_are_small(count: int | None, mark: Mark) -> None:
    assert protect([count]) == [mark]


def test_cells_print_as_their_marks_say() -> None:
    printed = [show(3, SMALL), show(12, WITHHELD), show(1234), show(None)]
    assert printed == ["<5", "–", "1,234", "–"]


def test_a_part_that_subtraction_would_reveal_takes_the_next_smallest_with_it() -> None:
    marks = protect([30, 3, 10, 17], [Line(0, (1, 2, 3))], exempt={0})
    assert marks == [SHOWN, SMALL, WITHHELD, SHOWN]


def test_a_zero_is_hidden_before_a_count_is() -> None:
    assert protect([20, 3, 0, 17], [Line(0, (1, 2, 3))], exempt={0}) == [
        SHOWN, SMALL, SMALL, SHOWN,
    ]  # fmt: skip


def test_two_small_cells_that_add_up_to_eight_are_both_four() -> None:
    marks = protect([26, 4, 4, 8, 10], [Line(0, (1, 2, 3, 4))], exempt={0})
    assert marks == [SHOWN, SMALL, SMALL, WITHHELD, SHOWN]


def test_the_undivided_row_is_shown_even_when_small() -> None:
    assert protect([3, 3], [Line(0, (1,))], exempt={0})[0] is SHOWN


def test_a_rest_outside_the_parts_protects_them() -> None:
    assert protect([45, 3, 40], [Line(0, (1, 2), rest=2)], exempt={0}) == [SHOWN, SMALL, SHOWN]


def test_overlapping_parts_need_two_hidden_cells_that_hold_patients() -> None:
    marks = protect([24, 3, 23, 0], [Line(0, (1, 2, 3))], exempt={0})
    assert marks == [SHOWN, SMALL, WITHHELD, SHOWN]


def test_what_is_to_be_kept_is_hidden_last() -> None:
    marks = protect([30, 3, 10, 17], [Line(0, (1, 2, 3))], exempt={0}, keep={2})
    assert marks == [SHOWN, SMALL, SHOWN, WITHHELD]


def test_a_cell_hidden_for_one_line_is_protected_in_the_other() -> None:
    # Two rows and two columns with their totals; the small cell is the first.
    counts = [3, 10, 13, 12, 20, 32, 15, 30, 45]
    rows = [Line(2, (0, 1)), Line(5, (3, 4)), Line(8, (6, 7))]
    columns = [Line(6, (0, 3)), Line(7, (1, 4)), Line(8, (2, 5))]
    marks = protect(counts, [*rows, *columns], exempt={2, 5, 6, 7, 8})
    assert marks[:2] == [SMALL, WITHHELD] and marks[3:5] == [WITHHELD, WITHHELD]


@given(st.lists(st.integers(0, 12), min_size=3, max_size=5))
def test_no_small_count_can_be_worked_out(parts: list[int]) -> None:
    """Against every table that prints the same, unless the whole line is hidden already."""
    line = Line(0, tuple(range(1, len(parts) + 1)))
    marks = protect([sum(parts), *parts], [line], exempt={0})[1:]
    if all(mark is not SHOWN for mark in marks):
        return
    possible = {SMALL: range(5), WITHHELD: range(5, sum(parts) + 1)}
    tables = [
        table
        for table in itertools.product(
            *(
                [count] if mark is SHOWN else possible[mark]
                for count, mark in zip(parts, marks, strict=True)
            )
        )
        if sum(table) == sum(parts)
    ]
    for cell, mark in enumerate(marks):
        assert mark is SHOWN or len({table[cell] for table in tables}) > 1


def test_concordance_hides_small_strata_and_their_complement() -> None:
    found = read_concordance(fake_warehouse())
    marks = {
        key.stratum_value: entry.mark for key, entry in found.items() if key[:2] == ("ct", "region")
    }
    assert marks == {"Europe": WITHHELD, "Japan": SHOWN, "United States": SMALL}
    assert found[Key("ct_mri_ceious", "overall", "all")].mark is SHOWN


def test_concordance_hides_what_the_groups_by_mri_would_reveal() -> None:
    found = read_concordance(fake_warehouse())
    visible = ("ct_gone_mri_visible", "disposition")
    assert found[Key(*visible, "resected")].mark is SMALL
    assert found[Key(*visible, "left_in_place")].mark is WITHHELD


def test_what_is_to_be_hidden_takes_a_partner_with_it() -> None:
    marks = protect([31, 6, 10, 15], [Line(0, (1, 2, 3))], exempt={0}, hide={1})
    assert marks == [SHOWN, WITHHELD, WITHHELD, SHOWN]


def test_a_subset_of_nobody_reveals_what_adds_up_with_it() -> None:
    # Two sets by two levels; all 12 of the inner set are in the second level of the outer one.
    counts = [20, 0, 20, 12, 0, 12]
    lines = [Line(0, (1, 2)), Line(3, (4, 5))]
    assert protect(counts, lines, {0, 3}, subsets=[Subset(4, 1), Subset(5, 2)]) == [SHOWN] * 6
    counts = [20, 3, 17, 12, 1, 11]
    marks = protect(counts, lines, {0, 3}, subsets=[Subset(4, 1), Subset(5, 2)])
    assert marks == [SHOWN, SMALL, WITHHELD, SHOWN, SMALL, WITHHELD]


def test_the_flow_hides_lesions_of_few_patients_and_what_they_could_be_subtracted_from() -> None:
    steps = {step.name: step for step in read_flow(fake_warehouse())}
    evaluable = {part.reason: part.lesions for part in steps["evaluable_confirmed_dlm"].excluded}
    assert evaluable == {"mri_out_of_window": "–", "reference_followup_short": "–"}
    operated = {part.reason: part.lesions for part in steps["operated"].excluded}
    assert operated == {"progression": "110", "refusal": "–", "other": "–"}


Months = tuple[tuple[int, int, int], ...]


def courses(size: int, months: int) -> list[Months]:
    """Every course of a group from month 0 on: at risk, censored and with an event by month."""
    found: list[Months] = [((size, 0, 0),)]
    for _ in range(months):
        found = [
            (*course, (risk - gone - died, censored + gone, events + died))
            for course in found
            for risk, censored, events in [course[-1]]
            for gone in range(risk + 1)
            for died in range(risk + 1 - gone)
        ]
    return found


@pytest.mark.parametrize(
    ("size", "told"),
    [
        *((6, course) for course in courses(6, 2)),
        (20, ((20, 0, 0), (13, 4, 3), (12, 5, 3))),
        (9, ((9, 0, 0), (8, 0, 1), (0, 0, 9))),
    ],
)
def test_no_small_count_beneath_a_curve_can_be_worked_out(size: int, told: Months) -> None:
    """Against every course of a group of that size that prints the same."""
    counts = [*itertools.chain.from_iterable(told)]
    marks = itertools.chain.from_iterable(mark_counts(size, told))
    ranges = [known_range(show(count, mark)) for count, mark in zip(counts, marks, strict=True)]
    others = ([*itertools.chain.from_iterable(course)] for course in courses(size, len(told) - 1))
    possible = [
        other
        for other in others
        if all(
            low <= count and (high is None or count <= high)
            for count, (low, high) in zip(other, ranges, strict=True)
        )
    ]
    assert counts in possible
    for cell, count in enumerate(counts):
        assert not 0 < count < 5 or len({other[cell] for other in possible}) > 1


NESTED = ("registered", "operated", "dlm", "confirmed_dlm")
COHORTS = (*((name, "overall") for name in NESTED), *((NESTED[3], name) for name in GROUPS))
LEVELS = ("F", "M")


def baseline_of(patients: list[tuple[int, str, str]]) -> duckdb.DuckDBPyConnection:
    """Table 1's mart of patients: how far each got, the resection group, the level or missing."""
    connection = duckdb.connect()
    connection.execute("create schema marts")
    connection.execute(
        "create table marts.baseline_characteristics (analysis_set varchar, group_name varchar,"
        " characteristic varchar, level varchar, statistic varchar, characteristic_order integer,"
        " level_order integer, n bigint, n_total bigint, n_missing bigint, percent double)"
    )
    for analysis_set, group in COHORTS:
        here = [
            level
            for reached, of_group, level in patients
            if reached >= NESTED.index(analysis_set) and group in ("overall", of_group)
        ]
        missing = here.count("")
        for order, level in enumerate(LEVELS):
            known = len(here) - missing
            connection.execute(
                "insert into marts.baseline_characteristics values"
                " (?, ?, 'sex', ?, 'n_percent', 1, ?, ?, ?, ?, ?)",
                [
                    *(analysis_set, group, level, order, here.count(level), len(here), missing),
                    100 * here.count(level) / known if known else None,
                ],
            )
    return connection


def assert_nothing_can_be_worked_out(connection: duckdb.DuckDBPyConnection) -> None:
    """Table 1 as printed, against a reader with linear programming.

    Known are the sizes of the undivided columns, the sums down each column, that the groups and
    those of neither make up all with a confirmed DLM, and that each set is part of the one before.
    """
    printed: dict[str, list[list[str]]] = {}
    table = baseline(connection)
    sizes = [re.split(r"n\s=\s", column.en)[1] for column in table.columns[1:]]
    for line in table.lines:
        if not line.cells:
            title = line.label.en
        elif line.indent:
            printed.setdefault(title, []).append([cell.en.split(" (")[0] for cell in line.cells])
    assert printed and len(sizes) == len(COHORTS)
    for levels in printed.values():
        rows = [sizes, *levels]
        cells = [(row, column) for row in range(len(rows)) for column in range(len(COHORTS))]
        place = {cell: number for number, cell in enumerate(cells)}
        bounds = [known_range(rows[row][column]) for row, column in cells]
        equal, at_most = [], []
        for column in range(len(COHORTS)):
            line = np.zeros(len(cells))
            line[place[0, column]] = -1
            line[[place[row, column] for row in range(1, len(rows))]] = 1
            equal.append(line)
        for row in range(len(rows)):
            pairs = [((row, 1), (row, 0)), ((row, 2), (row, 1)), ((row, 3), (row, 2))]
            for inner, outer in pairs:
                line = np.zeros(len(cells))
                line[place[inner]], line[place[outer]] = 1, -1
                at_most.append(line)
            line = np.zeros(len(cells))
            line[[place[row, 4], place[row, 5]]], line[place[row, 3]] = 1, -1
            at_most.append(line)
        free = [
            cell
            for cell in cells
            if rows[cell[0]][cell[1]] not in ("<5", "–") and cell[0] and cell[1]
        ]
        for cell in cells:
            if rows[cell[0]][cell[1]] != "<5" or not free:
                continue
            aim = np.zeros(len(cells))
            aim[place[cell]] = 1
            ends = [
                linprog(sign * aim, at_most, np.zeros(len(at_most)), equal,
                        np.zeros(len(equal)), bounds)
                for sign in (1, -1)
            ]  # fmt: skip
            assert all(end.success for end in ends)
            lowest, highest = np.ceil(ends[0].fun - 1e-6), np.floor(-ends[1].fun + 1e-6)
            assert lowest < highest or lowest == 0, (cell, lowest, rows)


def known_range(printed: str) -> tuple[int, int | None]:
    if printed == "<5":
        return 0, 4
    if printed == "–":
        return 5, None
    return int(printed.replace(",", "")), int(printed.replace(",", ""))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from((0, 1, 2, 3, 3, 3)),
            st.sampled_from((*GROUPS, *GROUPS, *GROUPS, "neither")),
            st.sampled_from(("F", "F", "F", "M", "M", "")),
        ),
        min_size=20,
        max_size=70,
    )
)
def test_no_small_count_of_table_1_can_be_worked_out(patients: list[tuple[int, str, str]]) -> None:
    assert_nothing_can_be_worked_out(baseline_of(patients))


def test_no_small_count_of_the_seeds_table_1_can_be_worked_out(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    assert_nothing_can_be_worked_out(warehouse)
