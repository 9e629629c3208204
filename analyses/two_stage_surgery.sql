-- Who had planned two-stage surgery, and was it completed?
-- 二期的手術が計画された患者は誰で、完遂されたか
select
    patient_id,
    planned_stages,
    n_stages_performed,
    first_surgery_date,
    surgery_date as day_zero,
    n_dlm,
    resection_group
from core.dim_patient
where is_operated and planned_stages > 1
order by patient_id
