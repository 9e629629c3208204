"""Who is registered: sites, baseline facts, chemotherapy and what became of each patient.

Columns that start with an underscore are latent: they drive later draws and reach no file.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from dlm.synthetic.common import (
    Texts,
    chance,
    day_number,
    exponential,
    pick,
    text,
    used_dates,
    where,
    whole,
    yes_no,
)

REGISTRATION_OPENS = day_number(2016, 11, 1)
REGISTRATION_CLOSES = day_number(2021, 3, 31)
# The day the synthetic data centres extract their data; nothing is dated after it.
DATA_LOCK = day_number(2024, 6, 28)

# Share of the patients by data centre; within one, sites differ by what SITE_SPREAD says.
CENTRE_WEIGHTS = {"eortc": 0.31, "jcog": 0.60, "us": 0.09}
SITE_SPREAD = (1.0, 0.6, 1.5, 0.8, 1.2)

FATES = ("operated", "ineligible", "withdrawn", "progression", "unresectable", "died", "other")
FATE_WEIGHTS = (0.48, 0.05, 0.05, 0.19, 0.06, 0.02, 0.15)


def sample_patients(rng: np.random.Generator, n: int, sites: pd.DataFrame) -> pd.DataFrame:
    """``n`` patients, one row each, with latent traits.

    Args:
        rng: stream of this part.
        n: how many.
        sites: ``site_id`` and ``data_centre`` of every active site.

    Returns:
        One row per patient, column ``p`` the number other tables refer to.
    """
    frame = pd.DataFrame({"p": np.arange(n)})
    site = draw_sites(rng, n, sites)
    frame["site_id"] = sites["site_id"].to_numpy(dtype=object)[site]
    frame["_source"] = sites["data_centre"].to_numpy(dtype=object)[site]
    _dates(rng, frame)
    _facts(rng, frame)
    _fate(rng, frame)
    return frame


def draw_sites(rng: np.random.Generator, n: int, sites: pd.DataFrame) -> np.ndarray:
    """Site of each patient, its row in ``sites``; every site gets one before the rest are drawn by
    weight. The first draw of the stream, so that sites are known before anything else is."""
    centre = sites["data_centre"].to_numpy(dtype=object)
    weights = np.zeros(len(sites))
    for name, share in CENTRE_WEIGHTS.items():
        rows = np.flatnonzero(centre == name)
        spread = np.resize(np.asarray(SITE_SPREAD), len(rows))
        weights[rows] = share * spread / spread.sum()
    edges = np.cumsum(weights)
    drawn = np.searchsorted(edges / edges[-1], rng.random(n), side="right")
    drawn[: len(sites)] = np.arange(len(sites))[:n]
    return np.minimum(drawn, len(sites) - 1)


def _dates(rng: np.random.Generator, frame: pd.DataFrame) -> None:
    n = len(frame)
    span = REGISTRATION_CLOSES - REGISTRATION_OPENS
    frame["registration_date"] = REGISTRATION_OPENS + np.floor(rng.random(n) ** 0.85 * (span + 1))
    frame["consent_date"] = frame["registration_date"] - whole(rng, n, 2, 12)
    frame["chemo_start_date"] = frame["registration_date"] + whole(rng, n, 1, 12)
    cycles = np.clip(np.round(7.2 + 2.1 * rng.standard_normal(n)), 4, 12)
    frame["chemo_cycles"] = cycles
    frame["chemo_end_date"] = (
        frame["chemo_start_date"] + 14 * (cycles - 1) + np.floor(exponential(rng, n, 5.0))
    )
    synchronous = chance(rng, n, 0.72)
    frame["synchronous"] = yes_no(synchronous)
    frame["liver_mets_dx_date"] = frame["consent_date"] - whole(rng, n, 8, 55)
    gap = np.where(synchronous, whole(rng, n, 0, 60), 200 + np.floor(exponential(rng, n, 420.0)))
    frame["primary_dx_date"] = frame["liver_mets_dx_date"] - np.minimum(gap, 3000)
    # How exactly a date is known: day, month or year. Never so that the day a partial date counts
    # as would contradict the other dates.
    precision = pick(rng, n, ("day", "month", "year"), (0.86, 0.10, 0.04))
    counted = used_dates(frame["primary_dx_date"], pd.Series(precision)).to_numpy()
    apart = frame["liver_mets_dx_date"].to_numpy() - counted
    fits = np.where(synchronous, (apart >= 0) & (apart <= 183), apart > 0)
    frame["primary_dx_date_precision"] = where(fits.astype(bool), precision, "day")
    frame["liver_mets_dx_date_precision"] = text(n, "day")


def _facts(rng: np.random.Generator, frame: pd.DataFrame) -> None:
    n = len(frame)
    frame["sex"] = pick(rng, n, ("M", "F"), (0.61, 0.39))
    frame["age"] = np.clip(np.round(60.2 + 10.4 * rng.standard_normal(n)), 26, 85)
    frame["primary_site"] = pick(
        rng, n, ("right_colon", "left_colon", "rectum"), (0.26, 0.45, 0.29)
    )
    frame["ras_status"] = pick(rng, n, ("wild", "mutant", "unknown"), (0.56, 0.38, 0.06))
    cea = np.maximum(0.5, np.exp(2.9 + 1.5 * rng.standard_normal(n)))
    cea = np.round(np.minimum(cea, 4000.0), 1)
    frame["cea"] = np.where(chance(rng, n, 0.04), np.nan, cea)
    # 1 ug/L is 1 ng/mL: two names of one unit, by the habit of the site.
    by_litre = frame["site_id"].isin(["EU02", "EU05"]).to_numpy()
    unit: Texts = where(by_litre, "ug_l", "ng_ml")
    frame["cea_unit"] = where(frame["cea"].isna().to_numpy(), "", unit)
    frame["resectability"] = pick(
        rng, n, ("resectable", "borderline", "unresectable"), (0.42, 0.33, 0.25)
    )


def _fate(rng: np.random.Generator, frame: pd.DataFrame) -> None:
    """Operated, or why not; who has many lesions that chemotherapy makes disappear."""
    n = len(frame)
    fate = pick(rng, n, FATES, FATE_WEIGHTS)
    frame["_fate"] = fate
    frame["eligible"] = yes_no(fate != "ineligible")
    withdrawn = frame["chemo_end_date"] + whole(rng, n, 1, 60)
    frame["withdrawal_date"] = np.where(fate == "withdrawn", withdrawn, np.nan)
    # Few patients hold most disappearing lesions: a responder's lesions go together.
    responder = chance(rng, n, 0.5)
    frame["_response"] = np.where(responder, 0.9 + 1.2 * rng.standard_normal(n), -6.5)
    frame["_sterile"] = 1.1 * rng.standard_normal(n)
    frame["_mri_response"] = 0.9 * rng.standard_normal(n)
    burden = np.where(responder, 7.6, 5.9)
    lesions = np.round(burden * np.exp(0.62 * rng.standard_normal(n)))
    frame["_n_lesions"] = np.clip(lesions, 1, 30)
