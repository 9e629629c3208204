-- Which patients have both confirmed and MRI-visible lesions?
-- MRIでも消失した病変とMRIで見える病変の両方をもつ患者は誰か
select
    patient_id,
    count(case when mri_group = 'confirmed' then 1 end) as n_confirmed,
    count(case when mri_group = 'mri_visible' then 1 end) as n_mri_visible,
    count(case when mri_group = 'mri_unknown' then 1 end) as n_mri_unknown
from core.fct_lesion
where is_dlm
group by patient_id
having
    count(case when mri_group = 'confirmed' then 1 end) > 0
    and count(case when mri_group = 'mri_visible' then 1 end) > 0
order by n_confirmed desc, patient_id asc
