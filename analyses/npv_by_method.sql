-- How much does the primary endpoint depend on the method, and on lesions not evaluable?
-- 主要評価項目は統計手法や評価不能病変の扱いによってどれだけ変わるか
select
    method,
    unit,
    numerator,
    denominator,
    round(100 * estimate, 1) as percent_nonviable,
    round(100 * lower_bound, 1) as lower_percent,
    round(100 * upper_bound, 1) as upper_percent,
    round(p_value, 4) as p_one_sided,
    coalesce(hypotheses, reason, title) as remark
from marts.modality_concordance_sensitivity
where population = 'ct_mri' and stratum = 'overall'
order by kind, method
