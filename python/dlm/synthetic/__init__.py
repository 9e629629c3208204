"""The synthetic trial: correlated patients and lesions, written the way three data centres would.

``write_trial`` draws a trial from a seed, plants faults for stewards to find, and writes it as dbt
seeds or as a delivery, with the truth that a build should recover beside it. All data are invented:
the only persons in it are numbers of a random generator.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pandas as pd

from dlm.contracts import load_contracts
from dlm.project import find_places
from dlm.synthetic import files, habits, streaming, truth
from dlm.synthetic.calibrate import calibrated_trial, find_targets
from dlm.synthetic.common import Tables, stream
from dlm.synthetic.fault_kinds import FAULT_KINDS, plant
from dlm.synthetic.findings import all_findings
from dlm.synthetic.sample import file_trial, sample_trial

__all__ = ["FAULT_KINDS", "STREAMED_FROM", "draw_trial", "registered", "write_trial"]

REGISTERED_AT_SCALE_1 = 233
STREAMED_FROM = 50
"""Scale from which a delivery is drawn in parts, without the truth of every record."""
TRUTH_OF_SEEDS = Path("tests/oracle/seeds_truth")


def write_trial(
    seed: int,
    scale: float,
    out: Path,
    layout: Literal["delivery", "seeds"],
    faults: str,
    progress: Callable[[str], None] | None = None,
    truth_folder: Path | None = None,
    file_format: streaming.Format = "csv",
) -> None:
    """Write one synthetic trial whole, in memory; the same arguments write the same bytes.

    Args:
        seed: seed of every draw.
        scale: how many times the patients of the real trial, at the same sites.
        out: where a delivery goes (``<source>/<form>.csv`` and ``manifest.csv``), or the seeds
            folder of a project (``<source>/<source>__<form>.csv``, their properties, ``load/``).
        layout: as a delivery, each source in its own encoding, or as dbt seeds in UTF-8.
        faults: ``few``: an ordinary trial, with what goes wrong in any, and one fault of each kind
            that blocks no publication. ``none``: a trial without a finding for a steward. ``all``
            (one of each kind) or one of ``FAULT_KINDS``: such a trial and the faults.
        progress: told in a few words what is being done.
        truth_folder: where ``findings.csv`` and ``endpoints.csv`` go. By default ``truth`` in
            out; for the project's own seeds ``tests/oracle/seeds_truth``, so that dbt does not
            take the truth for seeds.
        file_format: of the files of a delivery.

    Raises:
        ValueError: ``faults`` is no kind, or the trial has no record to plant it in.
    """
    tell = progress or (lambda message: None)
    reference = find_places().project / "seeds" / "reference"
    sites = pd.read_csv(reference / "ref_sites.csv", dtype=str, keep_default_na=False)
    codes = habits.read_code_lists(reference / "ref_codelists.csv")
    contracts = load_contracts()
    # What goes wrong in any trial would stand between a fault and its rule. A trial calibrated to
    # published figures needs it.
    ordinary = faults == "few" or find_targets(seed, scale) is not None
    tables = draw_trial(seed, scale, sites, tell, slips=float(ordinary))
    wide_ids = habits.FULL_WIDTH_IDS if ordinary else ()
    tell("deriving the truth")
    derived = truth.derive(tables)
    faulty, planted = plant(tables, derived, seed, faults)
    frames = {}
    for source, contract in contracts.items():
        tell(f"writing {source}")
        raw = habits.raw_forms(faulty, contract, codes, wide_ids)
        frames[source] = files.source_frames(raw, contract)
    if layout == "seeds":
        files.write_seeds(out, frames, contracts.values())
    else:
        files.write_delivery(out, frames, contracts.values(), file_format)
    tell("writing the truth")
    project = find_places().project
    own_seeds = out.resolve() == (project / "seeds").resolve()
    folder = truth_folder or (project / TRUTH_OF_SEEDS if own_seeds else out / "truth")
    files.write_table(folder / "findings.csv", all_findings(tables, derived, planted, wide_ids))
    files.write_table(folder / "endpoints.csv", truth.endpoints(derived))


def draw_trial(
    seed: int,
    scale: float,
    sites: pd.DataFrame,
    tell: Callable[[str], None],
    slips: float = 1.0,
) -> Tables:
    """The forms of a trial without faults: calibrated where the seed has targets, else as drawn.

    ``slips`` is the share of what in any trial a steward asks about (see ``sample_trial``); a
    calibrated trial has all of it.
    """
    targets = find_targets(seed, scale)
    if targets is not None:
        return file_trial(calibrated_trial(targets, sites, tell))
    n = registered(seed, scale)
    tell(f"drawing {n} patients")
    return file_trial(sample_trial(seed, n, sites, slips))


def registered(seed: int, scale: float) -> int:
    """How many patients a trial of a scale registers."""
    spread = 1 + 0.03 * stream(seed, "size").standard_normal()
    return round(REGISTERED_AT_SCALE_1 * scale * spread)
