"""Make a trial whose derived results are those of a targets file.

A pool many times the size of the trial is drawn by the ordinary sampler. The trial starts as the
first patients of each kind in the pool; then draws are swapped, whole patients for others of the
same kind, until every target holds. Nothing about a patient is ever changed by hand.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from dlm.synthetic import truth
from dlm.synthetic.common import Bools, Floats, Ints, Tables, stream
from dlm.synthetic.patients import REGISTRATION_CLOSES, REGISTRATION_OPENS
from dlm.synthetic.sample import file_trial, patient_ids, sample_trial, select_patients

HERE = Path(__file__).parent
POOL_TRIALS = 40
MAX_SWAPS = 120_000
# Each round starts hot, so that it may leave a dead end, and cools to accepting improvements only.
SWAPS_PER_ROUND = 12_000
HOTTEST = 1.5
COOLING = 0.02 ** (1 / SWAPS_PER_ROUND)
CLEAR_OF_HALF = 0.005
FIRST_MONTH_DAYS = 30
LAST_MONTH_DAYS = 31


class CalibrationError(RuntimeError):
    """The targets cannot be reached from the pool; the text says which step got stuck."""


@dataclass(frozen=True)
class Targets:
    """A targets file, as written."""

    seed: int
    scale: float
    strata: dict[str, int]
    sums: dict[str, int]
    quartiles: dict[str, list[float]]
    rfs_median_months: dict[str, float]
    logrank_p_above: float
    resection_groups: dict[str, int]
    at_least: dict[str, dict[str, int]]
    patients_per_site_at_least: int


def find_targets(seed: int, scale: float) -> Targets | None:
    """The targets of this seed and scale; ``None`` when it has none and needs no calibration."""
    path = HERE / f"targets_{seed}.yml"
    if not path.is_file():
        return None
    content: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    targets = Targets(**content)
    return targets if targets.scale == scale else None


def calibrated_trial(targets: Targets, sites: pd.DataFrame, tell: Callable[[str], None]) -> Tables:
    """A trial that holds every target.

    Raises:
        CalibrationError: the swaps did not reach them.
    """
    n = sum(targets.strata.values())
    tell(f"drawing a pool of {POOL_TRIALS * n} patients")
    pool = sample_trial(targets.seed, POOL_TRIALS * n, sites)
    traits = _traits(pool)
    rng = stream(targets.seed, "calibration")
    members = {name: _members(traits, name) for name in targets.strata}
    chosen = {name: members[name][:size] for name, size in targets.strata.items()}

    dlm = ("confirmed_dlm", "dlm_not_confirmed")
    _swap(rng, chosen, members, dlm, _dlm_cost(traits, targets), "lesions and survival", tell)
    without = ("operated_without_dlm", "operated_imaging_incomplete")
    _swap(rng, chosen, members, without, _baseline_cost(traits, targets), "baseline", tell)
    rest = ("not_operated",)
    _swap(rng, chosen, members, rest, _registration_cost(traits, targets), "registration", tell)
    everyone = np.concatenate([chosen[name] for name in targets.strata])
    return select_patients(pool, traits["p"].to_numpy()[everyone])


def _traits(pool: Tables) -> pd.DataFrame:
    """One row per patient of the pool with all that targets speak of, in the order drawn."""
    ids = patient_ids(pool)
    filed = file_trial(pool)
    derived = truth.derive(filed)
    frame = derived.patients.copy()
    numbers = pd.Series(ids.index, index=ids.to_numpy())
    frame["p"] = frame["patient_id"].map(numbers)
    own = derived.lesions[derived.lesions["is_baseline_lesion"]]
    confirmed = own[own["is_confirmed_dlm"]]

    def having(lesions: pd.DataFrame, condition: pd.Series) -> pd.Series:
        return frame["patient_id"].isin(lesions.loc[condition, "patient_id"])

    reason = confirmed["reference_reason"]
    frame["has_confirmed_and_visible"] = (frame["n_confirmed"] > 0) & (frame["n_visible"] > 0)
    frame["has_specimen_not_found"] = having(confirmed, reason == "specimen_not_found")
    frame["has_later_pathology"] = having(
        confirmed, confirmed["reference_standard"] == "later_pathology"
    )
    frame["has_later_resection_without_pathology"] = having(
        confirmed, reason == "resected_later_no_pathology"
    )
    frame["has_ablated_dlm"] = having(confirmed, confirmed["disposition"] == "ablated")
    frame["has_followup_short"] = having(confirmed, reason == "followup_short")
    frame["has_died_before_limit"] = having(confirmed, reason == "died_before_limit")
    frame["has_regrowth"] = having(confirmed, reason == "regrowth_at_spot")
    frame["has_second_stage_not_performed"] = frame["is_operated"] & (
        frame["planned_stages"] > frame["n_stages_performed"]
    )
    blurred = filed["followup"]["recurrence_date_precision"] != "day"
    frame["has_partial_recurrence_date"] = having(filed["followup"], blurred)
    frame["has_recurrence_before_day_zero"] = frame["recurrence_before_day_zero"]
    late = own["first_surgery_date"] - own["mri_date"] > truth.PREOP_WINDOW_DAYS
    frame["has_late_mri"] = having(own, late)
    frame["has_torn_readers"] = having(own, own["ct_is_torn"] == True)  # noqa: E712
    frame["is_ineligible"] = frame["eligible"] == "no"
    frame["is_withdrawn"] = frame["withdrawal_date"].notna()
    frame["has_died_unoperated"] = frame["os_event"] & ~frame["is_operated"]
    frame["has_progressed"] = ~frame["is_operated"] & frame["recurrence_date"].notna()
    registered = frame["registration_date"]
    frame["in_first_month"] = registered < REGISTRATION_OPENS + FIRST_MONTH_DAYS
    frame["in_last_month"] = registered > REGISTRATION_CLOSES - LAST_MONTH_DAYS
    return frame.sort_values("p", ignore_index=True)


def _members(traits: pd.DataFrame, stratum: str) -> Ints:
    """Rows of the pool that may stand in a stratum."""
    operated = traits["is_operated"]
    complete = traits["has_complete_preop_imaging"]
    clean = complete & (traits["n_unknown"] == 0) & ~traits["recurrence_before_day_zero"]
    rules = {
        "confirmed_dlm": clean & (traits["n_evaluable_confirmed"] > 0),
        "dlm_not_confirmed": clean & (traits["n_dlm"] > 0) & (traits["n_confirmed"] == 0),
        "operated_without_dlm": operated & complete & (traits["n_dlm"] == 0),
        "operated_imaging_incomplete": operated & ~complete & (traits["n_dlm"] == 0),
        "not_operated": ~operated & (traits["n_baseline_lesions"] > 0),
    }
    return np.flatnonzero(rules[stratum].to_numpy())


Chosen = dict[str, Ints]
Cost = Callable[[Chosen], float]


def _swap(
    rng: np.random.Generator,
    chosen: Chosen,
    members: Chosen,
    strata: tuple[str, ...],
    cost: Cost,
    step: str,
    tell: Callable[[str], None],
) -> None:
    """Swap members of some strata until the cost is 0; sometimes a worse trial is accepted."""
    current = cost(chosen)
    sizes = np.array([len(chosen[name]) for name in strata])
    edges = np.cumsum(sizes) / sizes.sum()
    for swap in range(MAX_SWAPS):
        if current == 0:
            tell(f"{step}: every target holds after {swap} trials of a swap")
            return
        name = strata[int(np.searchsorted(edges, rng.random(), side="right"))]
        rows = chosen[name]
        new = members[name][rng.integers(0, len(members[name]))]
        if new in rows:
            continue
        trial = rows.copy()
        trial[rng.integers(0, len(rows))] = new
        proposed = cost({**chosen, name: trial})
        heat = HOTTEST * COOLING ** (swap % SWAPS_PER_ROUND)
        if proposed <= current or rng.random() < np.exp((current - proposed) / heat):
            chosen[name], current = trial, proposed
    raise CalibrationError(
        f"{step}: targets not reached, {current:g} short after {MAX_SWAPS} swaps"
    )


def _shortfall(traits: pd.DataFrame, wanted: dict[str, int]) -> Callable[[Ints], float]:
    """How many patients are lacking for what a stratum must hold at least."""
    has = traits[list(wanted)].to_numpy(dtype=np.float64)
    least = np.array([float(number) for number in wanted.values()])

    def lacking(rows: Ints) -> float:
        return float(np.maximum(least - has[rows].sum(axis=0), 0).sum())

    return lacking


def _dlm_cost(traits: pd.DataFrame, targets: Targets) -> Cost:
    """Distance of the patients with a DLM from the lesion counts and survival targets."""
    counts = traits[list(targets.sums)].to_numpy(dtype=np.float64)
    wanted = np.array([float(number) for number in targets.sums.values()])
    group = traits["resection_group"].to_numpy(dtype=object)
    ends = {
        end: (traits[f"{end}_days"].to_numpy(), traits[f"{end}_event"].to_numpy())
        for end in ("rfs", "os")
    }
    lacking = _shortfall(traits, targets.at_least["confirmed_dlm"])

    def cost(chosen: Chosen) -> float:
        rows = np.concatenate([chosen["confirmed_dlm"], chosen["dlm_not_confirmed"]])
        total = float(np.abs(counts[rows].sum(axis=0) - wanted).sum())
        total += lacking(chosen["confirmed_dlm"])
        total += _survival_cost(chosen["confirmed_dlm"], group, ends, targets)
        return total

    return cost


def _survival_cost(
    rows: Ints, group: Any, ends: dict[str, tuple[Floats, Bools]], targets: Targets
) -> float:
    total = 0.0
    inside: dict[str, Ints] = {}
    for name, months in targets.rfs_median_months.items():
        own = rows[group[rows] == name]
        inside[name] = own
        total += max(targets.resection_groups["each_at_least"] - len(own), 0)
        days, event = ends["rfs"]
        total += _median_cost(days[own], event[own], months)
        days, event = ends["os"]
        survival = truth.survival_steps(days[own], event[own])[1]
        # Not reached: the curve stays above one half (1 patient is about 0.05 of a group).
        total += max(0.0, np.ceil((0.501 - survival.min(initial=1.0)) * 20))
    neither = len(rows) - sum(len(own) for own in inside.values())
    total += max(neither - targets.resection_groups["neither_at_most"], 0)
    if total == 0:
        both = np.concatenate(list(inside.values()))
        first = np.isin(both, inside["all_resected"])
        for days, event in ends.values():
            p = truth.logrank_p(days[both], event[both], first)
            total += 0.0 if p > targets.logrank_p_above else 1.0
    return total


def _median_cost(days: Floats, event: Bools, months: float) -> float:
    """By how many patients a curve misses its median; 0 only where it prints as the target.

    Survival must be above one half before the days that print so and below it after them: never
    at exactly one half, where programs do not agree on the median.
    """
    low, high = _days_that_print(months)
    times, survival = truth.survival_steps(days, event)
    curve = np.concatenate([[1.0], survival])
    before = curve[np.searchsorted(times, low, side="left")]
    after = curve[np.searchsorted(times, high, side="right")]
    miss = max(0.0, 0.5 + CLEAR_OF_HALF - before) + max(0.0, after - 0.5 + CLEAR_OF_HALF)
    lacks_event = not np.any(event & (days >= low) & (days <= high))
    return float(2 * len(days) * miss + 2 * lacks_event)


@cache
def _days_that_print(months: float) -> tuple[int, int]:
    """First and last whole day that is the given number of months at one decimal."""
    around = range(int((months - 1) * truth.DAYS_PER_MONTH), int((months + 1) * 31) + 1)
    days = [day for day in around if round(day / truth.DAYS_PER_MONTH, 1) == months]
    return days[0], days[-1]


def _baseline_cost(traits: pd.DataFrame, targets: Targets) -> Cost:
    """Distance of the operated patients from the quartiles of Table 1."""
    lacking = _shortfall(traits, targets.at_least["operated_without_dlm"])
    values = {name: traits[name].to_numpy(dtype=np.float64) for name in targets.quartiles}
    strata = [name for name in targets.strata if name != "not_operated"]

    def cost(chosen: Chosen) -> float:
        rows = np.concatenate([chosen[name] for name in strata])
        total = lacking(chosen["operated_without_dlm"])
        for name, quartiles in targets.quartiles.items():
            total += _quartile_cost(np.sort(values[name][rows]), quartiles)
        return total

    return cost


def _quartile_cost(ordered: Floats, quartiles: list[float]) -> float:
    """Distance of the two values around each type 7 quartile from what gives the target."""
    total = 0.0
    for share, target in zip((0.25, 0.5, 0.75), quartiles, strict=True):
        position = share * (len(ordered) - 1)
        low, high = int(np.floor(position)), int(np.ceil(position))
        total += abs(ordered[low] - np.floor(target)) + abs(ordered[high] - np.ceil(target))
    return total


def _registration_cost(traits: pd.DataFrame, targets: Targets) -> Cost:
    """What is lacking of sites, of the first and last month, and of reasons not to operate."""
    lacking = _shortfall(traits, targets.at_least["not_operated"])
    site = traits["site_id"].astype("category").cat.codes.to_numpy()
    least = targets.patients_per_site_at_least
    n_sites = int(site.max()) + 1

    def cost(chosen: Chosen) -> float:
        rows = np.concatenate(list(chosen.values()))
        per_site = np.bincount(site[rows], minlength=n_sites)
        return lacking(chosen["not_operated"]) + float(np.maximum(least - per_site, 0).sum())

    return cost
