"""The small-cell rule: what is hidden, what protects it, and that nothing can be worked out."""

from __future__ import annotations

import itertools

import pytest
from fake_warehouse import fake_warehouse
from hypothesis import given
from hypothesis import strategies as st

from dlm.concordance import Key, read_concordance
from dlm.disclosure import Line, Mark, protect, show

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
