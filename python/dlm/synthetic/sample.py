"""One draw of the whole trial: every form of every patient, in canonical codes and units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from dlm.synthetic import course, imaging, operations
from dlm.synthetic.common import FORM_KEYS, FORMS, Ints, Tables, stream, where, yes_no
from dlm.synthetic.lesions import sample_lesions
from dlm.synthetic.patients import sample_patients


def sample_trial(seed: int, n_patients: int, sites: pd.DataFrame, slips: float = 1.0) -> Tables:
    """Draw ``n_patients`` with everything that happened to them.

    Args:
        seed: the same seed and number give the same trial.
        n_patients: how many are registered.
        sites: ``site_id`` and ``data_centre`` of every active site.
        slips: how often things go wrong that a steward asks about (late or missing exams, blanks,
            miscounts, readers left in disagreement, patients lost): 1 as in any trial, 0 never.

    Returns:
        One table per form. Patients are still numbered (column ``p``); ``file_trial`` gives ids.
    """
    patients = sample_patients(stream(seed, "patients"), n_patients, sites)
    lesions = sample_lesions(stream(seed, "lesions"), patients, slips)
    surgery_stream = stream(seed, "surgery")
    stages = operations.sample_stages(surgery_stream, patients)
    dispositions = operations.sample_dispositions(surgery_stream, patients, lesions, stages)
    final = dispositions[dispositions["_final"]]
    pathology = operations.build_pathology(stream(seed, "pathology"), dispositions, slips)
    reads = imaging.build_reads(stream(seed, "reads"), patients, lesions, stages, final, slips)

    after = stream(seed, "course")
    left = course.sample_regrowth(after, final)
    fates = course.sample_fates(after, patients, stages, left, slips)
    visits = course.build_visits(after, fates, slips)
    findings, later_pathology = course.build_findings(after, fates, left, visits, slips)
    followup = course.build_followup(visits, findings)
    followup = course.blur_recurrences(after, followup, fates, slips)
    outcome = course.build_outcome(after, patients, fates, visits, slips)
    spots = imaging.build_followup_reads(stream(seed, "spots"), patients, left, followup, slips)
    return {
        "registration": _declare(stream(seed, "declared"), patients, lesions, slips),
        "lesion": _mark(stream(seed, "marks"), lesions, reads, slips),
        "read": pd.concat([reads, spots], ignore_index=True),
        "surgery": operations.build_surgery(surgery_stream, stages, dispositions),
        "disposition": dispositions,
        "pathology": pd.concat([pathology, later_pathology], ignore_index=True),
        "followup": followup,
        "outcome": outcome,
    }


def _declare(
    rng: np.random.Generator, patients: pd.DataFrame, lesions: pd.DataFrame, slips: float
) -> pd.DataFrame:
    """The number of metastases a site declared at registration, now and then miscounted."""
    n = len(patients)
    seen = lesions[lesions["_seen_at_baseline"]].groupby("p").size()
    counted = seen.reindex(patients["p"]).to_numpy(dtype=np.float64)
    off = np.where(rng.random(n) < 0.04 * slips, np.where(rng.random(n) < 0.5, 1.0, 2.0), 0.0)
    declared = counted + np.where(rng.random(n) < 0.5, off, -off)
    return patients.assign(n_lesions_declared=np.maximum(declared, 1.0))


def _mark(
    rng: np.random.Generator, lesions: pd.DataFrame, reads: pd.DataFrame, slips: float
) -> pd.DataFrame:
    """The site's own mark "disappeared" (what its first reader said last, with slips) and the day
    of its baseline CT, unless the lesion was not seen then."""
    own = reads[
        (reads["modality"] == "CT")
        & (reads["timepoint"] == "preop")
        & (reads["reader_role"] == "local")
    ]
    own = own[own["reader_id"].str.endswith("-R1")].sort_values("read_date")
    own = own.drop_duplicates(["p", "lesion_no"], keep="last")[["p", "lesion_no", "verdict"]]
    said = lesions[["p", "lesion_no"]].merge(own, on=["p", "lesion_no"], how="left")["verdict"]
    slip = rng.random(len(lesions)) < 0.006 * slips
    mark = yes_no((said == "not_visible").to_numpy() ^ slip)
    scan = reads[(reads["timepoint"] == "baseline") & (reads["modality"] == "CT")]
    day = lesions["p"].map(scan.drop_duplicates("p").set_index("p")["read_date"])
    return lesions.assign(
        site_disappeared=np.where(said.isna(), "", mark),
        baseline_date=day.where(lesions["_seen_at_baseline"]),
    )


def select_patients(tables: Tables, chosen: np.ndarray) -> Tables:
    """The records of some patients only."""
    return {
        form: frame[frame["p"].isin(chosen)].reset_index(drop=True)
        for form, frame in tables.items()
    }


def patient_ids(
    tables: Tables, before: Mapping[str, int] | None = None, most: int | None = None
) -> pd.Series:
    """Id of each patient by number ``p``: counted within the site in the order of registration.

    Args:
        tables: the trial, or one part of it.
        before: patients of each site in the parts before; none where there is one part.
        most: patients of the largest site of the whole trial, where this is a part.
    """
    patients = tables["registration"].sort_values(["site_id", "registration_date", "p"])
    number = patients.groupby("site_id").cumcount() + 1
    if before is not None:
        number += patients["site_id"].map(before).fillna(0).astype("int64")
    # Numbers that begin with 9 stay free, for records of patients who were never registered.
    width = max(3, len(str((most or int(number.max())) * 10 // 9)))
    ids = patients["site_id"] + "-" + number.astype(str).str.zfill(width)
    return pd.Series(ids.to_numpy(dtype=object), index=patients["p"].to_numpy())


def file_trial(tables: Tables, ids: pd.Series | None = None) -> Tables:
    """Give patients and specimens their ids, and put the records in the order of their keys.

    ``ids`` is the id of each patient by number, where it is not counted anew.
    """
    lookup = patient_ids(tables) if ids is None else ids
    filed: Tables = {}
    for form in FORMS:
        frame = tables[form].copy()
        frame["patient_id"] = frame["p"].map(lookup)
        if "_specimen" in frame:
            specimen = frame["patient_id"] + "-" + frame["_specimen"]
            frame["specimen_id"] = where((frame["_specimen"] != "").to_numpy(), specimen, "")
        visible = [name for name in frame.columns if name != "p" and not name.startswith("_")]
        frame = frame[["patient_id", *[name for name in visible if name != "patient_id"]]]
        filed[form] = frame.take(_filing_order(frame, FORM_KEYS[form])).reset_index(drop=True)
    return filed


def _filing_order(frame: pd.DataFrame, keys: Sequence[str]) -> Ints:
    """The rows in the order of their keys; no number comes before any."""
    ranks = []
    for key in keys:
        values = frame[key].to_numpy()
        if values.dtype == object:
            values, _ = pd.factorize(values, sort=True)
        else:
            values = np.where(np.isnan(values), -np.inf, values)
        ranks.append(values)
    return np.lexsort(ranks[::-1])
