-- Lesions gone on CT are those gone on MRI too, those still visible there and those MRI could
-- not tell, and so are the evaluable and the nonviable ones; in every stratum that does not
-- itself depend on the population.
with

concordance as (
    select *
    from {{ ref('modality_concordance') }}
    where stratum <> 'lesions_per_patient'
),

signed as (
    select
        stratum,
        stratum_value,
        n_lesions,
        n_evaluable,
        n_nonviable,
        case population when 'ct' then 1 when 'ct_mri_ceious' then 0 else -1 end as sign
    from concordance
)

select
    stratum,
    stratum_value,
    sum(sign * n_lesions) as n_lesions_left_over,
    sum(sign * n_evaluable) as n_evaluable_left_over,
    sum(sign * n_nonviable) as n_nonviable_left_over
from signed
group by stratum, stratum_value
having
    sum(sign * n_lesions) <> 0
    or sum(sign * n_evaluable) <> 0
    or sum(sign * n_nonviable) <> 0
