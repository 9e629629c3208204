-- Which confirmed lesions left in place grew again, and when?
-- 温存した病変のうち、同部位に再発したものはどれで、それはいつか
select
    lesion_id,
    segment,
    baseline_size_mm,
    regrowth_date,
    days_to_regrowth,
    was_resected_later,
    reference_standard,
    reference_verdict
from core.fct_lesion
where is_confirmed_dlm and disposition = 'left_in_place' and regrowth_date is not null
order by days_to_regrowth, lesion_id
