-- Which lesions gone on both CT and MRI were seen again during surgery?
-- CTとMRIで消失した病変のうち、術中に再び見えたものはどれか
select
    lesion_id,
    segment,
    baseline_size_mm,
    ious_verdict,
    ceious_verdict,
    disposition,
    reference_verdict,
    reference_reason
from core.fct_lesion
where is_confirmed_dlm and (ious_verdict = 'visible' or ceious_verdict = 'visible')
order by lesion_id
