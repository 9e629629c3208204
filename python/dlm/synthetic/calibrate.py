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

from dlm.synthetic import truth
from dlm.synthetic.common import Bools, Floats, Ints, Tables, stream
from dlm.synthetic.patients import REGISTRATION_CLOSES, REGISTRATION_OPENS
from dlm.synthetic.sample import file_trial, patient_ids, sample_trial, select_patients
from dlm.yaml_text import load_yaml

HERE = Path(__file__).parent
POOL_TRIALS = 80
# Patients who were not operated on have few targets: so many times the number wanted will do.
NOT_OPERATED_SPARES = 5
MAX_SWAPS = 40_000
# How readily a draw is taken that leads away from the targets: e times less per patient and HEAT.
HEAT = 0.5
CLEAR_OF_HALF = 0.005
FIRST_MONTH_DAYS = 30
LAST_MONTH_DAYS = 31


Chosen = dict[str, Ints]
Cost = Callable[[Chosen], float]


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


@dataclass(frozen=True)
class Step:
    """Kinds of patients that are swapped together, and what they must come to.

    Attributes:
        name: for messages.
        strata: the kinds of patients.
        counts: per patient of the pool, what sums are taken of.
        low: smallest sum allowed of each.
        high: largest sum allowed of each.
        joint: cost, in patients, of what is not a sum; 0 when it holds.
    """

    name: str
    strata: tuple[str, ...]
    counts: Floats
    low: Floats
    high: Floats
    joint: Cost

    def distance(self, sums: Floats) -> Floats:
        """How far sums are from what is allowed, added up over the last axis."""
        off = np.maximum(self.low - sums, 0) + np.maximum(sums - self.high, 0)
        return np.asarray(off.sum(axis=-1), dtype=np.float64)


def find_targets(seed: int, scale: float) -> Targets | None:
    """The targets of this seed and scale; ``None`` when it has none and needs no calibration."""
    path = HERE / f"targets_{seed}.yml"
    if not path.is_file():
        return None
    content: dict[str, Any] = load_yaml(path.read_text(encoding="utf-8"))
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
    spare = NOT_OPERATED_SPARES * targets.strata["not_operated"]
    operated = pool["registration"]["_fate"] == "operated"
    kept = operated | ((~operated).cumsum() <= spare)
    pool = select_patients(pool, pool["registration"].loc[kept, "p"].to_numpy())
    traits = _traits(pool)
    rng = stream(targets.seed, "calibration")
    members = {name: _members(traits, name) for name in targets.strata}
    chosen = {name: members[name][:size] for name, size in targets.strata.items()}

    for step in _steps(traits, targets):
        _swap(rng, chosen, members, step, tell)
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
    frame["has_torn_readers"] = having(own, own["ct_is_torn"])
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
    has_lesions = traits["n_baseline_lesions"] > 0
    operated = traits["is_operated"] & has_lesions
    complete = traits["has_complete_preop_imaging"]
    clean = complete & (traits["n_unknown"] == 0) & ~traits["recurrence_before_day_zero"]
    rules = {
        "confirmed_dlm": clean & (traits["n_evaluable_confirmed"] > 0),
        "dlm_not_confirmed": clean & (traits["n_dlm"] > 0) & (traits["n_confirmed"] == 0),
        "operated_without_dlm": operated & complete & (traits["n_dlm"] == 0),
        "operated_imaging_incomplete": operated & ~complete & (traits["n_dlm"] == 0),
        "not_operated": ~traits["is_operated"] & has_lesions,
    }
    return np.flatnonzero(rules[stratum].to_numpy())


def _steps(traits: pd.DataFrame, targets: Targets) -> tuple[Step, ...]:
    """What is swapped for what, one kind of patient after the other."""
    return (
        _step(
            "patients with a DLM",
            ("confirmed_dlm", "dlm_not_confirmed"),
            traits,
            targets.sums,
            targets.at_least["with_dlm"],
            _survival_cost(traits, targets),
        ),
        _step(
            "operated without a DLM",
            ("operated_without_dlm", "operated_imaging_incomplete"),
            traits,
            {},
            targets.at_least["operated_without_dlm"],
            _baseline_cost(traits, targets),
        ),
        _step(
            "not operated",
            ("not_operated",),
            traits,
            {},
            targets.at_least["not_operated"],
            _site_cost(traits, targets),
        ),
    )


def _step(
    name: str,
    strata: tuple[str, ...],
    traits: pd.DataFrame,
    exactly: dict[str, int],
    at_least: dict[str, int],
    joint: Cost,
) -> Step:
    """A step whose sums must be exact for some traits and large enough for others."""
    low = np.array([float(number) for number in (*exactly.values(), *at_least.values())])
    high = np.concatenate([low[: len(exactly)], np.full(len(at_least), np.inf)])
    counts = traits[[*exactly, *at_least]].to_numpy(dtype=np.float64)
    return Step(name, strata, counts, low, high, joint)


def _swap(
    rng: np.random.Generator,
    chosen: Chosen,
    members: Chosen,
    step: Step,
    tell: Callable[[str], None],
) -> None:
    """Swap patients of a step until its sums hold and its joint cost is 0 (Gibbs sampling).

    One patient after the other, chosen at random, is drawn anew from all of its kind, each the
    likelier the nearer it brings the sums; what is not a sum then accepts or refuses the draw.
    """
    joint = step.joint(chosen)
    sums = step.counts[np.concatenate([chosen[name] for name in step.strata])].sum(axis=0)
    edges = np.cumsum([len(chosen[name]) for name in step.strata])
    for swap in range(MAX_SWAPS):
        if joint == 0 and step.distance(sums) == 0:
            tell(f"{step.name}: every target holds after {swap} draws")
            return
        place = int(rng.integers(0, edges[-1]))
        name = step.strata[int(np.searchsorted(edges, place, side="right"))]
        rows, pool = chosen[name], members[name]
        place %= len(rows)
        without = sums - step.counts[rows[place]]
        distance = step.distance(without + step.counts[pool])
        taken = np.delete(rows, place)
        distance[np.isin(pool, taken)] = np.inf
        weight = np.cumsum(np.exp((distance.min() - distance) / HEAT))
        new = pool[np.searchsorted(weight, rng.random() * weight[-1], side="right")]
        trial = rows.copy()
        trial[place] = new
        proposed = step.joint({**chosen, name: trial})
        if proposed <= joint or rng.random() < np.exp((joint - proposed) / HEAT):
            chosen[name], joint = trial, proposed
            sums = without + step.counts[new]
    raise CalibrationError(f"{step.name}: targets not reached after {MAX_SWAPS} draws")


def _survival_cost(traits: pd.DataFrame, targets: Targets) -> Cost:
    """Distance of the patients with a confirmed DLM from the survival targets."""
    group = traits["resection_group"].to_numpy(dtype=object)
    rfs, survival = (
        (traits[f"{end}_days"].to_numpy(), traits[f"{end}_event"].to_numpy())
        for end in ("rfs", "os")
    )
    least = targets.resection_groups["each_at_least"]

    def cost(chosen: Chosen) -> float:
        rows = chosen["confirmed_dlm"]
        groups = [rows[group[rows] == name] for name in targets.rfs_median_months]
        total = 0.0
        for own, months in zip(groups, targets.rfs_median_months.values(), strict=True):
            total += max(least - len(own), 0)
            total += _median_cost(rfs[0][own], rfs[1][own], months)
            curve = truth.survival_steps(survival[0][own], survival[1][own])[1]
            # Not reached: the curve stays above one half.
            total += max(0.0, 0.5 + CLEAR_OF_HALF - curve.min(initial=1.0)) * len(own)
        neither = len(rows) - sum(len(own) for own in groups)
        total += max(neither - targets.resection_groups["neither_at_most"], 0)
        if total == 0:
            both = np.concatenate(groups)
            first = np.isin(both, groups[0])
            for days, event in (rfs, survival):
                p = truth.logrank_p(days[both], event[both], first)
                total += 0.0 if p > targets.logrank_p_above else 1.0
        return total

    return cost


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
    values = {name: traits[name].to_numpy(dtype=np.float64) for name in targets.quartiles}
    strata = [name for name in targets.strata if name != "not_operated"]

    def cost(chosen: Chosen) -> float:
        rows = np.concatenate([chosen[name] for name in strata])
        return sum(
            _quartile_cost(np.sort(values[name][rows]), quartiles)
            for name, quartiles in targets.quartiles.items()
        )

    return cost


def _quartile_cost(ordered: Floats, quartiles: list[float]) -> float:
    """Distance of the two values around each type 7 quartile from what gives the target."""
    total = 0.0
    for share, target in zip((0.25, 0.5, 0.75), quartiles, strict=True):
        position = share * (len(ordered) - 1)
        low, high = int(np.floor(position)), int(np.ceil(position))
        total += abs(ordered[low] - np.floor(target)) + abs(ordered[high] - np.ceil(target))
    return total


def _site_cost(traits: pd.DataFrame, targets: Targets) -> Cost:
    """Patients that sites lack."""
    site = traits["site_id"].astype("category").cat.codes.to_numpy()
    least = targets.patients_per_site_at_least
    n_sites = int(site.max()) + 1

    def cost(chosen: Chosen) -> float:
        per_site = np.bincount(site[np.concatenate(list(chosen.values()))], minlength=n_sites)
        return float(np.maximum(least - per_site, 0).sum())

    return cost
