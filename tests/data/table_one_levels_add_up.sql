-- The levels of a characteristic and its missing values make up the patients of the group.
select
    analysis_set,
    group_name,
    characteristic,
    max(n_total) as n_total,
    sum(n) + max(n_missing) as n_in_levels
from {{ ref('baseline_characteristics') }}
group by analysis_set, group_name, characteristic
having
    sum(n) + max(n_missing) <> max(n_total)
    or min(n_total) <> max(n_total)
    or min(n_missing) <> max(n_missing)
