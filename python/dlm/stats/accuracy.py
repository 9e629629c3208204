"""Shares nonviable by generalised estimating equations, by bootstrap, and pooled over series."""

from __future__ import annotations

from collections.abc import Callable
from statistics import NormalDist

import duckdb
import numpy as np
import numpy.typing as npt
from scipy import special, stats
from statsmodels.stats.meta_analysis import combine_effects

from dlm.marts import rows, settings
from dlm.publish import Column
from dlm.stats import NOT_ESTIMABLE, Analysis, NotEstimable, Row

Counts = npt.NDArray[np.int64]

REPLICATES = 10_000
SEED = 1527
"""Of the bootstrap; every part of a population has a stream of its own."""

# Resected and left lesions have their truths from different reference standards.
_CLUSTERS = """
    select population, stratum, stratum_value, n_evaluable as m, n_nonviable as x
    from intermediate.int_concordance_patient
    where
        n_evaluable > 0
        and (
            stratum = 'overall'
            or (stratum = 'disposition' and stratum_value in ('resected', 'left_in_place'))
        )
    order by population, stratum desc, stratum_value desc, patient_id
"""
# A series belongs to one pool by the part of it that the row is about: never a whole with its part.
_POOLS = {"all": "all", "resected": "resected", "left in place": "followed", "followed": "followed"}
_PRIMARY = "ct_mri"
_MINE = {"all": "all", "resected": "resected", "left in place": "followed"}


def npv_by_gee(connection: duckdb.DuckDBPyConnection) -> list[Row]:
    """One row per part of a population: the share by an intercept-only GEE."""
    level = float(settings(connection)["confidence_level"])
    return _each_part(connection, lambda m, x, _: fit_gee(m, x, level))


def npv_by_bootstrap(connection: duckdb.DuckDBPyConnection) -> list[Row]:
    """One row per part of a population: the share with its BCa interval."""
    level = float(settings(connection)["confidence_level"])
    return _each_part(connection, lambda m, x, place: bootstrap(m, x, level, (SEED, place)))


def pooled_literature(connection: duckdb.DuckDBPyConnection) -> list[Row]:
    """One row per unit and part of the series: earlier series pooled, this trial beside them.

    A stratum is never pooled with the whole it is a part of, nor patients with lesions; a series
    that has two rows in one pool is refused.
    """
    level = float(settings(connection)["confidence_level"])
    found = rows(
        connection,
        """
        select * from marts.literature_evidence
        where evaluated > 0
        order by unit, year, study, index_test, stratum
        """,
    )
    mine = {
        _MINE[row["stratum"]]: row
        for row in found
        if row["population"] == _PRIMARY and row["stratum"] in _MINE
    }
    pools: dict[tuple[str, str], list[Row]] = {}
    for row in found:
        if not row["is_this_trial"] and row["stratum"] in _POOLS:
            pools.setdefault((row["unit"], _POOLS[row["stratum"]]), []).append(row)
    result = []
    for (unit, part), series in pools.items():
        named = [f"{row['study']} {row['year']}" for row in series]
        counts: Row = {
            "unit": unit,
            "stratum": part,
            "n_studies": len(series),
            "studies": "; ".join(named),
            "nonviable": sum(row["nonviable"] for row in series),
            "evaluated": sum(row["evaluated"] for row in series),
        }
        trial = mine.get(part) if unit == "lesion" else None
        if trial is not None:
            counts |= {
                "trial_share": trial["proportion"],
                "trial_lower": trial["ci_lower"],
                "trial_upper": trial["ci_upper"],
            }
        try:
            if len(set(named)) < len(named):
                raise NotEstimable("a series would count twice")
            result.append(
                counts
                | pool(
                    np.array([row["nonviable"] for row in series], dtype=float),
                    np.array([row["evaluated"] for row in series], dtype=float),
                    level,
                )
            )
        except NotEstimable as why:
            result.append(counts | {"status": NOT_ESTIMABLE, "reason": str(why)})
    return result


def fit_gee(m: Counts, x: Counts, level: float) -> Row:
    """Share of x successes in m trials per cluster: logit link, exchangeable correlation.

    Liang and Zeger, Biometrika 1986;73:13-22. Without covariates a cluster is its two counts, and
    those of like counts are one term of the equations, so that the work does not grow with them.

    Returns:
        share, log_odds, std_err (robust, of the log odds), lower, upper (t on K - 1 degrees of
        freedom), working_correlation (at most 1).

    Raises:
        NotEstimable: one cluster, clusters whose shares do not differ (the robust variance would
            be 0), lesions less alike than a correlation can say, or no convergence.
    """
    _refuse_no_variation(m, x)
    kinds, alike = np.unique(np.stack([m, x]), axis=1, return_counts=True)
    sizes, hits = kinds
    correlation, change = 0.0, np.inf
    for _ in range(500):
        weights = 1 / (1 + (sizes - 1) * correlation)
        if not (weights > 0).all():
            raise NotEstimable("lesions of a patient are less alike than a correlation can say")
        share = float(alike @ (weights * hits) / (alike @ (weights * sizes)))
        if change < 1e-14:
            break
        before, correlation = correlation, _exchangeable(sizes, hits, alike, share)
        change = abs(correlation - before)
    else:
        raise NotEstimable("the estimating equations did not converge")
    meat = alike @ (weights * (hits - sizes * share)) ** 2
    std_err = float(np.sqrt(meat) / (alike @ (weights * sizes) * share * (1 - share)))
    log_odds = float(special.logit(share))
    reach = float(stats.t.ppf((1 + level) / 2, len(m) - 1)) * std_err
    return {
        "share": share,
        "log_odds": log_odds,
        "std_err": std_err,
        "lower_bound": float(special.expit(log_odds - reach)),
        "upper_bound": float(special.expit(log_odds + reach)),
        "working_correlation": correlation,
    }


def _exchangeable(sizes: Counts, hits: Counts, alike: Counts, share: float) -> float:
    """Moment estimate of the correlation within clusters; 0 where hardly two lesions share one.

    It exceeds 1 where lesions of a cluster are all alike, since its divisors are not those of the
    sums; 1 is then taken, by which every cluster weighs alike.
    """
    pairs = alike @ (sizes * (sizes - 1)) / 2
    if pairs <= 1:
        return 0.0
    squares = hits * (1 - share) ** 2 + (sizes - hits) * share**2
    products = ((hits - sizes * share) ** 2 - squares) / 2
    scale = alike @ squares / (alike @ sizes - 1)
    return min(float(alike @ products / scale / (pairs - 1)), 1.0)


def bootstrap(m: Counts, x: Counts, level: float, seed: tuple[int, ...]) -> Row:
    """Share of x successes in m trials per cluster, clusters resampled: BCa interval.

    Efron, JASA 1987;82:171-185. Clusters of like counts are drawn together, so that the work does
    not grow with their number.

    Returns:
        share, lower_bound, upper_bound, bias_correction, acceleration, n_replicates.

    Raises:
        NotEstimable: one cluster, or clusters whose shares do not differ.
    """
    _refuse_no_variation(m, x)
    kinds, counts = np.unique(np.stack([m, x]), axis=1, return_counts=True)
    clusters = len(m)
    drawn = np.random.default_rng(seed).multinomial(clusters, counts / clusters, REPLICATES)
    shares = (drawn @ kinds[1]) / (drawn @ kinds[0])
    share = x.sum() / m.sum()
    below = np.mean(shares < share) + np.mean(shares == share) / 2
    left_out = (x.sum() - kinds[1]) / (m.sum() - kinds[0])
    away = np.average(left_out, weights=counts) - left_out
    acceleration = float(np.sum(counts * away**3) / (6 * np.sum(counts * away**2) ** 1.5))
    if not 0 < below < 1:
        raise NotEstimable("every sample is on one side of the estimate")
    bias = NormalDist().inv_cdf(float(below))
    z = NormalDist().inv_cdf((1 + level) / 2)
    ends = [
        NormalDist().cdf(bias + (bias + end) / (1 - acceleration * (bias + end))) for end in (-z, z)
    ]
    lower, upper = np.quantile(shares, ends)
    return {
        "share": float(share),
        "lower_bound": float(lower),
        "upper_bound": float(upper),
        "bias_correction": bias,
        "acceleration": acceleration,
        "n_replicates": REPLICATES,
    }


def pool(
    nonviable: npt.NDArray[np.float64], evaluated: npt.NDArray[np.float64], level: float
) -> Row:
    """Random-effects mean of shares on the logit scale (Paule-Mandel), with prediction interval.

    The mean's interval is that of Hartung, Knapp, Sidik and Jonkman on k - 1 degrees of freedom,
    its scale max(1, Q / (k - 1)) (Knapp and Hartung, Stat Med 2003;22:2693-2710; Roever, Knapp and
    Friede, BMC Med Res Methodol 2015;15:99): series that differ less than by chance would narrow
    it, down to nothing where they are equal. Where a series is at an end half a unit is added to
    either side. The prediction interval, for the share of a new series, is that of Higgins,
    Thompson and Spiegelhalter (JRSS A 2009;172:137-159) on k - 2, and so there is none from two
    series.

    Raises:
        NotEstimable: fewer than two series.
    """
    studies = len(nonviable)
    if studies < 2:
        raise NotEstimable("one series only: nothing to pool")
    at_end = (nonviable == 0) | (nonviable == evaluated)
    hits = nonviable + 0.5 * at_end
    misses = evaluated - nonviable + 0.5 * at_end
    # Its own share of heterogeneity, of equal series, is divided by 0; ours stands below.
    with np.errstate(divide="ignore"):
        found = combine_effects(
            np.log(hits / misses),
            1 / hits + 1 / misses,
            method_re="iterated",
            atol=1e-13,
            maxiter=1000,
        )
    mean, tau_squared = float(found.mean_effect_re), max(float(found.tau2), 0.0)
    std_err = max(float(found.sd_eff_w_re), float(found.sd_eff_w_re_hksj))
    reach = float(stats.t.ppf((1 + level) / 2, studies - 1)) * std_err
    row: Row = {
        "pooled_share": float(special.expit(mean)),
        "ci_lower": float(special.expit(mean - reach)),
        "ci_upper": float(special.expit(mean + reach)),
        "tau_squared": tau_squared,
        "i_squared": max(0.0, 1 - (studies - 1) / float(found.q)) if found.q > 0 else 0.0,
        "q": float(found.q),
        "q_p_value": float(stats.chi2.sf(found.q, studies - 1)),
    }
    if studies < 3:
        return row
    spread = float(np.sqrt(tau_squared + found.sd_eff_w_re**2))
    reach = float(stats.t.ppf((1 + level) / 2, studies - 2)) * spread
    return row | {
        "prediction_lower": float(special.expit(mean - reach)),
        "prediction_upper": float(special.expit(mean + reach)),
    }


def _each_part(
    connection: duckdb.DuckDBPyConnection, estimate: Callable[[Counts, Counts, int], Row]
) -> list[Row]:
    """An estimate for each part of each population, from the counts of its patients."""
    clusters = connection.execute(_CLUSTERS).df()
    found: list[Row] = []
    parts = clusters.groupby(["population", "stratum", "stratum_value"], sort=False)
    for place, (key, members) in enumerate(parts):
        m, x = (members[name].to_numpy(dtype=np.int64) for name in ("m", "x"))
        counts: Row = dict(zip(("population", "stratum", "stratum_value"), key, strict=True)) | {
            "n_patients": len(m),
            "n_evaluable": int(m.sum()),
            "n_nonviable": int(x.sum()),
        }
        try:
            found.append(counts | estimate(m, x, place))
        except NotEstimable as why:
            found.append(counts | {"status": NOT_ESTIMABLE, "reason": str(why)})
    return found


def _refuse_no_variation(m: Counts, x: Counts) -> None:
    if len(m) < 2:
        raise NotEstimable("one patient only: how much patients differ is not known")
    if x.sum() in (0, m.sum()):
        raise NotEstimable("every lesion has the same outcome")
    if np.all(x * m.sum() == m * x.sum()):
        raise NotEstimable("every patient has the same share")


_PART = (
    Column("population", "varchar", "Population of modality_concordance."),
    Column("stratum", "varchar", "overall or disposition."),
    Column("stratum_value", "varchar", "all, resected or left_in_place."),
    Column("n_patients", "bigint", "Patients with an evaluable lesion: the clusters."),
    Column("n_evaluable", "bigint", "Their evaluable lesions."),
    Column("n_nonviable", "bigint", "Nonviable ones of these."),
)

ANALYSES = [
    Analysis(
        name="npv_gee",
        comment=(
            "One row per population and part of it with an evaluable lesion: share nonviable by "
            "generalised estimating equations, lesions within patients."
        ),
        columns=(
            *_PART,
            Column("share", "double", "Share nonviable, as the model estimates it."),
            Column("log_odds", "double", "Its log odds, the coefficient."),
            Column("std_err", "double", "Robust standard error of the log odds."),
            Column("lower_bound", "double", "Lower bound of the share."),
            Column("upper_bound", "double", "Upper bound of the share."),
            Column(
                "working_correlation",
                "double",
                "Exchangeable correlation within patients, 1 where its estimate exceeds it.",
            ),
        ),
        method=(
            "Generalised estimating equations, binomial with logit link, exchangeable working "
            "correlation, robust variance (Liang and Zeger, Biometrika 1986;73:13-22), t on K - 1 "
            "degrees of freedom for K patients"
        ),
        library="numpy",
        formula="logit P(nonviable) ~ 1, groups = patient",
        compute=npv_by_gee,
    ),
    Analysis(
        name="npv_bootstrap",
        comment=(
            "One row per population and part of it with an evaluable lesion: share nonviable with "
            "a bias-corrected and accelerated bootstrap interval over patients."
        ),
        columns=(
            *_PART,
            Column("share", "double", "Share nonviable."),
            Column("lower_bound", "double", "Lower bound."),
            Column("upper_bound", "double", "Upper bound."),
            Column("bias_correction", "double", "z0: normal quantile of the replicates below."),
            Column("acceleration", "double", "By the jackknife over patients."),
            Column("n_replicates", "bigint", "Samples drawn, from a fixed seed."),
        ),
        method=(
            "Bootstrap over patients, bias-corrected and accelerated (Efron, JASA "
            "1987;82:171-185); modality_concordance_sensitivity has percentiles of another sample"
        ),
        library="numpy",
        formula="sum x / sum m over K patients drawn with replacement",
        compute=npv_by_bootstrap,
    ),
    Analysis(
        name="literature_pooled",
        comment=(
            "One row per unit and part of the earlier series: random-effects mean of their shares "
            "nonviable, interval for a new series, and this trial (gone on CT and MRI) beside. "
            "The series' own lesions are taken for independent, since counts only were published."
        ),
        columns=(
            Column("unit", "varchar", "What the series count, lesion or patient; never mixed."),
            Column("stratum", "varchar", "all, resected or followed (left in place)."),
            Column("n_studies", "bigint", "Series pooled."),
            Column("studies", "varchar", "Which."),
            Column("nonviable", "bigint", "Nonviable lesions (or patients) of all."),
            Column("evaluated", "bigint", "Lesions (or patients) of all with known truth."),
            Column("pooled_share", "double", "Random-effects mean."),
            Column("ci_lower", "double", "Lower bound of the mean."),
            Column("ci_upper", "double", "Upper bound of the mean."),
            Column(
                "prediction_lower",
                "double",
                "Lower bound for the share of a new series; null from two series.",
            ),
            Column("prediction_upper", "double", "Upper bound of the same."),
            Column("tau_squared", "double", "Variance between series, of the logit."),
            Column("i_squared", "double", "Share of the variation that is between series."),
            Column("q", "double", "Cochran's Q, n_studies - 1 degrees of freedom."),
            Column("q_p_value", "double", "Its p value."),
            Column("trial_share", "double", "This trial's share; null for patients."),
            Column("trial_lower", "double", "Lower bound of this trial's clustered interval."),
            Column("trial_upper", "double", "Upper bound of this trial's clustered interval."),
        ),
        method=(
            "Random-effects meta-analysis of logits, Paule-Mandel; interval of Hartung, Knapp, "
            "Sidik and Jonkman with a scale of at least 1, prediction interval of Higgins, "
            "Thompson and Spiegelhalter (t on k - 2 degrees of freedom)"
        ),
        library="statsmodels",
        formula="logit(nonviable / evaluated) ~ 1, variance 1/x + 1/(n - x) + tau^2",
        compute=pooled_literature,
    ),
]
