-- How much does each further imaging test add to CT?
-- 画像検査を加えるごとに、腫瘍死滅の割合はどう変わるか
select
    population,
    n_patients,
    n_lesions,
    n_evaluable,
    n_nonviable,
    round(100 * npv, 1) as npv_percent,
    round(100 * clustered_lower, 1) as lower_percent,
    round(100 * clustered_upper, 1) as upper_percent
from marts.modality_concordance
where stratum = 'overall'
order by n_lesions desc, population asc
