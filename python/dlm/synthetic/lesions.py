"""Lesions of each patient, and what chemotherapy truly did to them.

The outcome of a lesion depends on its size and on traits of its patient, so lesions of one patient
are alike (ICC above 0). What a reader later says of a lesion may differ from what is drawn here.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from dlm.synthetic.common import Bools, Floats, Ints, chance, logistic, pick

SEGMENTS = ("1", "2", "3", "4a", "4b", "5", "6", "7", "8", "5+6", "7+8")
SEGMENT_WEIGHTS = (0.04, 0.10, 0.11, 0.09, 0.09, 0.13, 0.15, 0.14, 0.12, 0.015, 0.015)
LEFT_SEGMENTS = ("1", "2", "3", "4a", "4b")


def sample_lesions(
    rng: np.random.Generator, patients: pd.DataFrame, slips: float = 1.0
) -> pd.DataFrame:
    """One row per lesion record.

    Latent columns: ``_seen_at_baseline``; ``_ct_gone``, ``_mri_gone``, ``_us_gone`` and
    ``_ceus_gone`` (what a perfect reader would say after chemotherapy); ``_dead`` (no viable cell);
    ``_size_after`` (mm after chemotherapy, of what little may be left where CT sees nothing).
    """
    count = patients["_n_lesions"].to_numpy(dtype=np.int64)
    row = np.repeat(np.arange(len(patients)), count)
    n = len(row)
    frame = pd.DataFrame({"p": patients["p"].to_numpy()[row]})
    frame["lesion_no"] = (np.arange(n) - np.repeat(np.cumsum(count) - count, count) + 1).astype(
        float
    )
    frame["segment"] = pick(rng, n, SEGMENTS, SEGMENT_WEIGHTS)
    size = _sizes(rng, row, len(patients))
    size = _separate(frame["p"].to_numpy(), frame["segment"].to_numpy(dtype=object), size)
    # A few records are of lesions that nobody saw before chemotherapy, never the first.
    late_finding = chance(rng, n, 0.012 * slips) & (frame["lesion_no"].to_numpy() > 1)
    frame["_seen_at_baseline"] = ~late_finding
    frame["_size"] = size
    frame["baseline_size"] = np.where(late_finding, np.nan, size)

    ct_gone = chance(rng, n, logistic(_trait(patients, "_response", row) - 2.3 * np.log(size / 11)))
    ct_gone &= ~late_finding
    dead = np.where(
        ct_gone,
        chance(rng, n, logistic(0.15 + _trait(patients, "_sterile", row))),
        chance(rng, n, 0.07),
    ).astype(bool)
    # MRI and ultrasound see residual tumour more often than scars.
    mri_logit = np.where(dead, 1.55, 0.15) + _trait(patients, "_mri_response", row)
    mri_gone = ct_gone & chance(rng, n, logistic(mri_logit))
    frame["_ct_gone"] = ct_gone
    frame["_mri_gone"] = mri_gone
    frame["_us_gone"] = _sono_gone(rng, mri_gone, ct_gone, dead, 0.93, 0.78)
    frame["_ceus_gone"] = _sono_gone(rng, mri_gone, ct_gone, dead, 0.86, 0.50)
    frame["_dead"] = dead
    shrunk = np.maximum(3.0, np.round(size * (0.3 + 0.65 * rng.random(n))))
    residue = np.minimum(size, 2.0 + np.floor(5 * rng.random(n)))
    # A large lesion that shrinks to so little looks like a slip of units.
    residue = np.maximum(residue, (1 - slips) * np.ceil(size / 5))
    frame["_size_after"] = np.where(ct_gone, residue, shrunk)
    return frame


def _trait(patients: pd.DataFrame, name: str, row: Ints) -> Floats:
    return np.asarray(patients[name].to_numpy(dtype=np.float64)[row], dtype=np.float64)


def _sizes(rng: np.random.Generator, row: Ints, n_patients: int) -> Floats:
    """Baseline diameter in whole mm: log-normal with a share of the patient in it."""
    patient_part = 0.22 * rng.standard_normal(n_patients)
    log_size = np.log(13.5) + patient_part[row] + 0.58 * rng.standard_normal(len(row))
    return np.asarray(np.clip(np.round(np.exp(log_size)), 4.0, 140.0), dtype=np.float64)


def _separate(p: Ints, segment: np.ndarray, size: Floats) -> Floats:
    """Sizes changed by a millimetre where two lesions of a patient would look entered twice."""
    size = size.copy()
    while True:
        key = pd.DataFrame({"p": p, "segment": segment, "size": size})
        twice = key.duplicated().to_numpy()
        if not twice.any():
            return size
        size[twice] += 1.0


def _sono_gone(
    rng: np.random.Generator,
    mri_gone: Bools,
    ct_gone: Bools,
    dead: Bools,
    if_dead: float,
    if_viable: float,
) -> Bools:
    """Not seen by intraoperative ultrasound: mostly what MRI did not see either."""
    p = np.where(mri_gone, np.where(dead, if_dead, if_viable), np.where(ct_gone, 0.2, 0.02))
    return chance(rng, len(p), p)
