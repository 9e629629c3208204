"""The report: one HTML file in English and Japanese that needs no network and prints on A4.

Every number comes from a mart; here it is only printed, or hidden (see `dlm.disclosure`).
"""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path

import duckdb
from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from dlm.concordance import PRIMARY, Key, read_concordance
from dlm.marts import confidence, settings
from dlm.report import accuracy, models, quality, results
from dlm.report.tables import percent
from dlm.stamp import Stamp

FIGURES = ("patient_flow", "npv_by_imaging_group", "km_rfs", "km_os", "literature_forest")


def write_report(
    connection: duckdb.DuckDBPyConnection, figures: Path, out: Path, stamp: Stamp
) -> Path:
    """Write the report to `out` and return it.

    Args:
        connection: reads a built warehouse (schemas core, marts, quality).
        figures: folder with the SVG files of `dlm.figures.draw_all`.
        out: the HTML file; byte-identical for the same warehouse, figures and stamp.
        stamp: what the report says about its build.
    """
    set_to = settings(connection)
    page = (
        _environment()
        .get_template("report.html.j2")
        .render(
            stamp=stamp,
            settings=set_to,
            level=confidence(connection),
            figures={name: inline_svg(figures / f"{name}.svg", name) for name in FIGURES},
            tiles=results.tiles(connection),
            primary=read_concordance(connection)[Key(PRIMARY, "overall", "all")].row,
            percent=percent,
            baseline=results.baseline(connection),
            flow=results.flow(connection),
            concordance_overall=results.concordance_overall(connection),
            concordance_strata=results.concordance_strata(connection),
            crosstab=results.crosstab(connection),
            agreement=results.agreement(connection),
            sensitivity=accuracy.sensitivity(connection),
            measures=accuracy.measures(connection),
            differences=accuracy.differences(connection),
            pooled=accuracy.pooled(connection),
            survival=results.survival(connection),
            comparison=results.comparison(connection),
            cox_models=models.multivariable(connection),
            published=results.published(connection),
            literature=results.literature(connection),
            accounting=quality.accounting(connection),
            findings=quality.findings(connection),
            checks=quality.checks(connection),
            settings_table=quality.settings_table(connection),
        )
    )
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(page, encoding="utf-8", newline="\n")
    return out


def inline_svg(path: Path, name: str) -> Markup:
    """The figure as an element of the page, which the caption `caption-<name>` describes.

    Ids are made unique in the page; metadata and the style that would reach beyond the figure go.
    """
    text = path.read_text(encoding="utf-8")
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"<style.*?</style>", "", text, flags=re.DOTALL)
    text = re.sub(r'\bid="([^"]+)"', rf'id="{name}-\1"', text)
    text = re.sub(r'(xlink:href|href)="#([^"]+)"', rf'\1="#{name}-\2"', text)
    text = re.sub(r"url\(#([^)]+)\)", rf"url(#{name}-\1)", text)
    text = re.sub(r'<svg([^>]*?) width="[^"]*"', r"<svg\1", text, count=1)
    text = re.sub(r'<svg([^>]*?) height="[^"]*"', r"<svg\1", text, count=1)
    return Markup(
        text.replace("<svg", f'<svg role="img" aria-labelledby="caption-{name}"', 1).strip()
    )


def _environment() -> Environment:
    environment = Environment(
        loader=FunctionLoader(_asset),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["css"] = Markup(_asset("report.css"))
    return environment


def _asset(name: str) -> str:
    return (resources.files("dlm") / "assets" / name).read_text(encoding="utf-8")
