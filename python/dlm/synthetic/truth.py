"""What the marts should recover, derived from the forms once more and without SQL.

This is the oracle of the tests: the derivation rules of the trial (version 1), written
independently of the models. It reads canonical forms (see ``common``) and knows nothing of how they
were sampled. Every function names the rule it follows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from dlm.synthetic.common import (
    LESION,
    Bools,
    Floats,
    Tables,
    Texts,
    date_bounds,
    day_date,
    text,
    used_dates,
    where,
)

PREOP_WINDOW_DAYS = 42
REFERENCE_DAYS = 730
DAYS_PER_MONTH = 30.4375
ROLE_RANK = {"adjudicator": 0, "central": 1, "local": 2}
DETERMINATE = ("viable", "nonviable")


@dataclass(frozen=True)
class Derived:
    """One row per patient and one per lesion record, with every derived flag."""

    patients: pd.DataFrame
    lesions: pd.DataFrame


def derive(tables: Tables) -> Derived:
    """Apply the derivation rules to the forms."""
    followup, outcome = tables["followup"], tables["outcome"]
    recurrence = followup["recurrence_date"], followup["recurrence_date_precision"]
    first, last = date_bounds(*recurrence)
    followup = followup.assign(
        recurrence_date=used_dates(*recurrence), recurrence_first=first, recurrence_last=last
    )
    death = outcome["death_date"], outcome["death_date_precision"]
    outcome = outcome.assign(death_date=used_dates(*death), death_last=date_bounds(*death)[1])
    stages = _stages(tables["surgery"])
    final = _final_dispositions(tables["disposition"], stages)
    reads = _accepted_reads(tables["read"], tables["registration"], stages, final)
    lesions = _lesions(tables["lesion"], reads, stages, final)
    lesions = _reference(lesions, tables["pathology"], followup, outcome)
    lesions = _evaluable(lesions)
    patients = _patients(tables["registration"], lesions, stages, tables["surgery"])
    return Derived(_endpoints(patients, followup, outcome), lesions)


def _stages(surgery: pd.DataFrame) -> pd.DataFrame:
    """First performed stage and day 0, the last performed one, per operated patient (rule 3)."""
    done = surgery[(surgery["performed"] == "yes") & surgery["surgery_date"].notna()]
    done = done.sort_values(["patient_id", "stage"])
    grouped = done.groupby("patient_id")
    return pd.DataFrame(
        {
            "first_surgery_date": grouped["surgery_date"].min(),
            "surgery_date": grouped["surgery_date"].last(),
            "n_stages_performed": grouped.size(),
        }
    ).reset_index()


def _final_dispositions(disposition: pd.DataFrame, stages: pd.DataFrame) -> pd.DataFrame:
    """The disposition standing at day 0 (rule 3).

    That of the greatest stage performed that tells one; what was resected stays so, from the first
    stage that resected it.
    """
    removed = (disposition["action"] == "resected").to_numpy()
    ranked = disposition.assign(
        _weight=removed * 2 + (disposition["action"] != ""),
        _order=np.where(removed, -disposition["stage"], disposition["stage"]),
    )
    last = ranked.sort_values([*LESION, "_weight", "_order"]).drop_duplicates(LESION, keep="last")
    last = last[last["patient_id"].isin(stages["patient_id"])]
    return last[[*LESION, "action", "stage"]].rename(
        columns={"action": "disposition", "stage": "disposition_stage"}
    )


def _accepted_reads(
    read: pd.DataFrame, registration: pd.DataFrame, stages: pd.DataFrame, final: pd.DataFrame
) -> pd.DataFrame:
    """The accepted read per lesion, modality and timepoint.

    Of the latest exam in the window: adjudicator, else central, else local; local readers who
    disagree make it not evaluable; ties by reader id. An exam that was not done only counts where
    there is no other.
    """
    keys = [*LESION, "modality", "timepoint"]
    needed = [*keys, "read_date", "verdict", "conditions_met", "reader_id", "reader_role"]
    frame = read.loc[read["timepoint"] != "followup", needed]
    frame = frame.merge(
        registration[["patient_id", "chemo_start_date"]], on="patient_id", how="left"
    )
    frame = frame.merge(stages, on="patient_id", how="left")
    frame = frame.merge(final, on=LESION, how="left")
    stage_date = np.where(
        frame["disposition_stage"] == 1, frame["first_surgery_date"], frame["surgery_date"]
    )
    timepoint, date = frame["timepoint"], frame["read_date"]
    in_window = (
        ((timepoint == "baseline") & ~(date > frame["chemo_start_date"]))
        | ((timepoint == "preop") & ~(date > frame["first_surgery_date"]))
        | ((timepoint == "intraop") & (date == stage_date))
    )
    said = frame["verdict"].isin(["visible", "not_visible", "not_evaluable"]) & date.notna()
    done = frame[in_window & said].copy()
    done = done[done["read_date"] == done.groupby(keys)["read_date"].transform("max")]
    done["rank"] = done["reader_role"].map(ROLE_RANK)
    done = done[done["rank"] == done.groupby(keys)["rank"].transform("min")]
    opinions = done.groupby(keys)["verdict"].transform("nunique")
    torn = ((done["reader_role"] == "local") & (opinions > 1)).to_numpy()
    done["is_torn"] = torn
    done["verdict"] = where(torn, "not_evaluable", done["verdict"])
    accepted = done.sort_values([*keys, "reader_id"]).drop_duplicates(keys)
    absent = frame[frame["verdict"] == "not_done"].drop_duplicates(keys)
    both = pd.concat([accepted, absent], ignore_index=True).drop_duplicates(keys)
    return both[[*keys, "verdict", "read_date", "conditions_met", "is_torn"]]


def _lesions(
    lesion: pd.DataFrame, reads: pd.DataFrame, stages: pd.DataFrame, final: pd.DataFrame
) -> pd.DataFrame:
    frame = lesion[[*LESION, "segment", "baseline_size"]]
    for timepoint, modality, name in (
        ("baseline", "CT", "baseline_ct"),
        ("baseline", "MRI", "baseline_mri"),
        ("preop", "CT", "ct"),
        ("preop", "MRI", "mri"),
        ("intraop", "IOUS", "ious"),
        ("intraop", "CEIOUS", "ceious"),
    ):
        part = reads[(reads["timepoint"] == timepoint) & (reads["modality"] == modality)]
        part = part[[*LESION, "verdict", "read_date", "conditions_met", "is_torn"]].rename(
            columns={
                "verdict": f"{name}_verdict",
                "read_date": f"{name}_date",
                "conditions_met": f"{name}_conditions",
                "is_torn": f"{name}_is_torn",
            }
        )
        frame = frame.merge(part, on=LESION, how="left")
        frame[f"{name}_verdict"] = frame[f"{name}_verdict"].fillna("missing")
        frame[f"{name}_is_torn"] = frame[f"{name}_is_torn"].eq(True)
    frame = frame.merge(stages, on="patient_id", how="left").merge(final, on=LESION, how="left")
    frame["is_operated"] = frame["surgery_date"].notna()
    seen = (frame["baseline_ct_verdict"] == "visible") | (
        frame["baseline_mri_verdict"] == "visible"
    )
    frame["is_baseline_lesion"] = seen
    gone = (frame["ct_verdict"] == "not_visible") & seen & frame["is_operated"]
    frame["is_dlm"] = gone
    frame["is_confirmed_dlm"] = gone & (frame["mri_verdict"] == "not_visible")
    visible = gone & (frame["mri_verdict"] == "visible")
    known = where(frame["is_confirmed_dlm"].to_numpy(), "confirmed", "mri_unknown")
    group = where(visible.to_numpy(), "mri_visible", known)
    frame["mri_group"] = where(gone.to_numpy(), group, "")
    return frame


def _reference(
    lesions: pd.DataFrame,
    pathology: pd.DataFrame,
    followup: pd.DataFrame,
    outcome: pd.DataFrame,
) -> pd.DataFrame:
    """The truth of each lesion, its standard and the reason (rules 1 and 2)."""
    frame = lesions.copy()
    left = (frame["disposition"] == "left_in_place").to_numpy()
    later = followup[followup["later_treatment"] == "resected"]
    removed = later.groupby(LESION)["later_treatment_date"].min().rename("later_resection_date")
    frame, perhaps_regrown = _regrowths(frame, followup)
    frame = frame.merge(removed.reset_index(), on=LESION, how="left")
    imaged = followup.groupby("patient_id")["imaging_date"].max().rename("last_imaging_date")
    frame = frame.merge(imaged.reset_index(), on="patient_id", how="left")
    frame = frame.merge(
        outcome[["patient_id", "death_date", "death_last"]], on="patient_id", how="left"
    )

    slides = pathology.sort_values([*LESION, "pathology_date", "specimen_id"])
    slides = slides[[*LESION, "pathology_date", "specimen_found", "viable_cells"]]
    at_surgery = slides.drop_duplicates(LESION)
    frame = frame.merge(at_surgery, on=LESION, how="left")
    resected = (frame["disposition"] == "resected").to_numpy()
    taken_later = left & frame["later_resection_date"].notna().to_numpy()
    has_later = taken_later & (frame["pathology_date"] >= frame["later_resection_date"]).to_numpy()
    verdict, reason = _from_slides(frame)
    on_slides = resected | has_later

    standard = where(resected, "pathology", "later_pathology")
    standard = where(reason == "no_pathology", "none", standard)

    limit = frame["surgery_date"].to_numpy() + REFERENCE_DAYS
    grew = frame["regrowth_last"].to_numpy() <= limit
    may_have_grown = frame["regrowth_first"].to_numpy() <= limit
    watched_until = _last_look(frame, followup)
    followed = watched_until - frame["surgery_date"].to_numpy() >= REFERENCE_DAYS
    died = frame["death_last"].to_numpy() < limit
    rules: list[tuple[Bools, str | Texts, str | Texts, str | Texts]] = [
        (~frame["is_operated"].to_numpy(), "indeterminate", "no_surgery", "none"),
        (on_slides, verdict, reason, standard),
        (left & grew, "viable", "regrowth_at_spot", "imaging_followup"),
        (left & may_have_grown, "indeterminate", "regrowth_date_uncertain", "imaging_followup"),
        (perhaps_regrown, "indeterminate", "regrowth_lesion_unknown", "imaging_followup"),
        (left & followed, "nonviable", "no_regrowth_by_limit", "imaging_followup"),
        (taken_later, "indeterminate", "resected_later_no_pathology", "none"),
        (left & died, "indeterminate", "died_before_limit", "imaging_followup"),
        (left, "indeterminate", "followup_short", "imaging_followup"),
        (
            frame["disposition"].eq("ablated").to_numpy(),
            "indeterminate",
            "ablated_no_specimen",
            "none",
        ),
    ]
    n = len(frame)
    frame["reference_verdict"] = text(n, "indeterminate")
    frame["reference_reason"] = text(n, "no_disposition")
    frame["reference_standard"] = text(n, "none")
    for condition, *values in reversed(rules):
        for what, value in zip(("verdict", "reason", "standard"), values, strict=True):
            column = f"reference_{what}"
            frame[column] = where(condition, value, frame[column])
    return frame


def _regrowths(lesions: pd.DataFrame, followup: pd.DataFrame) -> tuple[pd.DataFrame, Bools]:
    """First and last day the first regrowth of each lesion can lie on; whose spot it may be.

    A regrowth that names no lesion is that of the only one left in its patient; of several left
    each may be the one, if it can lie within the limit.
    """
    spot = followup[followup["recurrence_place"] == "at_spot"]
    bounds = ["recurrence_first", "recurrence_last"]
    names = {"recurrence_first": "regrowth_first", "recurrence_last": "regrowth_last"}
    named = spot.groupby(LESION)[bounds].min().rename(columns=names).reset_index()
    frame = lesions.merge(named, on=LESION, how="left")
    left = (frame["disposition"] == "left_in_place").to_numpy()
    n_left = frame["patient_id"].map(frame[left].groupby("patient_id").size()).to_numpy()
    unnamed = spot[spot["lesion_no"].isna()].groupby("patient_id")[bounds].min()
    for bound in bounds:
        told = frame["patient_id"].map(unnamed[bound]).to_numpy(dtype=np.float64)
        own = frame[names[bound]].to_numpy()
        frame[names[bound]] = np.where(left & (n_left == 1), np.fmin(own, told), own)
    told = frame["patient_id"].map(unnamed["recurrence_first"]).to_numpy(dtype=np.float64)
    in_time = told <= frame["surgery_date"].to_numpy() + REFERENCE_DAYS
    return frame, np.asarray(left & (n_left > 1) & in_time)


def _last_look(lesions: pd.DataFrame, followup: pd.DataFrame) -> Floats:
    """Last imaging that still shows a left lesion: none after its spot was treated."""
    treated = followup[followup["later_treatment"].isin(["resected", "ablated"])]
    treatment = treated.groupby(LESION)["later_treatment_date"].min().rename("treated_date")
    frame = lesions[[*LESION, "last_imaging_date"]].merge(
        treatment.reset_index(), on=LESION, how="left"
    )
    exams = frame.loc[frame["treated_date"].notna(), [*LESION, "treated_date"]].merge(
        followup[["patient_id", "imaging_date"]], on="patient_id"
    )
    before = exams[exams["imaging_date"] <= exams["treated_date"]]
    looked = before.groupby(LESION)["imaging_date"].max().rename("looked_date")
    frame = frame.merge(looked.reset_index(), on=LESION, how="left")
    last = np.where(frame["treated_date"].isna(), frame["last_imaging_date"], frame["looked_date"])
    return np.asarray(last, dtype=np.float64)


def _from_slides(frame: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Verdict and reason of the specimen (rule 2)."""
    cells = frame["viable_cells"]
    none = frame["pathology_date"].isna().to_numpy()
    lost = (frame["specimen_found"] == "no").to_numpy()
    reason = where((cells == "yes").to_numpy(), "viable_cells", "pathology_not_evaluable")
    reason = where((cells == "no").to_numpy(), "no_viable_cells", reason)
    reason = where(lost, "specimen_not_found", reason)
    reason = where(none, "no_pathology", reason)
    verdict = where(reason == "viable_cells", "viable", "indeterminate")
    return where(reason == "no_viable_cells", "nonviable", verdict), reason


def _evaluable(lesions: pd.DataFrame) -> pd.DataFrame:
    """Conditions met, in time, truth determinate; else the first reason that applies."""
    frame = lesions.copy()
    reasons = ["reference_" + frame["reference_reason"]]
    tests: list[Bools] = [(~frame["reference_verdict"].isin(DETERMINATE)).to_numpy()]
    for name in ("mri", "ct"):
        days = (frame["first_surgery_date"] - frame[f"{name}_date"]).to_numpy()
        verdict = frame[f"{name}_verdict"]
        for label, test in (
            ("out_of_window", ~(days <= PREOP_WINDOW_DAYS)),
            ("conditions_not_met", (frame[f"{name}_conditions"] != "yes").to_numpy()),
            ("not_evaluable", (verdict == "not_evaluable").to_numpy()),
            ("missing", (verdict == "missing").to_numpy()),
            ("not_done", (verdict == "not_done").to_numpy()),
        ):
            reasons.append(pd.Series(text(len(frame), f"{name}_{label}")))
            tests.append(np.asarray(test))
    reasons.append(pd.Series(text(len(frame), "no_surgery")))
    tests.append(~frame["is_operated"].to_numpy())
    why = text(len(frame))
    for test, reason in zip(tests, reasons, strict=True):
        why = where(test, reason.to_numpy(dtype=object), why)
    frame["not_evaluable_reason"] = why
    frame["is_evaluable"] = why == ""
    frame["is_evaluable_ceious"] = frame["is_evaluable"] & (frame["ceious_conditions"] == "yes")
    return frame


def _patients(
    registration: pd.DataFrame, lesions: pd.DataFrame, stages: pd.DataFrame, surgery: pd.DataFrame
) -> pd.DataFrame:
    """Counts and groups per patient (rules 5 and 6)."""
    own = lesions[lesions["is_baseline_lesion"]]
    complete = own["ct_verdict"].isin(["visible", "not_visible", "not_evaluable"])
    complete &= own["mri_verdict"].isin(["visible", "not_visible", "not_evaluable"])
    confirmed = own["is_confirmed_dlm"]
    visible = own["mri_group"] == "mri_visible"
    nonviable = own["is_evaluable"] & (own["reference_verdict"] == "nonviable")
    ceious = confirmed & (own["ceious_verdict"] == "not_visible")
    flags = {
        "n_baseline_lesions": own["is_baseline_lesion"],
        "n_incomplete": ~complete,
        "n_dlm": own["is_dlm"],
        "n_confirmed": confirmed,
        "n_visible": visible,
        "n_unknown": own["mri_group"] == "mri_unknown",
        "n_evaluable_confirmed": confirmed & own["is_evaluable"],
        "n_nonviable_confirmed": confirmed & nonviable,
        "n_evaluable_visible": visible & own["is_evaluable"],
        "n_nonviable_visible": visible & nonviable,
        "n_evaluable_dlm": own["is_dlm"] & own["is_evaluable"],
        "n_nonviable_dlm": own["is_dlm"] & nonviable,
        "n_ceious": ceious,
        "n_evaluable_ceious": ceious & own["is_evaluable_ceious"],
        "n_nonviable_ceious": ceious & own["is_evaluable_ceious"] & nonviable,
        "n_confirmed_left": confirmed & (own["disposition"] == "left_in_place"),
        "n_confirmed_resected": confirmed & (own["disposition"] == "resected"),
        "n_dlm_without_ious": own["is_dlm"] & own["ious_verdict"].isin(["missing", "not_done"]),
    }
    counted = pd.DataFrame(flags).assign(patient_id=own["patient_id"]).groupby("patient_id").sum()
    frame = registration.merge(counted.reset_index(), on="patient_id", how="left")
    frame[list(flags)] = frame[list(flags)].fillna(0).astype(np.int64)
    frame = frame.merge(stages, on="patient_id", how="left")
    frame["is_operated"] = frame["surgery_date"].notna()
    frame["has_complete_preop_imaging"] = (
        frame["is_operated"] & (frame["n_incomplete"] == 0) & (frame["n_baseline_lesions"] > 0)
    )
    some_left = (frame["n_confirmed_left"] > 0).to_numpy()
    all_resected = (frame["n_confirmed_resected"] == frame["n_confirmed"]).to_numpy()
    group = where(some_left, "some_left", where(all_resected, "all_resected", "neither"))
    frame["resection_group"] = where((frame["n_confirmed"] > 0).to_numpy(), group, "")
    planned = surgery.groupby("patient_id")["planned_stages"].max().rename("planned_stages")
    return frame.merge(planned.reset_index(), on="patient_id", how="left")


def _endpoints(
    patients: pd.DataFrame, followup: pd.DataFrame, outcome: pd.DataFrame
) -> pd.DataFrame:
    """RFS and OS in days from day 0, with event flags; ``nan`` where there is no row (rule 6).

    Who is said to be dead without any date of death has an event on a day unknown, and no time
    unless another event came first.
    """
    frame = patients.merge(
        outcome[["patient_id", "death_date", "last_contact_date", "vital_status"]],
        on="patient_id",
        how="left",
    )
    lived = followup[followup["vital_status"] != "dead"]
    seen = lived.groupby("patient_id")["visit_date"].max().rename("last_visit_date")
    frame = frame.merge(seen.reset_index(), on="patient_id", how="left")
    told_dead = set(followup.loc[followup["vital_status"] == "dead", "patient_id"])
    is_dead = (frame["vital_status"] == "dead") | frame["patient_id"].isin(told_dead)
    undated = (is_dead & frame["death_date"].isna()).to_numpy()
    frame = frame.drop(columns="vital_status")
    recurred = followup[followup["recurrence"] == "yes"]
    first = recurred.groupby("patient_id")["recurrence_date"].min().rename("recurrence_date")
    imaged = followup.groupby("patient_id")["imaging_date"].max().rename("last_imaging_date")
    frame = frame.merge(first.reset_index(), on="patient_id", how="left")
    frame = frame.merge(imaged.reset_index(), on="patient_id", how="left")
    origin = frame["surgery_date"].to_numpy()
    event = np.fmin(frame["recurrence_date"].to_numpy(), frame["death_date"].to_numpy())
    assessed = np.fmax(frame["last_imaging_date"].to_numpy(), origin)
    too_early = frame["recurrence_date"].to_numpy() < origin
    frame["recurrence_before_day_zero"] = too_early
    frame["rfs_event"] = ~np.isnan(event)
    days = np.where(np.isnan(event), assessed, event) - origin
    frame["rfs_days"] = np.where(too_early | (undated & np.isnan(event)), np.nan, days)
    death = frame["death_date"].to_numpy()
    frame["os_event"] = ~np.isnan(death)
    contact = np.fmax(frame["last_contact_date"].to_numpy(), frame["last_visit_date"].to_numpy())
    contact = np.fmax(contact, frame["last_imaging_date"].to_numpy())
    days = np.where(np.isnan(death), contact, death) - origin
    frame["os_days"] = np.where(undated, np.nan, days)
    return frame


def survival_steps(days: Floats, event: Bools) -> tuple[Floats, Floats]:
    """Event times and the Kaplan-Meier survival after each."""
    times, died = np.unique(days[event], return_counts=True)
    at_risk = len(days) - np.searchsorted(np.sort(days), times, side="left")
    return times, np.asarray(np.cumprod(1 - died / at_risk), dtype=np.float64)


def median_days(days: Floats, event: Bools) -> float:
    """Kaplan-Meier median: the first day on which survival is 0.5 or less; ``nan`` if never."""
    times, survival = survival_steps(days, event)
    below = np.flatnonzero(survival <= 0.5 + 1e-12)
    return float(times[below[0]]) if len(below) else float("nan")


def logrank_p(days: Floats, event: Bools, group: Bools) -> float:
    """p value of the two-group log-rank test."""
    times = np.unique(days[event])
    observed = expected = variance = 0.0
    for t in times:
        risk = days >= t
        n, n1 = risk.sum(), (risk & group).sum()
        d = (event & (days == t)).sum()
        observed += (event & (days == t) & group).sum()
        expected += d * n1 / n
        if n > 1:
            variance += d * (n1 / n) * (1 - n1 / n) * (n - d) / (n - 1)
    if variance == 0:
        return float("nan")
    return float(stats.chi2.sf((observed - expected) ** 2 / variance, 1))


POPULATIONS = {
    "ct": ("n_dlm", "n_evaluable_dlm", "n_nonviable_dlm"),
    "ct_mri": ("n_confirmed", "n_evaluable_confirmed", "n_nonviable_confirmed"),
    "ct_gone_mri_visible": ("n_visible", "n_evaluable_visible", "n_nonviable_visible"),
    "ct_mri_ceious": ("n_ceious", "n_evaluable_ceious", "n_nonviable_ceious"),
}
GROUPS = ("all_resected", "some_left")


def endpoints(derived: Derived) -> pd.DataFrame:
    """Every figure that the marts should recover, as ``name`` and ``value``.

    Counts are whole numbers, times are days, shares are unrounded; a median that is not reached has
    an empty value.
    """
    patients, lesions = derived.patients, derived.lesions
    operated = patients[patients["is_operated"]]
    figures: dict[str, float | str] = {}
    months = [day_date(day).strftime("%Y-%m") for day in patients["registration_date"].dropna()]
    figures["registration.first_month"] = min(months)
    figures["registration.last_month"] = max(months)
    figures |= _flow(patients, operated)
    figures |= _concordance(operated)
    figures |= _lesion_counts(lesions)
    for column in ("age", "n_baseline_lesions"):
        quartiles = np.quantile(operated[column], [0.25, 0.5, 0.75])
        for name, value in zip(("q1", "median", "q3"), quartiles, strict=True):
            figures[f"operated.{column}.{name}"] = float(value)
    figures |= _survival(operated)
    return pd.DataFrame({"name": list(figures), "value": [_written(v) for v in figures.values()]})


def _written(value: float | str) -> str:
    if isinstance(value, str):
        return value
    if np.isnan(value):
        return ""
    return str(int(value)) if float(value).is_integer() else repr(float(value))


def _flow(patients: pd.DataFrame, operated: pd.DataFrame) -> dict[str, float | str]:
    confirmed = operated["n_confirmed"] > 0
    group = operated["resection_group"]
    figures: dict[str, float | str] = {
        "flow.registered.patients": len(patients),
        "flow.sites": patients["site_id"].nunique(),
        "flow.operated.patients": len(operated),
        "flow.operated.baseline_lesions": int(operated["n_baseline_lesions"].sum()),
        "flow.complete_preop_imaging.patients": int(operated["has_complete_preop_imaging"].sum()),
        "flow.dlm.patients": int((operated["n_dlm"] > 0).sum()),
        "flow.dlm_not_confirmed.patients": int(((operated["n_dlm"] > 0) & ~confirmed).sum()),
        "flow.confirmed_dlm.patients": int(confirmed.sum()),
        "flow.evaluable_confirmed_dlm.patients": int((operated["n_evaluable_confirmed"] > 0).sum()),
        "flow.mri_visible.patients": int((operated["n_visible"] > 0).sum()),
        "flow.mri_unknown.lesions": int(operated["n_unknown"].sum()),
        "flow.recurrence_before_day_0.patients": int(operated["recurrence_before_day_zero"].sum()),
    }
    for name in (*GROUPS, "neither"):
        figures[f"flow.{name}.patients"] = int((group == name).sum())
    return figures


def _concordance(operated: pd.DataFrame) -> dict[str, float | str]:
    figures: dict[str, float | str] = {}
    for name, (population, evaluable, nonviable) in POPULATIONS.items():
        n_evaluable, n_nonviable = operated[evaluable].sum(), operated[nonviable].sum()
        figures[f"concordance.{name}.n_lesions"] = int(operated[population].sum())
        figures[f"concordance.{name}.n_patients"] = int((operated[evaluable] > 0).sum())
        figures[f"concordance.{name}.n_evaluable"] = int(n_evaluable)
        figures[f"concordance.{name}.n_nonviable"] = int(n_nonviable)
        share = n_nonviable / n_evaluable if n_evaluable else np.nan
        figures[f"concordance.{name}.npv"] = float(share)
    return figures


def _lesion_counts(lesions: pd.DataFrame) -> dict[str, float | str]:
    """Confirmed DLMs by what was done, by truth and by why they are not evaluable."""
    confirmed = lesions[lesions["is_confirmed_dlm"]]
    figures: dict[str, float | str] = {}
    for column in ("disposition", "reference_reason", "not_evaluable_reason"):
        counts = confirmed[column].replace("", np.nan).value_counts().sort_index()
        for value, count in counts.items():
            figures[f"confirmed_dlm.{column}.{value}"] = int(count)
    return figures


def _survival(operated: pd.DataFrame) -> dict[str, float | str]:
    figures: dict[str, float | str] = {}
    for end in ("rfs", "os"):
        rows = operated[operated[f"{end}_days"].notna()]
        groups = {"overall": rows}
        groups |= {name: rows[rows["resection_group"] == name] for name in GROUPS}
        for name, own in groups.items():
            days, event = own[f"{end}_days"].to_numpy(), own[f"{end}_event"].to_numpy()
            figures[f"{end}.{name}.n"] = len(own)
            figures[f"{end}.{name}.events"] = int(event.sum())
            figures[f"{end}.{name}.median_days"] = median_days(days, event)
        both = rows[rows["resection_group"].isin(GROUPS)]
        figures[f"{end}.logrank_p"] = logrank_p(
            both[f"{end}_days"].to_numpy(),
            both[f"{end}_event"].to_numpy(),
            (both["resection_group"] == GROUPS[0]).to_numpy(),
        )
    return figures
