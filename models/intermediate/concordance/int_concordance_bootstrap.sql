-- One row per population, stratum and stratum value with at least two patients and not too many:
-- percentiles of the share nonviable over samples of as many patients, drawn with replacement.
with

patients as (
    select * from {{ ref('int_concordance_patient') }}
),

clusters as (
    select
        population,
        stratum,
        stratum_value,
        patient_id as cluster_id,
        n_evaluable as m,
        n_nonviable as x
    from patients
),

resampled as (
    {{ bootstrap_shares(
        'clusters', ['population', 'stratum', 'stratum_value'],
        var('bootstrap_replicates'), var('bootstrap_seed'), var('bootstrap_most_patients'),
    ) }}
)

select
    population,
    stratum,
    stratum_value,
    n_replicates,
    lower_bound,
    upper_bound
from resampled
