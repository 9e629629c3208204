"""The figures of a build, each as SVG and PNG."""

from __future__ import annotations

from pathlib import Path

import duckdb

from dlm.figures.flow import draw_flow
from dlm.figures.proportions import draw_literature, draw_npv
from dlm.figures.style import drawing, save
from dlm.figures.survival import draw_km
from dlm.stamp import Stamp

NAMES = ("npv_by_imaging_group", "km_rfs", "km_os", "patient_flow", "literature_forest")


def draw_all(connection: duckdb.DuckDBPyConnection, out: Path, stamp: Stamp) -> list[Path]:
    """Draw every figure of `NAMES` from the marts into `out`; returns the files in that order.

    `connection` reads a built warehouse. Files are byte-identical for the same marts and stamp.
    """
    with drawing():
        sheets = (
            draw_npv(connection, stamp),
            draw_km(connection, "RFS", stamp),
            draw_km(connection, "OS", stamp),
            draw_flow(connection, stamp),
            draw_literature(connection, stamp),
        )
        return [
            path for name, made in zip(NAMES, sheets, strict=True) for path in save(made, name, out)
        ]
