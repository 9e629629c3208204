"""Operation stages, what was done to each lesion, and what pathology found in the specimens."""

from __future__ import annotations

import numpy as np
import pandas as pd

from dlm.synthetic.common import (
    Bools,
    Floats,
    Texts,
    chance,
    pick,
    where,
    where_number,
    whole,
)
from dlm.synthetic.lesions import LEFT_SEGMENTS

SPECIMEN_MEASURES = ["viable_pct", "necrosis_pct", "fibrosis_pct", "mucin_pct", "path_size", "trg"]


def sample_stages(rng: np.random.Generator, patients: pd.DataFrame) -> pd.DataFrame:
    """One row per patient with the stages as they went; ``nan`` dates where nothing was done.

    Columns: ``p``, ``_planned``, ``_first``, ``_second``, ``_day_zero``, ``_recorded`` (a surgery
    form was filled in, if only to say that the operation did not take place).
    """
    n = len(patients)
    fate = patients["_fate"].to_numpy(dtype=object)
    operated = fate == "operated"
    many = patients["_n_lesions"].to_numpy() >= 4
    planned = np.where(many & chance(rng, n, 0.27), 2.0, 1.0)
    first = patients["chemo_end_date"].to_numpy() + whole(rng, n, 28, 56)
    first = np.where(operated, first, np.nan)
    done_twice = operated & (planned == 2) & chance(rng, n, 0.8)
    second = np.where(done_twice, first + whole(rng, n, 28, 75), np.nan)
    between = done_twice & chance(rng, n, 0.09)
    frame = pd.DataFrame({"p": patients["p"].to_numpy()})
    frame["_planned"] = planned
    frame["_first"] = first
    frame["_second"] = second
    frame["_day_zero"] = np.where(done_twice, second, first)
    gap = second - first
    recurrence = first + np.floor(14 + rng.random(n) * (gap - 20))
    frame["_recurrence_between"] = np.where(between, recurrence, np.nan)
    frame["_recorded"] = operated | (fate == "unresectable")
    return frame


def sample_dispositions(
    rng: np.random.Generator, patients: pd.DataFrame, lesions: pd.DataFrame, stages: pd.DataFrame
) -> pd.DataFrame:
    """One row per lesion of an operated patient and stage at which it was dealt with.

    ``_final`` marks the row that stands: the greatest stage performed.
    """
    strategy = _left_strategy(rng, len(patients))
    chosen = lesions.merge(stages, on="p", sort=False)
    chosen["_strategy"] = strategy[chosen["p"].to_numpy()]
    chosen = chosen[chosen["_first"].notna()].reset_index(drop=True)
    action, reason = _actions(rng, chosen)
    two_planned = (chosen["_planned"] == 2).to_numpy()
    done_twice = chosen["_second"].notna().to_numpy()
    right_side = ~chosen["segment"].isin(LEFT_SEGMENTS).to_numpy()
    waits = two_planned & right_side

    first = _rows(chosen, 1.0, where(waits, "left_in_place", action))
    first["action_reason"] = where(waits, "planned for second stage", reason)
    first["_final"] = ~(waits & done_twice)
    second_mask = waits & done_twice
    second = _rows(chosen[second_mask], 2.0, action[second_mask])
    second["action_reason"] = reason[second_mask]
    second["_final"] = True
    frame = pd.concat([first, second], ignore_index=True)
    # A specimen holds every lesion of one segment taken out at one stage.
    specimen = "S" + frame["stage"].astype(int).astype(str) + "-" + frame["segment"]
    specimen = specimen.str.replace("+", "", regex=False).str.upper()
    frame["_specimen"] = where((frame["action"] == "resected").to_numpy(), specimen, "")
    return frame.sort_values(["p", "lesion_no", "stage"], ignore_index=True)


def _left_strategy(rng: np.random.Generator, n: int) -> Floats:
    """How ready a patient's surgeon is to leave what cannot be seen: rarely or mostly."""
    return np.where(chance(rng, n, 0.55), 0.02, 0.3 + 0.6 * rng.random(n))


def _actions(rng: np.random.Generator, chosen: pd.DataFrame) -> tuple[Texts, Texts]:
    n = len(chosen)
    ct_gone = chosen["_ct_gone"].to_numpy()
    mri_gone = chosen["_mri_gone"].to_numpy()
    us_gone = chosen["_us_gone"].to_numpy()
    p_left = np.where(mri_gone, chosen["_strategy"].to_numpy(), np.where(ct_gone, 0.06, 0.005))
    p_left = np.where(us_gone, p_left, p_left * 0.4)
    left = chance(rng, n, p_left)
    small = chosen["_size"].to_numpy() <= 25
    p_ablated = np.where(ct_gone, 0.05, np.where(small, 0.07, 0.01))
    ablated = ~left & chance(rng, n, p_ablated)
    action = where(left, "left_in_place", where(ablated, "ablated", "resected"))
    reason_left = where(us_gone, "not found at surgery", "remnant liver too small")
    reason = where(left, reason_left, where(ablated, "deep lesion", ""))
    blind = (action == "resected") & us_gone
    return action, where(blind, "resected with its segment", reason)


def _rows(chosen: pd.DataFrame, stage: float, action: Texts) -> pd.DataFrame:
    frame = chosen[["p", "lesion_no", "segment", "_dead", "_ct_gone", "_size_after"]].copy()
    frame["stage"] = stage
    frame["action"] = action
    date = chosen["_first"] if stage == 1 else chosen["_second"]
    frame["_stage_date"] = date.to_numpy()
    frame["_day_zero"] = chosen["_day_zero"].to_numpy()
    return frame


def build_surgery(
    rng: np.random.Generator, stages: pd.DataFrame, dispositions: pd.DataFrame
) -> pd.DataFrame:
    """The surgery form: one row per patient and planned stage, performed or not."""
    recorded = stages[stages["_recorded"]]
    first = recorded[["p", "_planned", "_first"]].rename(columns={"_first": "surgery_date"})
    first["stage"] = 1.0
    two = recorded[(recorded["_planned"] == 2) & recorded["_first"].notna()]
    second = two[["p", "_planned", "_second"]].rename(columns={"_second": "surgery_date"})
    second["stage"] = 2.0
    frame = pd.concat([first, second], ignore_index=True)
    frame = frame.rename(columns={"_planned": "planned_stages"})
    frame = frame.sort_values(["p", "stage"], ignore_index=True)
    n = len(frame)
    done = frame["surgery_date"].notna().to_numpy()
    frame["performed"] = np.where(done, "yes", "no").astype(object)

    removed = _segments_removed(dispositions)
    frame = frame.merge(removed, on=["p", "stage"], how="left", sort=False)
    frame["segments_removed"] = frame["segments_removed"].fillna("")
    cut = frame["segments_removed"].str.count(r"\+").to_numpy() + 1
    none_cut = (frame["segments_removed"] == "").to_numpy()
    size_of_cut = where(cut >= 4, "major_hepatectomy", where(cut >= 2, "minor_hepatectomy", ""))
    size_of_cut = where(size_of_cut == "", "metastasectomy", size_of_cut)
    procedure = where(none_cut, "ablation_only", size_of_cut)
    ablated = dispositions[dispositions["action"] == "ablated"][["p", "stage"]].drop_duplicates()
    any_ablated = frame.merge(ablated.assign(_ablated=True), on=["p", "stage"], how="left")[
        "_ablated"
    ].notna()
    procedure = where(none_cut & ~any_ablated.to_numpy(), "exploration", procedure)
    frame["procedure"] = where(done, procedure, "")
    r_status = pick(rng, n, ("R0", "R1", "R2", "RX"), (0.78, 0.18, 0.01, 0.03))
    frame["r_status"] = where(done, where(none_cut, "RX", r_status), "")
    duration = np.clip(np.round(170 + 28 * cut + 55 * rng.standard_normal(n)), 75, 780)
    frame["duration_min"] = np.where(done, duration, np.nan)
    blood = np.clip(np.round(np.exp(5.6 + 0.8 * rng.standard_normal(n)) / 10) * 10, 10, 5200)
    frame["blood_loss_ml"] = np.where(done & ~chance(rng, n, 0.02), blood, np.nan)
    return frame


def _segments_removed(dispositions: pd.DataFrame) -> pd.DataFrame:
    """Union of the segments of the lesions resected at a stage, as ``4a+6+7``."""
    resected = dispositions[dispositions["action"] == "resected"]
    kind, named = pd.factorize(resected["segment"])
    single = sorted({part for name in named for part in name.split("+")})
    # Each segment is a bit, so that a union of segments is a number.
    bits = np.asarray(
        [sum(1 << single.index(part) for part in name.split("+")) for name in named], dtype=np.int64
    )
    key = resected["p"].to_numpy() * 2 + (resected["stage"].to_numpy() == 2)
    group, keys = pd.factorize(key, sort=True)
    union = np.zeros(len(keys), dtype=np.int64)
    np.bitwise_or.at(union, group, bits[kind])
    mask, masks = pd.factorize(union)
    texts = ["+".join(part for at, part in enumerate(single) if one >> at & 1) for one in masks]
    removed = np.asarray(texts or [""], dtype=object)[mask]
    return pd.DataFrame({"p": keys // 2, "stage": 1.0 + keys % 2, "segments_removed": removed})


def build_pathology(
    rng: np.random.Generator, dispositions: pd.DataFrame, slips: float = 1.0
) -> pd.DataFrame:
    """Pathology of the resected lesions, one row per lesion and specimen.

    A few specimens were found but could not be judged: a destroyed block, a fragmented slice.
    """
    resected = dispositions[dispositions["action"] == "resected"].reset_index(drop=True)
    n = len(resected)
    unjudged = chance(rng, n, 0.006)
    frame = specimen_rows(
        rng,
        resected["p"].to_numpy(),
        resected["lesion_no"].to_numpy(),
        _report_dates(rng, resected),
        resected["_dead"].to_numpy(),
        resected["_size_after"].to_numpy(),
        lost=chance(rng, n, slips * np.where(resected["_ct_gone"].to_numpy(), 0.07, 0.004)),
    )
    frame.loc[unjudged, "specimen_found"] = "yes"
    frame.loc[unjudged, "viable_cells"] = "not_evaluable"
    frame.loc[unjudged, SPECIMEN_MEASURES] = np.nan
    frame["_specimen"] = resected["_specimen"]
    return frame


def _report_dates(rng: np.random.Generator, resected: pd.DataFrame) -> Floats:
    """Day of the pathology report: one for all specimens of a stage."""
    stage = resected.groupby(["p", "stage"], sort=False).ngroup().to_numpy()
    delay = whole(rng, int(stage.max(initial=-1)) + 1, 4, 21)
    return np.asarray(resected["_stage_date"].to_numpy() + delay[stage], dtype=np.float64)


def specimen_rows(
    rng: np.random.Generator,
    p: np.ndarray,
    lesion_no: Floats,
    day: Floats,
    dead: Bools,
    size: Floats,
    lost: Bools,
) -> pd.DataFrame:
    """Pathology rows for lesions: found or not, viable or not, shares that add up to 100."""
    n = len(p)
    frame = pd.DataFrame({"p": p, "lesion_no": lesion_no, "pathology_date": day})
    unclear = ~lost & chance(rng, n, 0.015)
    known = ~lost & ~unclear
    frame["specimen_found"] = np.where(lost, "no", "yes").astype(object)
    verdict = where(dead, "no", "yes")
    frame["viable_cells"] = where(known, verdict, "not_evaluable")
    viable = np.where(
        dead, 0.0, np.clip(np.round(np.exp(3.4 + 0.8 * rng.standard_normal(n))), 1, 95)
    )
    rest = 100 - viable
    necrosis = np.floor(rest * (0.1 + 0.4 * rng.random(n)))
    mucin = np.floor((rest - necrosis) * where_number(chance(rng, n, 0.12), 0.3, 0.0))
    fibrosis = rest - necrosis - mucin
    for name, value in (
        ("viable_pct", viable),
        ("necrosis_pct", necrosis),
        ("fibrosis_pct", fibrosis),
        ("mucin_pct", mucin),
    ):
        frame[name] = np.where(known, value, np.nan)
    left = np.maximum(2.0, np.round(size * (0.6 + 0.6 * rng.random(n))))
    frame["path_size"] = np.where(known & ~dead, left, np.nan)
    grade = np.clip(2 + np.floor(viable / 25), 2, 5)
    frame["trg"] = np.where(known, np.where(dead, 1.0, grade), np.nan)
    return frame
