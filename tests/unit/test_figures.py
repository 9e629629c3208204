"""Figures: which files, the same bytes each time, and what must not be drawn."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest
from fake_warehouse import fake_warehouse
from matplotlib.axes import Axes
from matplotlib.text import Text

from dlm import figures
from dlm.figures import survival
from dlm.figures.flow import draw_flow
from dlm.figures.proportions import draw_literature, draw_npv
from dlm.figures.style import Sheet, drawing
from dlm.figures.survival import draw_km
from dlm.stamp import Stamp

STAMP = Stamp(True, "2024-06-30", "0.1.0", "1", "0123456789abcdef", "fedcba9876543210")


def words(made: Sheet) -> str:
    """Every word of a figure, line by line."""
    return "\n".join(text.get_text() for text in made.figure.findobj(Text))


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return figures.draw_all(fake_warehouse(), tmp_path_factory.mktemp("figures"), STAMP)


def test_each_figure_is_an_svg_and_a_png(drawn: list[Path]) -> None:
    assert [path.name for path in drawn] == [
        f"{name}.{form}" for name in figures.NAMES for form in ("svg", "png")
    ]
    for path in drawn:
        if path.suffix == ".svg":
            root = ElementTree.parse(path).getroot()
            millimetres = float(root.attrib["width"].removesuffix("pt")) / 72 * 25.4
            assert millimetres == pytest.approx(180, abs=0.1)


def test_two_runs_write_the_same_bytes(drawn: list[Path], tmp_path: Path) -> None:
    again = figures.draw_all(fake_warehouse(), tmp_path, STAMP)
    assert [path.read_bytes() for path in again] == [path.read_bytes() for path in drawn]


def test_every_figure_says_where_it_comes_from() -> None:
    warehouse = fake_warehouse()
    with drawing():
        made = [
            draw_npv(warehouse, STAMP),
            draw_km(warehouse, "RFS", STAMP),
            draw_flow(warehouse, STAMP),
            draw_literature(warehouse, STAMP),
        ]
        real = draw_npv(warehouse, Stamp(False, None, "0.1.0", "1", "", "fedcba9876543210"))
    for sheet in made:
        said = words(sheet)
        assert "SYNTHETIC DATA" in said and "2024-06-30" in said and "0123456789ab" in said
    assert "SYNTHETIC" not in words(real) and "cut-off: none" in words(real)


def test_npv_shows_counts_and_threshold_and_an_empty_population() -> None:
    with drawing():
        said = words(draw_npv(fake_warehouse(), STAMP))
    assert "50/80" in said and "62.5 (50.5–74.5)" in said and "85 %" in said and "0/0" in said


def test_curves_end_while_five_remain_at_risk() -> None:
    with drawing():
        axes = draw_km(fake_warehouse(), "RFS", STAMP).figure.axes[0]
    ends = {line.get_label(): max(line.get_xdata()) for line in curves(axes)}
    # The eighth of twelve patients is the last with five at risk.
    assert sorted(round(end * 30.4375) for end in ends.values()) == [500, 640]


def test_axis_and_counts_end_with_the_curves_and_no_curve_falls_where_it_ends() -> None:
    with drawing():
        axes = draw_km(fake_warehouse(), "RFS", STAMP).figure.axes[0]
    assert round(axes.get_xlim()[1] * 30.4375) == 640
    assert list(axes.get_xticks()) == [0, 6, 12, 18]
    for line in curves(axes):
        *_, before, last = line.get_ydata()
        assert last == before


def test_counts_beneath_the_curves_hide_small_cells() -> None:
    with drawing():
        made = draw_km(fake_warehouse(), "RFS", STAMP)
    cells = [text.get_text() for text in made.figure.axes[1].texts]
    assert "<5" in cells and not {"1", "2", "3", "4"} & set(cells)


def test_a_group_of_four_is_not_drawn() -> None:
    with drawing():
        made = draw_km(fake_warehouse(smaller_group=4), "RFS", STAMP)
    assert len(curves(made.figure.axes[0])) == 1
    assert "undivided" in words(made) and "Log-rank" not in words(made)


def test_flow_hides_small_reasons_and_what_reveals_them() -> None:
    with drawing():
        lines = words(draw_flow(fake_warehouse(), STAMP)).splitlines()
    assert "100 patients, 500 lesions" in lines and "<5" in lines and "–" in lines
    assert "3" not in lines


def test_literature_leaves_out_small_parts_of_this_trial() -> None:
    with drawing():
        said = words(draw_literature(fake_warehouse(), STAMP))
    assert "30/50" in said and "3/5" not in said.split() and "Elias 2004, left in place" in said


def curves(axes: Axes) -> list[Axes]:
    """The step lines of a survival figure."""
    return [line for line in axes.lines if line.get_drawstyle() == "steps-post"]


def test_censored_patients_are_marked_unless_the_marks_would_hide_the_curve(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def marks(made: Sheet) -> int:
        lines = made.figure.axes[0].get_lines()
        return sum(len(line.get_xdata()) for line in lines if line.get_marker() == "|")

    with drawing():
        few = draw_km(fake_warehouse(), "RFS", STAMP)
        monkeypatch.setattr(survival, "MOST_MARKS", 0)
        many = draw_km(fake_warehouse(), "RFS", STAMP)
    assert marks(few) > 0 and "ticks: censored" in words(few)
    assert marks(many) == 0 and "too many to mark" in words(many)


def test_a_steps_name_and_the_counts_of_a_registry_do_not_overlap() -> None:
    warehouse = fake_warehouse()
    warehouse.execute(
        "update marts.patient_flow set n_patients = 1000000 + n_patients, "
        "n = case unit when 'patients' then 1000000 else 10000000 end + n"
    )
    with drawing():
        made = draw_flow(warehouse, STAMP)
        made.figure.canvas.draw()
        heads = [
            text.get_window_extent()
            for text in made.figure.findobj(Text)
            if text.get_weight() == "bold" and text.get_text()
        ]
    assert len(heads) > 10
    for number, head in enumerate(heads):
        assert not any(head.overlaps(other) for other in heads[number + 1 :])
