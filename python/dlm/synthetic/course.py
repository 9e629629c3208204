"""What happened after surgery: visits, recurrences, later treatment of left lesions, outcome.

Events happen in continuous time and are recorded at the visit that finds them, so that what a file
can know is what a site would know.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from dlm.synthetic.common import (
    Texts,
    chance,
    exponential,
    pick,
    text,
    used_dates,
    where,
    whole,
)
from dlm.synthetic.operations import specimen_rows
from dlm.synthetic.patients import DATA_LOCK

# Planned visits in days after day 0. Japan sees its patients every four months at first.
QUARTERLY = np.array([91, 182, 274, 365, 456, 547, 639, 730, 913, 1095, 1278, 1461, 1643, 1826])
TRIANNUAL = np.array([122, 244, 365, 487, 609, 730, 913, 1095, 1278, 1461, 1643, 1826])
PLACES = ("liver_elsewhere", "extrahepatic", "liver_and_extrahepatic")
PLACE_WEIGHTS = (0.48, 0.36, 0.16)


def sample_fates(
    rng: np.random.Generator,
    patients: pd.DataFrame,
    stages: pd.DataFrame,
    left: pd.DataFrame,
    slips: float = 1.0,
) -> pd.DataFrame:
    """When each patient truly recurs, dies or is lost; one row per patient.

    Args:
        rng: stream of this part.
        patients: every patient.
        stages: their operation stages.
        left: final dispositions ``left_in_place`` with ``_regrows`` (date, ``nan`` for never).
        slips: share of the usual losses to follow-up.

    Returns:
        ``p``, ``_origin`` (day 0; registration where never operated), ``_relapse`` (elsewhere than
        at the spot of a left lesion), ``_death``, ``_lost`` and ``_end`` (last day on study).
    """
    n = len(patients)
    frame = pd.DataFrame({"p": patients["p"].to_numpy()})
    operated = stages["_day_zero"].notna().to_numpy()
    registered = patients["registration_date"].to_numpy()
    origin = np.where(operated, stages["_day_zero"].to_numpy(), registered)
    cured = chance(rng, n, 0.17)
    relapse = origin + 25 + np.floor(exponential(rng, n, 400.0))
    relapse = np.where(cured | ~operated, np.nan, relapse)
    fate = patients["_fate"].to_numpy(dtype=object)
    progressed = patients["chemo_end_date"].to_numpy() + whole(rng, n, -20, 60)
    relapse = np.where(fate == "progression", progressed, relapse)
    frame["_relapse"] = relapse
    between = stages["_recurrence_between"].to_numpy()
    regrowth = left.groupby("p")["_regrows"].min().reindex(frame["p"]).to_numpy(dtype=np.float64)
    bad_news = np.fmin(np.fmin(relapse, regrowth), between)
    after_bad_news = bad_news + 60 + np.floor(exponential(rng, n, 4200.0))
    unrelated = origin + 30 + np.floor(exponential(rng, n, 21000.0))
    death = np.fmin(after_bad_news, unrelated)
    # Who was not operated on is followed at least until the restaging after chemotherapy.
    restaged = patients["chemo_end_date"].to_numpy() + 30
    death = np.where(operated, death, np.fmax(death, restaged))
    early = operated & chance(rng, n, 0.006)
    death = np.where(early, origin + whole(rng, n, 25, 85), death)
    at_chemotherapy = patients["chemo_end_date"].to_numpy() + whole(rng, n, 1, 20)
    death = np.where(fate == "died", at_chemotherapy, death)
    frame["_treatment_death"] = early | (fate == "died")
    lost = np.where(
        chance(rng, n, 0.13 * slips), origin + 60 + np.floor(1100 * rng.random(n)), np.nan
    )
    lost = np.where(operated, lost, np.maximum(lost, restaged))
    withdrawal = patients["withdrawal_date"].to_numpy()
    lost = np.where(np.isnan(withdrawal), lost, withdrawal)
    lost = np.where(fate == "died", np.nan, lost)
    end = np.fmin(lost, DATA_LOCK)
    frame["_death"] = np.where(death <= end, death, np.nan)
    frame["_end"] = np.fmin(frame["_death"].to_numpy(), end)
    frame["_origin"] = origin
    frame["_operated"] = operated
    frame["_source"] = patients["_source"].to_numpy(dtype=object)
    frame["_between"] = between
    return frame


def sample_regrowth(rng: np.random.Generator, final: pd.DataFrame) -> pd.DataFrame:
    """Lesions left at the end of surgery, with the day their tumour grows back.

    What CT still saw was left for want of a second stage: it grows at once. Some sterile-looking
    spots with living cells take more than two years.
    """
    left = final[final["action"] == "left_in_place"].reset_index(drop=True)
    n = len(left)
    mean = np.where(left["_ct_gone"].to_numpy(), 270.0, 110.0)
    day = left["_day_zero"].to_numpy() + 30 + np.floor(exponential(rng, n, mean))
    left["_regrows"] = np.where(left["_dead"].to_numpy(), np.nan, day)
    return left


def build_visits(rng: np.random.Generator, fates: pd.DataFrame, slips: float = 1.0) -> pd.DataFrame:
    """Visits as they took place: ``p``, ``visit_date``, ``imaging_date``.

    Planned ones move by some days; a recurrence may bring a patient in between.
    """
    operated = fates[fates["_operated"]]
    parts = []
    for japanese, plan in ((True, TRIANNUAL), (False, QUARTERLY)):
        group = operated[(operated["_source"] == "jcog") == japanese]
        days = group["_origin"].to_numpy()[:, None] + plan[None, :].astype(np.float64)
        # A visit just before the end of reference follow-up leaves a left lesion undecided.
        days = days + (1 - slips) * 20 * (plan == 730)[None, :]
        days = days + np.round((7 + 7 * slips) * rng.standard_normal(days.shape))
        came = (days <= group["_end"].to_numpy()[:, None] - 3) & (
            rng.random(days.shape) < 1 - 0.03 * slips
        )
        row, _ = np.nonzero(came)
        parts.append(pd.DataFrame({"p": group["p"].to_numpy()[row], "visit_date": days[came]}))
    early = fates["_relapse"].to_numpy()
    symptoms = chance(rng, len(fates), 0.45) | ~fates["_operated"].to_numpy()
    known = symptoms & (early <= fates["_end"].to_numpy() - 5)
    parts.append(pd.DataFrame({"p": fates["p"].to_numpy()[known], "visit_date": early[known]}))
    between = fates[fates["_between"].notna()]
    parts.append(
        pd.DataFrame({"p": between["p"].to_numpy(), "visit_date": between["_between"].to_numpy()})
    )
    visits = pd.concat(parts, ignore_index=True).drop_duplicates(["p", "visit_date"])
    visits = visits.sort_values(["p", "visit_date"], ignore_index=True)
    n = len(visits)
    imaging = visits["visit_date"].to_numpy() - np.where(
        chance(rng, n, 0.6), whole(rng, n, 1, 14) * slips, 0
    )
    must = visits.merge(fates[["p", "_relapse", "_between"]], on="p", how="left")
    found_then = (must["_relapse"] == must["visit_date"]) | (must["_between"] == must["visit_date"])
    imaging = np.where(found_then.to_numpy(), visits["visit_date"].to_numpy(), imaging)
    skipped = chance(rng, n, 0.04 * slips) & ~found_then.to_numpy()
    visits["imaging_date"] = np.where(skipped, np.nan, imaging)
    visits["visit_no"] = visits.groupby("p").cumcount().astype(float) + 1
    return visits


def build_findings(
    rng: np.random.Generator,
    fates: pd.DataFrame,
    left: pd.DataFrame,
    visits: pd.DataFrame,
    slips: float = 1.0,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Recurrences and later treatments, each at the visit that records it.

    Returns:
        The findings (``p``, ``visit_no``, ``lesion_no``, recurrence and later treatment columns),
        and the pathology of left lesions that were resected later.
    """
    elsewhere = fates[["p", "_relapse"]].rename(columns={"_relapse": "_day"})
    elsewhere["recurrence_place"] = pick(rng, len(elsewhere), PLACES, PLACE_WEIGHTS)
    between = fates[["p", "_between"]].rename(columns={"_between": "_day"})
    between["recurrence_place"] = text(len(between), "liver_elsewhere")
    regrown = left[["p", "lesion_no", "_regrows"]].rename(columns={"_regrows": "_day"})
    regrown["recurrence_place"] = text(len(regrown), "at_spot")
    removed = _early_removals(rng, fates, left)
    regrown = regrown.merge(removed, on=["p", "lesion_no"], how="left")
    regrown = regrown[~(regrown["_removed"] <= regrown["_day"])].drop(columns="_removed")
    events = pd.concat([elsewhere, between, regrown], ignore_index=True)
    events = events[events["_day"].notna()]
    found = _at_next_imaging(events, visits)
    found["recurrence"] = "yes"
    found["recurrence_date"] = found["imaging_date"]
    found["recurrence_date_precision"] = "day"
    # A finding of one place and visit is one record, whatever number of events it stands for.
    found = found.drop_duplicates(["p", "visit_no", "lesion_no"])

    later, pathology = _later_treatment(rng, found, removed, fates, left, visits, slips)
    columns = [
        "p",
        "visit_no",
        "lesion_no",
        "recurrence",
        "recurrence_date",
        "recurrence_date_precision",
        "recurrence_place",
        "later_treatment",
        "later_treatment_date",
    ]
    findings = pd.concat([found, later], ignore_index=True).reindex(columns=columns)
    findings = findings.drop_duplicates(["p", "visit_no", "lesion_no"])
    # Where a visit tells of growth instead of a removal, nobody sends what was removed.
    resected = findings[findings["later_treatment"] == "resected"][["p", "lesion_no"]]
    pathology = pathology.merge(resected.drop_duplicates(), on=["p", "lesion_no"])
    return findings.sort_values(["p", "visit_no", "lesion_no"], ignore_index=True), pathology


def _at_next_imaging(events: pd.DataFrame, visits: pd.DataFrame) -> pd.DataFrame:
    """Events at the first visit whose imaging is on or after them; unseen ones fall away."""
    seen = visits[visits["imaging_date"].notna()]
    seen = seen[["p", "visit_no", "imaging_date"]].sort_values(["imaging_date", "p"])
    found = pd.merge_asof(
        events.sort_values(["_day", "p"], kind="stable"),
        seen,
        left_on="_day",
        right_on="imaging_date",
        by="p",
        direction="forward",
    )
    return found[found["visit_no"].notna()].reset_index(drop=True)


def _early_removals(
    rng: np.random.Generator, fates: pd.DataFrame, left: pd.DataFrame
) -> pd.DataFrame:
    """Left lesions taken out with another recurrence, before they show any growth."""
    relapse = left["p"].map(fates.set_index("p")["_relapse"]).to_numpy(dtype=np.float64)
    end = left["p"].map(fates.set_index("p")["_end"]).to_numpy(dtype=np.float64)
    day = relapse + whole(rng, len(left), 150, 210)
    chosen = chance(rng, len(left), 0.12) & left["_ct_gone"].to_numpy() & (day < end - 40)
    return pd.DataFrame(
        {
            "p": left["p"].to_numpy()[chosen],
            "lesion_no": left["lesion_no"].to_numpy()[chosen],
            "_removed": day[chosen],
        }
    )


def _later_treatment(
    rng: np.random.Generator,
    found: pd.DataFrame,
    removed: pd.DataFrame,
    fates: pd.DataFrame,
    left: pd.DataFrame,
    visits: pd.DataFrame,
    slips: float,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Later resection or ablation of left lesions, and pathology of the resections."""
    regrown = found[found["recurrence_place"] == "at_spot"][["p", "lesion_no", "imaging_date"]]
    n = len(regrown)
    what = pick(rng, n, ("resected", "ablated", ""), (0.22, 0.08, 0.70))
    day = regrown["imaging_date"].to_numpy() + whole(rng, n, 20, 70)
    after_growth = regrown[["p", "lesion_no"]].assign(
        later_treatment=what, later_treatment_date=day
    )
    after_growth = after_growth[what != ""]
    without_growth = removed.rename(columns={"_removed": "later_treatment_date"})
    without_growth["later_treatment"] = "resected"
    seen_growth = after_growth.assign(_grown=True)
    done = pd.concat([seen_growth, without_growth.assign(_grown=False)], ignore_index=True)
    # Recorded at the first visit afterwards; what no visit records is unknown to the trial.
    later = pd.merge_asof(
        done.sort_values(["later_treatment_date", "p", "lesion_no"], kind="stable"),
        visits[["p", "visit_no", "visit_date"]].sort_values(["visit_date", "p"]),
        left_on="later_treatment_date",
        right_on="visit_date",
        by="p",
        direction="forward",
    )
    later = later[later["visit_no"].notna()].drop_duplicates(["p", "lesion_no"])
    later = later.reset_index(drop=True)
    resected = later[later["later_treatment"] == "resected"].reset_index(drop=True)
    traits = resected.merge(left[["p", "lesion_no", "_dead", "_size_after"]], on=["p", "lesion_no"])
    n = len(traits)
    pathology = specimen_rows(
        rng,
        traits["p"].to_numpy(),
        traits["lesion_no"].to_numpy(),
        traits["later_treatment_date"].to_numpy() + whole(rng, n, 3, 14),
        traits["_dead"].to_numpy().astype(bool),
        np.where(traits["_grown"], traits["_size_after"] + 8 * slips, traits["_size_after"]),
        lost=np.zeros(n, dtype=bool),
    )
    pathology["_specimen"] = "L-" + traits["lesion_no"].astype(int).astype(str)
    reported = traits["_grown"].to_numpy(dtype=bool) | ~chance(rng, n, 0.25)
    later["recurrence"] = "no"
    return later, pathology[reported].reset_index(drop=True)


def build_followup(visits: pd.DataFrame, findings: pd.DataFrame) -> pd.DataFrame:
    """The follow-up form: one row per visit and finding, or one row for a visit without any."""
    frame = visits.merge(findings, on=["p", "visit_no"], how="left", sort=False)
    frame["vital_status"] = "alive"
    frame["recurrence"] = frame["recurrence"].fillna("no")
    for column in ("recurrence_place", "later_treatment"):
        frame[column] = frame[column].fillna("")
    frame["recurrence_date_precision"] = frame["recurrence_date_precision"].fillna("day")
    return frame.sort_values(["p", "visit_no", "lesion_no"], ignore_index=True)


def blur_recurrences(
    rng: np.random.Generator, followup: pd.DataFrame, fates: pd.DataFrame, slips: float = 1.0
) -> pd.DataFrame:
    """Some recurrence dates are known by month only.

    Only where the whole month lies between day 0 and the limit of follow-up of left lesions, or
    after it, and where later imaging exists, so that what the partial date means is not in doubt.
    """
    day = followup["recurrence_date"].to_numpy()
    origin = followup["p"].map(fates.set_index("p")["_origin"]).to_numpy(dtype=np.float64)
    last = followup.groupby("p")["imaging_date"].transform("max").to_numpy()
    since = day - origin
    clear = (since > 40) & (day + 31 < last) & (np.abs(since - 730) > 31)
    partial = clear & chance(rng, len(followup), 0.06 * slips)
    followup["recurrence_date_precision"] = where(partial, "month", "day")
    return followup


def build_outcome(
    rng: np.random.Generator,
    patients: pd.DataFrame,
    fates: pd.DataFrame,
    visits: pd.DataFrame,
    slips: float = 1.0,
) -> pd.DataFrame:
    """The outcome form: last contact, death and its cause."""
    n = len(fates)
    last_visit = visits.groupby("p")["visit_date"].max().reindex(fates["p"]).to_numpy()
    end = fates["_end"].to_numpy()
    death = fates["_death"].to_numpy()
    dead = ~np.isnan(death)
    # The last operation was a contact, even where no visit followed it before the data were locked.
    origin = fates["_origin"].to_numpy()
    contact = np.fmax(last_visit, origin)
    seen = np.fmin(end, np.fmax(contact, end - whole(rng, n, 0, 45)))
    # Who came for restaging was in contact then.
    restaged = np.fmin(end, patients["chemo_end_date"].to_numpy() + 30)
    seen = np.where(fates["_operated"].to_numpy(dtype=bool), seen, np.fmax(seen, restaged))
    withdrawn = ~np.isnan(patients["withdrawal_date"].to_numpy())
    seen = np.where(withdrawn, end, seen)
    frame = pd.DataFrame({"p": fates["p"].to_numpy()})
    frame["vital_status"] = np.where(dead, "dead", "alive").astype(object)
    frame["death_date"] = death
    by_month = used_dates(pd.Series(death), pd.Series(text(n, "month"))).to_numpy()
    blurred = dead & chance(rng, n, 0.05 * slips) & (by_month > contact)
    frame["death_date_precision"] = where(blurred, "month", "day")
    frame["last_contact_date"] = np.where(dead, np.where(blurred, contact, death), seen)
    told = (fates["_relapse"] <= fates["_end"]).to_numpy()
    cause: Texts = where(told, "cancer", pick(rng, n, ("other", "unknown"), (0.8, 0.2)))
    cause = where(fates["_treatment_death"].to_numpy(dtype=bool), "treatment", cause)
    frame["death_cause"] = where(dead, cause, "")
    return frame
