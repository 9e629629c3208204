"""How often the intervals of a clustered share hold the truth, by the project's own SQL.

Trials are drawn in numpy; every interval is made by the macros that make the marts, for all trials
at once in DuckDB.
"""

from __future__ import annotations

import csv
import json
import sys
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import duckdb
import numpy as np
import numpy.typing as npt
import pandas as pd

from dlm.macros import render

SEED = 1527
_SIZE = {"patients": "flow_evaluable_patients", "lesions": "flow_evaluable_lesions"}
"""The published claims that say how large a trial is drawn."""
ICCS = (0.0, 0.1, 0.3, 0.5)
SHARES = (0.5, 0.625, 0.85)
# Spread of the lesions over the patients: Dirichlet concentration, None for as even as can be. The
# patient with most lesions has 4, about 10 and about 17 of them.
SHAPES: dict[str, float | None] = {"even": None, "uneven": 3.0, "skewed": 0.5}
DEFAULT = "clustered_wilson"
LEAST_MEAN = 0.93
"""The default interval must cover at least so often on average over the grid."""
# The bootstrap costs much: it sees every tenth trial, with fewer samples than in the marts.
_BOOTSTRAP_EVERY = 10
_BOOTSTRAP_REPLICATES = 400
# So many trials at a time stay in a few hundred MB.
_TRIALS_AT_ONCE = 4_000

INTERVALS = {
    DEFAULT: (
        "wilson_bound('share', 'n_effective', 't_clusters', '-')",
        "wilson_bound('share', 'n_effective', 't_clusters', '+')",
    ),
    "korn_graubard": (
        "clopper_pearson_lower('(n_korn_graubard * share)', 'n_korn_graubard')",
        "clopper_pearson_upper('(n_korn_graubard * share)', 'n_korn_graubard')",
    ),
    "logit_t": (
        "logit_bound('share', 'variance', 't_clusters', '-')",
        "logit_bound('share', 'variance', 't_clusters', '+')",
    ),
    "rao_scott": (
        "wilson_bound('share', '(n / nullif(rao_scott_effect, 0))', confidence_z(), '-')",
        "wilson_bound('share', '(n / nullif(rao_scott_effect, 0))', confidence_z(), '+')",
    ),
    "one_lesion_per_patient": (
        "logit_bound('cluster_mean', 'cluster_mean_variance', 't_clusters', '-')",
        "logit_bound('cluster_mean', 'cluster_mean_variance', 't_clusters', '+')",
    ),
    "clopper_pearson": ("clopper_pearson_lower('k', 'n')", "clopper_pearson_upper('k', 'n')"),
    "naive_wilson": ("wilson_lower('k', 'n')", "wilson_upper('k', 'n')"),
}
"""Methods of modality_concordance_sensitivity, as the macros make their bounds."""


@dataclass(frozen=True)
class Size:
    """How large a drawn trial is."""

    patients: int
    lesions: int


def published_size(project: Path) -> Size:
    """Patients and lesions that the primary endpoint was published for, from the seeds."""
    path = project / "seeds" / "reference" / "ref_published_claims.csv"
    with path.open(encoding="utf-8", newline="") as handle:
        claims = {row["claim_id"]: row for row in csv.DictReader(handle)}
    return Size(**{unit: int(claims[claim]["value"]) for unit, claim in _SIZE.items()})


def coverage(size: Size, simulations: int, json_out: Path | None) -> int:
    """Print how often each interval covers, over settings of trials of one size.

    Args:
        size: patients and lesions of each trial.
        simulations: trials per setting of ICC, true share and spread of the lesions.
        json_out: file for the figures by setting as JSON; None for none.

    Returns:
        Exit code 0, or 1 where the default covers less than 93 % on average.
    """
    found = []
    for icc, share, shape in product(ICCS, SHARES, SHAPES):
        for first in range(0, simulations, _TRIALS_AT_ONCE):
            trials = min(_TRIALS_AT_ONCE, simulations - first)
            made = intervals(draw(size, trials, icc, share, shape, first))
            found.append(made.assign(icc=icc, share=share, shape=shape))
        print(f"ICC {icc:.1f}, share {share:.3f}, {shape}", file=sys.stderr)
    every = pd.concat(found, ignore_index=True)
    every["covers"] = every["share"].between(every["lower_bound"], every["upper_bound"])
    every["width"] = every["upper_bound"] - every["lower_bound"]
    settings = (
        every.groupby(["method", "icc", "share", "shape"], sort=False)
        .agg(covers=("covers", "mean"), width=("width", "mean"), trials=("covers", "size"))
        .reset_index()
    )
    print("\n".join(table(settings)))
    default = settings[settings["method"] == DEFAULT]
    mean = float(default["covers"].mean())
    least = f"the command fails below {100 * LEAST_MEAN:.0f} %"
    print(f"\n{DEFAULT}: {100 * mean:.1f} % on average ({least})")
    if json_out:
        rows = settings.to_dict("records")
        json_out.write_text(json.dumps({"settings": rows, "mean": mean}, indent=1) + "\n")
    return 0 if mean >= LEAST_MEAN else 1


def draw(
    size: Size, simulations: int, icc: float, share: float, shape: str, first: int = 0
) -> pd.DataFrame:
    """Trials of beta-binomial outcomes: one row per trial and patient (trial, cluster_id, m, x).

    The lesions of a patient share one probability, of mean `share` and intraclass correlation
    `icc`; every patient has at least one. The same arguments draw the same trials.
    """
    settings = (ICCS.index(icc), SHARES.index(share), list(SHAPES).index(shape), first)
    rng = np.random.default_rng((SEED, *settings))
    m = _lesions(rng, size, simulations, SHAPES[shape])
    if icc > 0:
        strength = (1 - icc) / icc
        chance = rng.beta(share * strength, (1 - share) * strength, m.shape)
    else:
        chance = np.full(m.shape, share)
    return pd.DataFrame(
        {
            "trial": np.repeat(np.arange(simulations), size.patients),
            "cluster_id": np.tile(np.arange(size.patients), simulations),
            "m": m.ravel(),
            "x": rng.binomial(m, chance).ravel(),
        }
    )


def intervals(trials: pd.DataFrame) -> pd.DataFrame:
    """One row per trial and method: trial, method, lower_bound, upper_bound.

    A trial for which a method has no interval is left out of it.
    """
    by_method = [
        f"select trial, '{method}' as method, {render(lower)} as lower_bound,"
        f" {render(upper)} as upper_bound from shares"
        for method, (lower, upper) in INTERVALS.items()
    ]
    patients = trials["cluster_id"].nunique()
    replicates = (
        f"bootstrap_shares('sampled', ['trial'], {_BOOTSTRAP_REPLICATES}, {SEED}, {patients})"
    )
    with duckdb.connect() as connection:
        connection.register("clusters", trials)
        shares = render("clustered_shares('clusters', ['trial'])")
        connection.execute(f"create table shares as {shares}")
        connection.execute(
            f"create table sampled as from clusters where trial % {_BOOTSTRAP_EVERY} = 0"
        )
        drawn = (
            f"select trial, 'bootstrap' as method, lower_bound, upper_bound"
            f" from ({render(replicates)})"
        )
        return connection.execute(
            f"select * from ({' union all '.join([*by_method, drawn])})"
            " where lower_bound is not null order by all"
        ).df()


def table(settings: pd.DataFrame) -> list[str]:
    """Lines of a Markdown table: coverage in percent over the grid, at its worst, and by ICC."""
    lines = [
        "| interval | mean % | worst % | at (ICC, share, spread) | mean width | "
        + " | ".join(f"ICC {icc:.1f}" for icc in ICCS)
        + " |",
        "|---" * (5 + len(ICCS)) + "|",
    ]
    for method in [*INTERVALS, "bootstrap"]:
        own = settings[settings["method"] == method]
        worst = own.sort_values("covers", kind="stable").iloc[0]
        by_icc = [100 * own.loc[own["icc"] == icc, "covers"].mean() for icc in ICCS]
        lines.append(
            f"| {method} | {100 * own['covers'].mean():.1f} | {100 * worst['covers']:.1f} "
            f"| {worst['icc']:.1f}, {worst['share']:g}, {worst['shape']} "
            f"| {100 * own['width'].mean():.1f} | "
            + " | ".join(f"{mean:.1f}" for mean in by_icc)
            + " |"
        )
    return lines


def _lesions(
    rng: np.random.Generator, size: Size, simulations: int, concentration: float | None
) -> npt.NDArray[np.int64]:
    """Lesions of each patient of each trial: at least one each."""
    if concentration is None:
        even, more = divmod(size.lesions, size.patients)
        one = np.repeat([even + 1, even], [more, size.patients - more])
        return np.tile(one, (simulations, 1))
    weights = rng.dirichlet(np.full(size.patients, concentration), simulations)
    return 1 + rng.multinomial(size.lesions - size.patients, weights)
