"""The synthetic trial: correlated patients and lesions, written the way three data centres would.

``write_trial`` draws a trial from a seed, plants faults for stewards to find, and writes it as dbt
seeds or as a delivery, with the truth that a build should recover beside it. All data are invented.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pandas as pd

from dlm.contracts import load_contracts
from dlm.project import find_places
from dlm.synthetic import files, habits
from dlm.synthetic.calibrate import calibrated_trial, find_targets
from dlm.synthetic.common import Tables, stream
from dlm.synthetic.sample import file_trial, sample_trial

FAULT_KINDS: tuple[str, ...] = ()
REGISTERED_AT_SCALE_1 = 233


def write_trial(
    seed: int,
    scale: float,
    out: Path,
    layout: Literal["delivery", "seeds"],
    faults: str,
    progress: Callable[[str], None] | None = None,
) -> None:
    """Write one synthetic trial."""
    tell = progress or (lambda message: None)
    reference = find_places().project / "seeds" / "reference"
    sites = pd.read_csv(reference / "ref_sites.csv", dtype=str, keep_default_na=False)
    tables = file_trial(_draw(seed, scale, sites, tell))
    codes = habits.read_code_lists(reference / "ref_codelists.csv")
    contracts = load_contracts()
    written = {}
    for source, contract in contracts.items():
        tell(f"writing {source}")
        raw = habits.raw_forms(tables, contract, codes)
        written[source] = files.source_files(raw, contract)
    if layout == "seeds":
        files.write_seeds(out, written, contracts.values())
    else:
        files.write_delivery(out, written, contracts.values())


def _draw(seed: int, scale: float, sites: pd.DataFrame, tell: Callable[[str], None]) -> Tables:
    """The patients of a trial: calibrated where the seed has targets, else as they fall."""
    targets = find_targets(seed, scale)
    if targets is not None:
        return calibrated_trial(targets, sites, tell)
    spread = 1 + 0.03 * stream(seed, "size").standard_normal()
    n = round(REGISTERED_AT_SCALE_1 * scale * spread)
    tell(f"drawing {n} patients")
    return sample_trial(seed, n, sites)
