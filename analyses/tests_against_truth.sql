-- How well does each imaging test tell viable lesions from dead ones?
-- 各画像検査は腫瘍の残存をどの程度正しく判定するか
select
    test,
    measure,
    numerator,
    denominator,
    round(100 * estimate, 1) as percent,
    round(100 * clustered_lower, 1) as lower_percent,
    round(100 * clustered_upper, 1) as upper_percent,
    coalesce(reason, caveat) as remark
from marts.modality_accuracy
where stratum_value = 'all'
order by test, measure
