-- Where are patients and lesions lost on the way to the primary endpoint?
-- 主要評価項目に至るまでに、患者と病変はどこで減るか
select
    step_order,
    step,
    row_type,
    exclusion_reason,
    sum(case when unit = 'patients' then n else 0 end) as n_patients,
    sum(case when unit = 'lesions' then n else 0 end) as n_lesions
from marts.patient_flow
where row_type in ('remaining', 'excluded')
group by step_order, step, row_type, exclusion_reason
order by step_order, row_type, exclusion_reason
