-- How does this trial compare with earlier series?
-- 本試験の結果は過去の報告と比べてどうか
select
    study,
    year,
    unit,
    index_test,
    stratum,
    nonviable,
    evaluated,
    round(100 * proportion, 1) as percent_nonviable,
    round(100 * ci_lower, 1) as lower_percent,
    round(100 * ci_upper, 1) as upper_percent,
    interval_method
from marts.literature_evidence
where stratum = 'all' or parent_stratum is null
order by is_this_trial, year, study, index_test
