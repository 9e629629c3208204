-- Which sites image outside the protocol?
-- 撮像がプロトコルから外れている施設はどこか
select
    site_id,
    modality,
    n_expected,
    n_conform,
    round(percent_conform, 1) as percent_conform,
    n_late,
    n_not_conform,
    n_not_evaluable,
    n_not_done,
    n_missing
from marts.imaging_quality
where timepoint = 'preop' and n_expected > 0
order by percent_conform, site_id, modality
