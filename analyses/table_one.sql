-- Who are the operated patients (Table 1)?
-- 手術を受けた患者はどのような背景か（表1）
select
    characteristic,
    level,
    n,
    n_missing,
    round(percent, 1) as percent,
    median,
    q1,
    q3
from marts.baseline_characteristics
where analysis_set = 'operated' and group_name = 'overall'
order by characteristic_order, level_order
