"""Who looked at which lesion when, and what they said: the read form.

A read starts from what a perfect reader would see and adds what readers do: they err, cannot judge,
disagree, come late, or the exam was not done at all.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from dlm.synthetic.common import (
    Bools,
    Floats,
    Texts,
    chance,
    pick,
    text,
    where,
    where_number,
    whole,
)

NE_REASONS = ("motion", "artefact", "steatosis", "no_contrast", "other")
NE_WEIGHTS = (0.30, 0.28, 0.30, 0.04, 0.08)
PERFORMED = ("done", "not_done", "missing")
CONDITION_REASONS = ("arterial phase missing", "motion in hepatobiliary phase", "dome not covered")
READ_COLUMNS = [
    "p",
    "lesion_no",
    "modality",
    "timepoint",
    "read_date",
    "verdict",
    "not_evaluable_reason",
    "size",
    "size_status",
    "reader_id",
    "reader_role",
    "blinded",
    "conditions_met",
    "conditions_reason",
    "contrast",
    "slice_thickness_mm",
]
# How often a reader calls a lesion that is gone visible, one that is there gone, or cannot judge.
ERRORS = {"local": (0.06, 0.004, 0.008), "central": (0.03, 0.002, 0.006)}


@dataclass(frozen=True)
class Exam:
    """One exam of every lesion in question: what a perfect reader sees, and how it was made."""

    modality: str
    timepoint: str
    date: Floats
    gone: Bools
    size: Floats
    conditions_met: Bools
    contrast: Bools
    slice_mm: Floats


def build_reads(
    rng: np.random.Generator,
    patients: pd.DataFrame,
    lesions: pd.DataFrame,
    stages: pd.DataFrame,
    final: pd.DataFrame,
    slips: float = 1.0,
) -> pd.DataFrame:
    """Baseline, restaging and intraoperative reads of every lesion, one row per read.

    ``slips`` is the share of the usual late, missing or unmeasured exams and open disagreements.
    """
    row = lesions["p"].to_numpy()
    habits = _patient_habits(rng, patients, stages, slips)
    per_lesion = habits.iloc[row].reset_index(drop=True)
    blurred = where_number(per_lesion["_steatosis"].to_numpy(), 0.3, 0.0)
    parts = [
        *_baseline(rng, lesions, per_lesion, blurred, slips),
        *_restaging(rng, lesions, per_lesion, blurred, slips),
        *_intraoperative(rng, lesions, per_lesion, stages, final, slips),
    ]
    return pd.concat(parts, ignore_index=True)[READ_COLUMNS]


def _patient_habits(
    rng: np.random.Generator, patients: pd.DataFrame, stages: pd.DataFrame, slips: float
) -> pd.DataFrame:
    """What is decided per patient: dates of exams, who reads, what is done, ultrasound used."""
    n = len(patients)
    frame = pd.DataFrame({"p": patients["p"].to_numpy()})
    frame["site_id"] = patients["site_id"].to_numpy(dtype=object)
    consent = patients["consent_date"].to_numpy()
    room = patients["chemo_start_date"].to_numpy() - consent
    frame["_baseline_ct"] = consent + np.floor(rng.random(n) * (room + 1))
    frame["_baseline_mri"] = consent + np.floor(rng.random(n) * (room + 1))
    fate = patients["_fate"].to_numpy(dtype=object)
    operated = stages["_first"].notna().to_numpy()
    chemo_end = patients["chemo_end_date"].to_numpy()
    restaged = operated | (
        np.isin(fate, ("progression", "unresectable", "other")) & chance(rng, n, 0.75)
    )
    first = stages["_first"].to_numpy()
    ct = np.where(operated, first - whole(rng, n, 4, 27), chemo_end + whole(rng, n, 0, 10))
    late_ct = operated & chance(rng, n, 0.015 * slips)
    ct = np.where(late_ct, first - whole(rng, n, 43, 55), ct)
    mri = np.where(operated, first - whole(rng, n, 2, 27), ct + whole(rng, n, 0, 5))
    late_mri = operated & chance(rng, n, 0.05 * slips)
    mri = np.where(late_mri, first - whole(rng, n, 43, 64), mri)
    frame["_ct_date"] = np.where(restaged, ct, np.nan)
    frame["_mri_date"] = np.where(restaged, mri, np.nan)
    # MRI that did not take place: said so on the form, or no form at all.
    frame["_mri_done"] = pick(rng, n, PERFORMED, (0.955, 0.03 * slips, 0.015 * slips))
    frame["_mri_baseline"] = pick(rng, n, PERFORMED, (0.88, 0.08, 0.04))
    halfway = patients["chemo_start_date"].to_numpy() + 7 * patients["chemo_cycles"].to_numpy()
    frame["_halfway"] = halfway
    frame["_earlier_ct"] = restaged & (halfway < ct - 14) & chance(rng, n, 0.12)
    frame["_two_locals"] = chance(rng, n, 0.22)
    settled = where_number(frame["_two_locals"].to_numpy(), 1 - 0.55 * slips, 0.68)
    frame["_central"] = chance(rng, n, settled)
    frame["_central_baseline"] = chance(rng, n, 0.25)
    frame["_central_reader"] = pick(rng, n, ("CR1", "CR2", "CR3"), (0.4, 0.35, 0.25))
    frame["_steatosis"] = chance(rng, n, 0.04)
    frame["_ct_conditions"] = ~chance(rng, n, 0.02)
    frame["_mri_conditions"] = ~chance(rng, n, 0.03)
    frame["_ct_contrast"] = frame["_ct_conditions"] | chance(rng, n, 1 - 0.3 * slips)
    frame["_mri_contrast"] = frame["_mri_conditions"] | chance(rng, n, 1 - 0.3 * slips)
    frame["_ct_slice"] = np.asarray([1.0, 2.0, 2.5, 3.0, 5.0])[rng.integers(0, 5, n)]
    frame["_mri_slice"] = np.asarray([2.0, 3.0, 4.0, 5.0])[rng.integers(0, 4, n)]
    share = np.where(patients["_source"].to_numpy(dtype=object) == "jcog", 0.26, 0.12)
    frame["_ceious"] = operated & chance(rng, n, share)
    return frame


def _baseline(
    rng: np.random.Generator,
    lesions: pd.DataFrame,
    habit: pd.DataFrame,
    blurred: Floats,
    slips: float,
) -> list[pd.DataFrame]:
    n = len(lesions)
    seen = lesions["_seen_at_baseline"].to_numpy()
    small = lesions["_size"].to_numpy() < 8
    parts = []
    for modality, miss in (("CT", 0.06), ("MRI", 0.0)):
        lower = modality.lower()
        missed = small & chance(rng, n, miss * slips)
        exam = Exam(
            modality,
            "baseline",
            habit[f"_baseline_{lower}"].to_numpy(),
            ~seen | missed,
            lesions["_size"].to_numpy(),
            np.ones(n, dtype=bool),
            np.ones(n, dtype=bool),
            habit[f"_{lower}_slice"].to_numpy(),
        )
        if modality == "CT":
            done = np.ones(n, dtype=bool)
        else:
            status = habit["_mri_baseline"].to_numpy(dtype=object)
            done = status == "done"
            parts.append(_not_done(lesions, habit, exam, status == "not_done"))
        parts.append(_read(rng, lesions, habit, exam, "local", "R1", done, blurred, slips))
        central = done & habit["_central_baseline"].to_numpy()
        parts.append(_read(rng, lesions, habit, exam, "central", "", central, blurred, slips))
    return parts


def _restaging(
    rng: np.random.Generator,
    lesions: pd.DataFrame,
    habit: pd.DataFrame,
    blurred: Floats,
    slips: float,
) -> list[pd.DataFrame]:
    n = len(lesions)
    after = lesions["_size_after"].to_numpy()
    parts = []
    for modality in ("CT", "MRI"):
        lower = modality.lower()
        date = habit[f"_{lower}_date"].to_numpy()
        whole_exam = habit[f"_{lower}_conditions"].to_numpy()
        exam = Exam(
            modality,
            "preop",
            date,
            lesions[f"_{lower}_gone"].to_numpy(),
            after,
            whole_exam & ~chance(rng, n, 0.02),
            habit[f"_{lower}_contrast"].to_numpy(),
            habit[f"_{lower}_slice"].to_numpy(),
        )
        done = ~np.isnan(date)
        if modality == "MRI":
            status = habit["_mri_done"].to_numpy(dtype=object)
            parts.append(_not_done(lesions, habit, exam, done & (status == "not_done")))
            done &= status == "done"
        else:
            parts.append(_earlier(rng, lesions, habit, exam, blurred, slips))
        first = _read(rng, lesions, habit, exam, "local", "R1", done, blurred, slips)
        two = done & habit["_two_locals"].to_numpy()
        second = _read(rng, lesions, habit, exam, "local", "R2", two, blurred, slips)
        central = _read(
            rng,
            lesions,
            habit,
            exam,
            "central",
            "",
            done & habit["_central"].to_numpy(),
            blurred,
            slips,
        )
        judged = _adjudicated(rng, lesions, habit, exam, first, central, slips)
        parts += [first, second, central, judged]
    return parts


def _earlier(
    rng: np.random.Generator,
    lesions: pd.DataFrame,
    habit: pd.DataFrame,
    exam: Exam,
    blurred: Floats,
    slips: float,
) -> pd.DataFrame:
    """An exam halfway through chemotherapy, when less had disappeared."""
    n = len(lesions)
    earlier = Exam(
        "CT",
        "preop",
        habit["_halfway"].to_numpy(),
        exam.gone & chance(rng, n, 0.5),
        np.round(exam.size * 1.3),
        exam.conditions_met,
        exam.contrast,
        exam.slice_mm,
    )
    done = habit["_earlier_ct"].to_numpy()
    return _read(rng, lesions, habit, earlier, "local", "R1", done, blurred, slips)


def _intraoperative(
    rng: np.random.Generator,
    lesions: pd.DataFrame,
    habit: pd.DataFrame,
    stages: pd.DataFrame,
    final: pd.DataFrame,
    slips: float,
) -> list[pd.DataFrame]:
    """Ultrasound at every stage of what was still in the liver then."""
    n = len(lesions)
    last = lesions[["p", "lesion_no"]].merge(
        final[["p", "lesion_no", "stage"]], on=["p", "lesion_no"], how="left"
    )["stage"]
    row = lesions["p"].to_numpy()
    parts = []
    for stage, column in ((1, "_first"), (2, "_second")):
        date = stages[column].to_numpy()[row]
        there = ~np.isnan(date) & (last.to_numpy() >= stage)
        for modality, latent, used in (
            ("IOUS", "_us_gone", np.ones(n, dtype=bool)),
            ("CEIOUS", "_ceus_gone", habit["_ceious"].to_numpy()),
        ):
            exam = Exam(
                modality,
                "intraop",
                date,
                lesions[latent].to_numpy(),
                lesions["_size_after"].to_numpy(),
                ~chance(rng, n, 0.03) if modality == "CEIOUS" else np.ones(n, dtype=bool),
                np.full(n, modality == "CEIOUS"),
                np.full(n, np.nan),
            )
            none = np.zeros(n)
            parts.append(
                _read(rng, lesions, habit, exam, "local", "US1", there & used, none, slips)
            )
    return parts


def _read(
    rng: np.random.Generator,
    lesions: pd.DataFrame,
    habit: pd.DataFrame,
    exam: Exam,
    role: str,
    reader: str,
    mask: Bools,
    blurred: Floats,
    slips: float,
) -> pd.DataFrame:
    """One reader's rows for the lesions of ``mask``; reader ``""`` is the patient's central one."""
    n = len(lesions)
    miss_gone, miss_there, cannot = ERRORS[role]
    if exam.timepoint in ("baseline", "intraop"):
        # There, a lesion overlooked makes the forms contradict each other.
        miss_gone, miss_there = miss_gone * slips, miss_there * slips
    gone = exam.gone ^ chance(rng, n, np.where(exam.gone, miss_gone, miss_there))
    # Where fat blurs the liver, readers cannot judge a third of what CT shows; MRI suffers less.
    p_cannot = cannot + (blurred if exam.modality == "CT" else 0.3 * blurred)
    if exam.timepoint == "baseline" or exam.modality == "MRI":
        p_cannot = p_cannot * slips
    unclear = chance(rng, n, p_cannot)
    verdict = where(unclear, "not_evaluable", where(gone, "not_visible", "visible"))
    reason = where(
        unclear, where(blurred > 0, "steatosis", pick(rng, n, NE_REASONS, NE_WEIGHTS)), ""
    )
    size, status = _size(rng, exam, verdict, slips)
    frame = lesions[["p", "lesion_no"]].copy()
    frame["modality"] = exam.modality
    frame["timepoint"] = exam.timepoint
    frame["read_date"] = exam.date
    frame["verdict"] = verdict
    frame["not_evaluable_reason"] = reason
    frame["size"] = size
    frame["size_status"] = status
    if role == "local":
        frame["reader_id"] = habit["site_id"].to_numpy(dtype=object) + f"-{reader}"
        # Nobody is blinded at an operation.
        frame["blinded"] = "yes" if exam.timepoint != "intraop" else ""
    else:
        frame["reader_id"] = habit["_central_reader"].to_numpy(dtype=object)
        frame["blinded"] = "yes"
    frame["reader_role"] = role
    frame["conditions_met"] = np.where(exam.conditions_met, "yes", "no").astype(object)
    why = pick(rng, n, CONDITION_REASONS, (0.4, 0.35, 0.25))
    why = where(exam.contrast | (exam.modality == "IOUS"), why, "no contrast given")
    frame["conditions_reason"] = where(exam.conditions_met, "", why)
    frame["contrast"] = np.where(exam.contrast, "yes", "no").astype(object)
    frame["slice_thickness_mm"] = exam.slice_mm
    return frame[mask]


def _size(
    rng: np.random.Generator, exam: Exam, verdict: Texts, slips: float
) -> tuple[Floats, Texts]:
    """What the reader wrote under size: a measure, 5 mm too small, 0 mm gone, or nothing."""
    n = len(verdict)
    measured = np.maximum(exam.size + np.round(0.8 * rng.standard_normal(n)), 2.0)
    small = measured < 6
    size = np.where(small, 5.0, measured)
    status = where(small, "too_small", "measured")
    unmeasured = chance(rng, n, slips * (0.012 if exam.timepoint == "intraop" else 0.006))
    size = np.where(unmeasured, np.nan, size)
    status = where(unmeasured, "not_measured", status)
    gone = verdict == "not_visible"
    left_blank = chance(rng, n, 0.12)
    size = np.where(gone, np.where(left_blank, np.nan, 0.0), size)
    status = where(gone, where(left_blank, "", "gone"), status)
    unclear = verdict == "not_evaluable"
    return np.where(unclear, np.nan, size), where(unclear, "", status)


def _not_done(lesions: pd.DataFrame, habit: pd.DataFrame, exam: Exam, mask: Bools) -> pd.DataFrame:
    """The form says that the exam was not done: a verdict of its own, all else blank."""
    n = len(lesions)
    frame = lesions[["p", "lesion_no"]].copy()
    frame["modality"] = exam.modality
    frame["timepoint"] = exam.timepoint
    frame["read_date"] = np.nan
    frame["verdict"] = "not_done"
    frame["size"] = np.nan
    frame["slice_thickness_mm"] = np.nan
    for column in READ_COLUMNS:
        if column not in frame:
            frame[column] = text(n)
    return frame[mask]


def _adjudicated(
    rng: np.random.Generator,
    lesions: pd.DataFrame,
    habit: pd.DataFrame,
    exam: Exam,
    local: pd.DataFrame,
    central: pd.DataFrame,
    slips: float,
) -> pd.DataFrame:
    """A third reader for some of the lesions on which site and centre disagree."""
    said = pd.DataFrame({"local": local["verdict"], "central": central["verdict"]})
    differ = said.notna().all(axis=1) & (said["local"] != said["central"])
    rows = differ[differ].index
    mask = np.zeros(len(lesions), dtype=bool)
    mask[rows] = True
    mask &= chance(rng, len(lesions), 0.45)
    judged = _read(rng, lesions, habit, exam, "central", "", mask, np.zeros(len(lesions)), slips)
    judged["reader_id"] = "AJ1"
    judged["reader_role"] = "adjudicator"
    return judged


def build_followup_reads(
    rng: np.random.Generator,
    patients: pd.DataFrame,
    left: pd.DataFrame,
    followup: pd.DataFrame,
    slips: float = 1.0,
) -> pd.DataFrame:
    """CT reads of left lesions near one and two years, in step with the regrowth found."""
    visits = followup[["p", "visit_no", "imaging_date"]].drop_duplicates(["p", "visit_no"])
    pairs = left[["p", "lesion_no", "_day_zero", "_size_after"]].merge(visits, on="p", sort=False)
    since = pairs["imaging_date"] - pairs["_day_zero"]
    pairs = pairs[((since - 365).abs() < 30) | ((since - 730).abs() < 30)]
    grown = followup[followup["recurrence_place"] == "at_spot"]
    grown = grown[["p", "lesion_no", "recurrence_date"]].drop_duplicates(["p", "lesion_no"])
    treated = followup[followup["later_treatment"] != ""]
    treated = treated[["p", "lesion_no", "later_treatment_date"]].drop_duplicates(
        ["p", "lesion_no"]
    )
    pairs = pairs.merge(grown, on=["p", "lesion_no"], how="left")
    pairs = pairs.merge(treated, on=["p", "lesion_no"], how="left")
    pairs = pairs[~(pairs["later_treatment_date"] <= pairs["imaging_date"])]
    pairs = pairs.reset_index(drop=True)
    n = len(pairs)
    habit = pd.DataFrame({"site_id": patients["site_id"].to_numpy()[pairs["p"].to_numpy()]})
    exam = Exam(
        "CT",
        "followup",
        pairs["imaging_date"].to_numpy(),
        ~(pairs["recurrence_date"] <= pairs["imaging_date"]).to_numpy(),
        pairs["_size_after"].to_numpy() + 7,
        np.ones(n, dtype=bool),
        np.ones(n, dtype=bool),
        np.full(n, 5.0),
    )
    everyone = np.ones(n, dtype=bool)
    reads = _read(rng, pairs, habit, exam, "local", "R1", everyone, np.zeros(n), slips)
    return reads[READ_COLUMNS]
