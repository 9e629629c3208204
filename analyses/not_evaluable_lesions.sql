-- Which confirmed lesions are not evaluable, and why?
-- CTとMRIで消失した病変のうち、評価不能なものはどれで、理由は何か
select
    not_evaluable_reason,
    count(*) as n_lesions,
    count(distinct patient_id) as n_patients,
    string_agg(lesion_id, ', ' order by lesion_id) as lesions
from core.fct_lesion
where is_confirmed_dlm and not is_evaluable
group by not_evaluable_reason
order by n_lesions desc, not_evaluable_reason asc
