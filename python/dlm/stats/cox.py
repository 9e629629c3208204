"""Cox models with several covariates, and whether hazards stay proportional (lifelines)."""

from __future__ import annotations

import math
from statistics import NormalDist

import duckdb
import pandas as pd
from lifelines import CoxPHFitter
from lifelines.exceptions import ConvergenceError
from lifelines.statistics import proportional_hazard_test

from dlm.marts import settings
from dlm.publish import Column
from dlm.stats import Analysis, NotEstimable, Row

EVENTS_PER_COVARIATE = 5
"""Below it a model is not fitted (Vittinghoff and McCulloch, Am J Epidemiol 2007;165:710-8)."""
TERMS = {
    "some_left": "some_left vs all_resected",
    "age_decades": "per 10 years of age",
    "n_lesions": "per liver metastasis at baseline",
    "synchronous": "synchronous vs metachronous",
}
"""Covariates of the trial's model, each with the contrast that its hazard ratio is of."""
# Newton's steps end at rounding, not at lifelines' default of five digits.
_TIGHT = {"precision": 1e-13, "r_precision": 1e-15, "max_steps": 100}


def _event_ranks(
    durations: pd.Series[float], events: pd.Series[bool], _weights: object
) -> pd.Series[float]:
    """Rank of each time among the event times, ties averaged (lifelines' own go by row order)."""
    return durations.where(events.astype(bool)).rank()


_NO_MAXIMUM = "the partial likelihood has no finite maximum: a covariate tells all events apart"
# Where a coefficient runs off to infinity Newton's steps stop somewhere beyond it.
_MOST_LOG_RATIO = 20.0

_SUBJECTS = """
    select
        times.paramcd,
        times.aval as time_days,
        1 - times.cnsr as had_event,
        cast(times.resection_group = 'some_left' as integer) as some_left,
        patients.age / 10e0 as age_decades,
        patients.n_baseline_lesions as n_lesions,
        cast(patients.is_synchronous as integer) as synchronous
    from marts.time_to_event as times
    inner join core.dim_patient as patients using (patient_id)
    where times.resection_group is not null and times.paramcd in ('RFS', 'OS')
    order by times.paramcd desc, times.patient_id
"""


def trial_models(connection: duckdb.DuckDBPyConnection) -> list[Row]:
    """The trial's model for each endpoint: one row per endpoint and covariate."""
    subjects = connection.execute(_SUBJECTS).df()
    level = float(settings(connection)["confidence_level"])
    found: list[Row] = []
    for paramcd, members in subjects.groupby("paramcd", sort=False):
        own = members.drop(columns="paramcd")
        complete = own.dropna().astype(float)
        counts = {
            "paramcd": str(paramcd),
            "n": len(complete),
            "events": int(complete["had_event"].sum()),
            "n_missing": len(own) - len(complete),
        }
        try:
            estimates = fit(complete, "time_days", "had_event", level)
        except NotEstimable as why:
            found.append(counts | {"status": "not estimable", "reason": str(why)})
            continue
        found += [
            counts | {"term": row["term"], "contrast": TERMS[row["term"]]} | row
            for row in estimates
        ]
    return found


def fit(subjects: pd.DataFrame, time: str, event: str, level: float = 0.95) -> list[Row]:
    """Fit a Cox model (ties by Efron) of every other column, and check each for proportionality.

    Args:
        subjects: one row per subject, all columns numeric and complete.
        time: column of times, 0 or more.
        event: column of 1 (event) and 0 (censored).
        level: of the intervals, two-sided.

    Returns:
        For each covariate: term, log_hazard_ratio, std_err, hazard_ratio, hr_lower, hr_upper,
        p_value (Wald), ph_chi2 and ph_p_value (one degree of freedom, scaled Schoenfeld residuals
        against ranked event times).

    Raises:
        NotEstimable: too few events, a covariate that does not vary, or no finite maximum.
    """
    terms = [column for column in subjects.columns if column not in (time, event)]
    events = int(subjects[event].sum())
    if events < EVENTS_PER_COVARIATE * len(terms):
        raise NotEstimable(
            f"{events} events for {len(terms)} covariates: fewer than {EVENTS_PER_COVARIATE} each"
        )
    for term in terms:
        if subjects[term].nunique() < 2:
            raise NotEstimable(f"{term} is the same in every patient")
    try:
        model = CoxPHFitter().fit(subjects, time, event, fit_options=_TIGHT)
        proportional = proportional_hazard_test(
            model, subjects, time_transform=_event_ranks
        ).summary
    except (ConvergenceError, ArithmeticError, ValueError):
        raise NotEstimable(_NO_MAXIMUM) from None
    spread = subjects[terms].max() - subjects[terms].min()
    if (model.params_.abs() * spread > _MOST_LOG_RATIO).any():
        raise NotEstimable(_NO_MAXIMUM)
    z = NormalDist().inv_cdf((1 + level) / 2)
    found = []
    for term in terms:
        beta, std_err = (float(model.summary.loc[term, name]) for name in ("coef", "se(coef)"))
        found.append(
            {
                "term": term,
                "log_hazard_ratio": beta,
                "std_err": std_err,
                "hazard_ratio": math.exp(beta),
                "hr_lower": math.exp(beta - z * std_err),
                "hr_upper": math.exp(beta + z * std_err),
                "p_value": float(model.summary.loc[term, "p"]),
                "ph_chi2": float(proportional.loc[term, "test_statistic"]),
                "ph_p_value": float(proportional.loc[term, "p"]),
            }
        )
    return found


ANALYSES = [
    Analysis(
        name="cox_multivariable",
        comment=(
            "One row per endpoint and covariate: the trial's Cox model with all covariates "
            "together, in the patients of either resection group with complete covariates; "
            "exploratory."
        ),
        columns=(
            Column("paramcd", "varchar", "Endpoint, RFS or OS."),
            Column("term", "varchar", "Covariate; null where the model could not be fitted."),
            Column("contrast", "varchar", "What the hazard ratio compares."),
            Column("n", "bigint", "Patients in the model."),
            Column("events", "bigint", "Patients with an event."),
            Column("n_missing", "bigint", "Patients left out because a covariate is missing."),
            Column("log_hazard_ratio", "double", "Coefficient."),
            Column("std_err", "double", "Its standard error."),
            Column("hazard_ratio", "double", "Hazard ratio, the other covariates held."),
            Column("hr_lower", "double", "Lower bound of its Wald interval."),
            Column("hr_upper", "double", "Upper bound of its Wald interval."),
            Column("p_value", "double", "Two-sided p value of the Wald test."),
            Column("ph_chi2", "double", "Test of proportional hazards for this covariate, 1 df."),
            Column("ph_p_value", "double", "Its p value; a small one speaks against the model."),
        ),
        method=(
            "Cox proportional hazards, ties by Efron, Wald intervals; proportionality by scaled "
            "Schoenfeld residuals against ranked event times (Grambsch and Therneau 1994)"
        ),
        library="lifelines",
        formula="Surv(aval, 1 - cnsr) ~ " + " + ".join(TERMS),
        compute=trial_models,
    )
]
