-- What are the median times to recurrence and to death?
-- 無再発生存期間と全生存期間の中央値はどれだけか
select
    paramcd,
    grouping,
    group_value,
    n,
    events,
    round(median_months, 1) as median_months,
    round(median_lower_months, 1) as lower_months,
    round(median_upper_months, 1) as upper_months
from marts.km_summary
where conf_type = 'log-log'
order by paramcd, grouping, group_value
