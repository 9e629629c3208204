-- How many of the lesions gone on CT and MRI are really dead (primary endpoint)?
-- CTとMRIの両方で消失した病変のうち、腫瘍が実際に死滅していた割合はどれだけか（主要評価項目）
select
    concordance.n_patients,
    concordance.n_evaluable,
    concordance.n_nonviable,
    round(100 * concordance.npv, 1) as npv_percent,
    round(100 * concordance.clustered_lower, 1) as lower_percent,
    round(100 * concordance.clustered_upper, 1) as upper_percent,
    round(100 * concordance.naive_lower, 1) as naive_lower_percent,
    round(100 * concordance.naive_upper, 1) as naive_upper_percent,
    round(concordance.design_effect, 2) as design_effect,
    100 * cast(build_settings.value as double) as threshold_percent,
    concordance.clustered_lower >= cast(build_settings.value as double) as is_threshold_met
from marts.modality_concordance as concordance
cross join marts.build_settings as build_settings
where
    concordance.population = 'ct_mri'
    and concordance.stratum = 'overall'
    and build_settings.setting = 'npv_threshold'
