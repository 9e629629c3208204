-- By how much does each further test change the share nonviable, in the same patients?
-- 検査を加えると残存なしの割合は同じ患者の中でどれだけ変わるか
select
    first,
    second,
    stratum_value as lesions,
    n_patients,
    round(100 * first_share, 1) as first_percent,
    round(100 * second_share, 1) as second_percent,
    round(100 * difference, 1) as points,
    round(100 * difference_lower, 1) as lower_points,
    round(100 * difference_upper, 1) as upper_points,
    difference_reason
from marts.modality_agreement
where kind = 'npv'
order by first, second, stratum_value
