-- Does the share nonviable differ between regions?
-- 腫瘍死滅の割合は地域によって異なるか
select
    population,
    stratum_value as region,
    n_patients,
    n_evaluable,
    n_nonviable,
    round(100 * npv, 1) as npv_percent,
    round(100 * clustered_lower, 1) as lower_percent,
    round(100 * clustered_upper, 1) as upper_percent,
    method
from marts.modality_concordance
where stratum = 'region' and population in ('ct', 'ct_mri')
order by population, region
