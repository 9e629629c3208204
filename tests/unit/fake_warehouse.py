"""A small made-up warehouse with the marts that figures and report read.

Columns are those of the models (test_pages compares them); values are invented but add up.
"""

from __future__ import annotations

import duckdb

SCHEMA = """
create schema core; create schema marts; create schema quality; create schema reference;
create schema stats;

create table marts.build_settings (setting varchar, value varchar, description varchar);

create table marts.modality_concordance (
    population varchar, stratum varchar, stratum_value varchar, n_patients_population bigint,
    n_patients bigint, n_lesions bigint, n_evaluable bigint, n_nonviable bigint, n_viable bigint,
    npv double, naive_lower double, naive_upper double, clustered_lower double,
    clustered_upper double, design_effect double, icc double, n_effective double, method varchar
);

create table marts.modality_crosstab (
    test varchar, verdict varchar, truth varchar, n_lesions bigint, n_patients bigint,
    sensitivity double, sensitivity_reason varchar, specificity double,
    specificity_reason varchar, ppv double, ppv_reason varchar, npv double, npv_reason varchar
);

create table marts.modality_accuracy (
    test varchar, stratum_value varchar, measure varchar, n_lesions bigint, n_judged bigint,
    n_verified bigint, n_patients bigint, numerator bigint, denominator bigint, estimate double,
    clustered_lower double, clustered_upper double, status varchar, reason varchar, caveat varchar
);

create table marts.modality_concordance_sensitivity (
    population varchar, stratum varchar, stratum_value varchar, method varchar, kind varchar,
    unit varchar, n_patients bigint, numerator bigint, numerator_upper bigint,
    denominator bigint, estimate double, lower_bound double, upper_bound double,
    outer_lower double, outer_upper double, hypotheses varchar, test_statistic double, df double,
    p_value double, design_effect double, n_effective double, status varchar, reason varchar,
    title varchar, formula varchar, reference varchar
);

create table reference.ref_accuracy_methods (
    method varchar, method_order integer, title_en varchar, title_ja varchar
);

create table stats.npv_gee (
    population varchar, stratum varchar, stratum_value varchar, n_evaluable bigint,
    n_nonviable bigint, share double, lower_bound double, upper_bound double, reason varchar,
    library varchar
);

create table stats.literature_pooled (
    unit varchar, stratum varchar, n_studies bigint, nonviable bigint, evaluated bigint,
    pooled_share double, ci_lower double, ci_upper double, prediction_lower double,
    prediction_upper double, tau_squared double, i_squared double, trial_share double,
    trial_lower double, trial_upper double, reason varchar, method varchar
);

create table marts.modality_agreement (
    comparison varchar, kind varchar, unit varchar, timepoint varchar, stratum_value varchar,
    first varchar, second varchar, n_patients bigint, n_pairs bigint, n_both_visible bigint,
    n_first_only bigint, n_second_only bigint, n_both_not_visible bigint, n_unpaired bigint,
    agreement double, kappa double, kappa_lower double, kappa_upper double, kappa_reason varchar,
    first_numerator bigint, first_denominator bigint, first_share double, second_numerator bigint,
    second_denominator bigint, second_share double, difference double, difference_lower double,
    difference_upper double, difference_p_value double, difference_reason varchar,
    obuchowski_chi2 double, obuchowski_p_value double, durkalski_chi2 double,
    durkalski_p_value double, mcnemar_reason varchar, method varchar
);

create table marts.patient_flow (
    step_order integer, step varchar, unit varchar, row_type varchar, exclusion_reason varchar,
    division varchar, n bigint, n_patients bigint
);

create table marts.baseline_characteristics (
    analysis_set varchar, group_name varchar, characteristic varchar, level varchar,
    statistic varchar, characteristic_order integer, level_order integer, n bigint,
    n_total bigint, n_missing bigint, percent double, median double, q1 double, q3 double,
    minimum double, maximum double
);

create table marts.time_to_event (
    patient_id varchar, paramcd varchar, aval integer, cnsr integer, resection_group varchar
);

create table marts.km_curve (
    paramcd varchar, grouping varchar, group_value varchar, conf_type varchar, time_days integer,
    n_risk bigint, n_event bigint, n_censor bigint, survival double, std_err double,
    ci_lower double, ci_upper double
);

create table marts.km_summary (
    paramcd varchar, grouping varchar, group_value varchar, conf_type varchar, n bigint,
    events bigint, median_not_estimable_reason varchar,
    median_days double, median_lower_days double, median_upper_days double,
    median_months double, median_lower_months double, median_upper_months double,
    survival_6m double, survival_6m_lower double, survival_6m_upper double,
    survival_12m double, survival_12m_lower double, survival_12m_upper double,
    survival_24m double, survival_24m_lower double, survival_24m_upper double,
    survival_36m double, survival_36m_lower double, survival_36m_upper double,
    rmst_days double, rmst_std_err double, rmst_horizon_days double,
    rmst_not_estimable_reason varchar, followup_median_days double
);

create table marts.survival_comparison (
    paramcd varchar, grouping varchar, n_groups bigint, logrank_chi2 double, df integer,
    p_value double, hazard_ratio double, hr_lower double, hr_upper double, hr_contrast varchar,
    label varchar, not_estimable_reason varchar, stratified_by varchar,
    stratified_logrank_chi2 double, stratified_df integer, stratified_p_value double,
    stratified_hazard_ratio double, stratified_hr_lower double, stratified_hr_upper double
);

create table marts.km_at_risk (
    paramcd varchar, grouping varchar, group_value varchar, time_months integer, time_days double,
    n_risk bigint, n_censor bigint, n_event bigint
);

create table stats.cox_multivariable (
    paramcd varchar, term varchar, hazard_ratio double, hr_lower double, hr_upper double,
    p_value double, ph_p_value double, status varchar, reason varchar, method varchar,
    library varchar, formula varchar
);

create table marts.published_results (
    claim_id varchar, topic varchar, population varchar, statistic varchar, unit varchar,
    published_value varchar, computed_value varchar, computed_numeric double, numerator bigint,
    denominator bigint, claim_status varchar, status varchar, reason varchar, source varchar,
    note varchar
);

create table marts.literature_evidence (
    study varchar, year integer, unit varchar, index_test varchar, stratum varchar,
    parent_stratum varchar, reference_standard varchar, nonviable bigint, evaluated bigint,
    proportion double, ci_lower double, ci_upper double, interval_method varchar,
    evidence_status varchar, is_this_trial boolean, population varchar, source varchar
);

create table quality.row_accounting (
    source varchar, site_id varchar, form varchar, file varchar, records_in bigint,
    loaded bigint, quarantined bigint, exact_duplicates bigint
);
create table quality.unreadable_values (
    source varchar, form varchar, column_name varchar, patient_id varchar, record_key varchar,
    raw_text varchar, reason varchar, delivery_file varchar, delivery_line bigint
);
create table quality.unmapped_values (
    source varchar, form varchar, column_name varchar, list_name varchar, source_value varchar,
    n_records bigint
);
create table quality.conflicting_duplicates (
    source varchar, form varchar, record_key varchar, payload_hash varchar, is_kept boolean,
    delivery_file varchar, delivery_line bigint
);
create table quality.endpoint_exclusions (
    patient_id varchar, site_id varchar, paramcd varchar, reason varchar, severity varchar,
    detail varchar
);
"""

GX_RESULTS = """
create table quality.gx_results (
    suite varchar, table_name varchar, expectation varchar, column_name varchar, level varchar,
    status varchar, n_checked bigint, n_violated bigint, failing_keys varchar
);
insert into quality.gx_results values
    ('core_patients', 'core.dim_patient', 'expect_column_values_to_be_unique', 'patient_id',
        'blocking', 'pass', 60, 0, null),
    ('core_reads', 'core.fct_read', 'expect_column_values_to_be_between', 'size_mm',
        'warning', 'warn', 900, 2, 'EU01-001-L01|MRI')
"""

VALUES = """
insert into marts.build_settings values
    ('cutoff', null, 'Last clinical date that counts'),
    ('days_per_month', '30.4375', 'Days in a month'),
    ('npv_threshold', '0.85', 'Prespecified threshold of the primary endpoint'),
    ('preop_window_days', '42', 'CT and MRI at most so many days before surgery (assumption)'),
    ('reference_followup_days', '730', 'Left lesions are judged for so many days'),
    ('confidence_level', '0.95', 'Two-sided confidence level'),
    ('derivation_version', '1', 'Version of the derivation rules');

insert into marts.modality_concordance
select
    population, stratum, stratum_value, patients, patients, lesions, evaluable, nonviable,
    evaluable - nonviable, npv, greatest(npv - 0.08, 0.0), least(npv + 0.08, 1.0),
    greatest(npv - 0.12, 0.0), least(npv + 0.12, 1.0), 1.9, 0.3, evaluable / 1.9,
    'wilson_effective_size'
from (
    select *, nonviable / nullif(evaluable, 0) as npv
    from (values
        ('ct', 'overall', 'all', 30, 160, 120, 66),
        ('ct', 'region', 'Europe', 10, 60, 45, 25),
        ('ct', 'region', 'Japan', 17, 90, 67, 36),
        ('ct', 'region', 'United States', 3, 10, 8, 5),
        ('ct_mri', 'overall', 'all', 24, 110, 80, 50),
        ('ct_mri', 'disposition', 'left_in_place', 12, 40, 30, 20),
        ('ct_mri', 'disposition', 'resected', 18, 70, 50, 30),
        ('ct_mri', 'region', 'Europe', 8, 40, 30, 20),
        ('ct_mri', 'region', 'Japan', 14, 62, 44, 26),
        ('ct_mri', 'region', 'United States', 2, 8, 6, 4),
        ('ct_mri_ceious', 'overall', 'all', 9, 20, 15, 11),
        ('ct_gone_mri_visible', 'overall', 'all', 16, 50, 40, 16),
        ('ct_gone_mri_visible', 'disposition', 'left_in_place', 15, 45, 35, 13),
        ('ct_gone_mri_visible', 'disposition', 'resected', 3, 5, 5, 3),
        ('ct_gone_mri_unknown', 'overall', 'all', 0, 0, 0, 0)
    ) as given (population, stratum, stratum_value, patients, lesions, evaluable, nonviable)
) as counted;

insert into marts.modality_crosstab (test, verdict, truth, n_lesions, n_patients) values
    ('CT', 'visible', 'viable', 130, 40), ('CT', 'visible', 'nonviable', 20, 12),
    ('CT', 'not_visible', 'viable', 54, 25), ('CT', 'not_visible', 'nonviable', 66, 28),
    ('CT', 'not_visible', 'indeterminate', 40, 20);

insert into marts.modality_agreement by name
select
    'CT - MRI' as comparison, 'test' as kind, 'lesion' as unit, 'preop' as timepoint,
    'all' as stratum_value, 'CT' as first, 'MRI' as second, 60 as n_patients, 300 as n_pairs,
    150 as n_both_visible, 10 as n_first_only, 40 as n_second_only, 100 as n_both_not_visible,
    10 as n_unpaired, 0.83 as agreement, 0.66 as kappa, 0.55 as kappa_lower, 0.77 as kappa_upper,
    0.0004 as obuchowski_p_value, 0.021 as durkalski_p_value;

insert into marts.modality_agreement by name
select
    'NPV: ct_mri - ct_gone_mri_visible' as comparison, 'npv' as kind, 'lesion' as unit,
    'preop' as timepoint, part as stratum_value, 'ct_mri' as first,
    'ct_gone_mri_visible' as second, patients as n_patients, 0.61 as first_share,
    0.38 as second_share, -0.23 as difference, -0.41 as difference_lower,
    -0.05 as difference_upper, 0.012 as difference_p_value
from (values ('all', 30), ('resected', 19), ('left_in_place', 22)) as given (part, patients);

insert into marts.modality_accuracy by name
select
    'CT' as test, part as stratum_value, measure, patients as n_patients,
    hits as numerator, lesions as denominator, hits / lesions as estimate,
    hits / lesions - 0.05 as clustered_lower, hits / lesions + 0.05 as clustered_upper
from (values
    ('all', 'sensitivity', 40, 130, 184), ('all', 'specificity', 30, 66, 86),
    ('all', 'ppv', 41, 130, 150), ('all', 'npv', 31, 66, 120),
    ('resected', 'sensitivity', 30, null, null), ('left_in_place', 'sensitivity', 12, null, null),
    ('resected', 'specificity', 20, null, null), ('left_in_place', 'specificity', 12, null, null),
    ('resected', 'ppv', 39, 127, 146), ('left_in_place', 'ppv', 3, 3, 4),
    ('resected', 'npv', 20, 40, 75), ('left_in_place', 'npv', 14, 26, 45)
) as given (part, measure, patients, hits, lesions);

insert into reference.ref_accuracy_methods values
    ('clustered_wilson', 1, 'Wilson on the effective number', '有効数に基づくWilson区間'),
    ('bootstrap', 7, 'Bootstrap over patients', '患者単位のブートストラップ'),
    ('per_patient_wilson', 9, 'Patients with nonviable lesions only', '全病変が残存なしの患者'),
    ('clustered_test_below', 15, 'Score test', 'スコア検定'),
    ('bounds_all_unknown', 16, 'Bounds', '限界');

insert into marts.modality_concordance_sensitivity by name
select
    'ct_mri' as population, if(part = 'all', 'overall', 'disposition') as stratum,
    part as stratum_value, method, kind, numerator, numerator_upper, denominator,
    if(kind = 'bounds', null, numerator / denominator) as estimate,
    if(kind = 'test', null, numerator / denominator - 0.1) as lower_bound,
    if(kind = 'test', null, numerator / denominator + 0.1) as upper_bound,
    if(kind = 'test', 'H0: NPV >= 0.85; H1: NPV < 0.85 (one-sided)', null) as hypotheses,
    if(kind = 'test', 0.003, null) as p_value,
    if(kind = 'bounds', 0.2, null) as outer_lower, if(kind = 'bounds', 0.9, null) as outer_upper
from (values
    ('all', 'clustered_wilson', 'interval', 50, null, 80),
    ('all', 'bootstrap', 'interval', 50, null, 80),
    ('all', 'per_patient_wilson', 'per patient', 3, null, 24),
    ('all', 'clustered_test_below', 'test', 50, null, 80),
    ('all', 'bounds_all_unknown', 'bounds', 50, 80, 110),
    ('resected', 'clustered_wilson', 'interval', 30, null, 50),
    ('resected', 'per_patient_wilson', 'per patient', 2, null, 18),
    ('left_in_place', 'clustered_wilson', 'interval', 20, null, 30)
) as given (part, method, kind, numerator, numerator_upper, denominator);

insert into stats.npv_gee values
    ('ct_mri', 'overall', 'all', 80, 50, 0.61, 0.5, 0.7, null, 'statsmodels 0.15.0');

insert into stats.literature_pooled by name
select
    'lesion' as unit, 'all' as stratum, 4 as n_studies, 142 as nonviable, 323 as evaluated,
    0.39 as pooled_share, 0.14 as ci_lower, 0.73 as ci_upper, 0.01 as prediction_lower,
    0.98 as prediction_upper, 0.71 as tau_squared, 0.91 as i_squared, 0.62 as trial_share,
    0.52 as trial_lower, 0.72 as trial_upper, 'Random effects' as method;

insert into marts.patient_flow values
    (1, 'registered', 'patients', 'remaining', '', null, 100, 100),
    (1, 'registered', 'lesions', 'remaining', '', null, 500, 100),
    (2, 'operated', 'patients', 'excluded', 'progression', 'excluded', 27, 27),
    (2, 'operated', 'patients', 'excluded', 'refusal', 'excluded', 3, 3),
    (2, 'operated', 'patients', 'excluded', 'other', 'excluded', 10, 10),
    (2, 'operated', 'lesions', 'excluded', 'progression', 'excluded', 110, 27),
    (2, 'operated', 'lesions', 'excluded', 'refusal', 'excluded', 20, 3),
    (2, 'operated', 'lesions', 'excluded', 'other', 'excluded', 60, 10),
    (2, 'operated', 'patients', 'remaining', '', null, 60, 60),
    (2, 'operated', 'lesions', 'remaining', '', null, 310, 60),
    (2, 'operated', 'patients', 'of_which', 'complete_preop_imaging', 'preop_imaging', 55, 55),
    (3, 'dlm', 'patients', 'excluded', 'no_dlm', 'excluded', 30, 30),
    (3, 'dlm', 'lesions', 'excluded', 'visible_on_ct', 'excluded', 150, 30),
    (3, 'dlm', 'patients', 'remaining', '', null, 30, 30),
    (3, 'dlm', 'lesions', 'remaining', '', null, 160, 30),
    (4, 'confirmed_dlm', 'patients', 'excluded', 'no_confirmed_dlm', 'excluded', 6, 6),
    (4, 'confirmed_dlm', 'lesions', 'excluded', 'mri_visible', 'excluded', 50, 20),
    (4, 'confirmed_dlm', 'patients', 'remaining', '', null, 24, 24),
    (4, 'confirmed_dlm', 'lesions', 'remaining', '', null, 110, 24),
    (4, 'confirmed_dlm', 'patients', 'of_which', 'all_resected', 'resection_group', 12, 12),
    (4, 'confirmed_dlm', 'patients', 'of_which', 'some_left', 'resection_group', 12, 12),
    (5, 'evaluable_confirmed_dlm', 'patients', 'excluded', 'no_evaluable_lesion', 'excluded', 0, 0),
    (5, 'evaluable_confirmed_dlm', 'lesions', 'excluded', 'mri_out_of_window', 'excluded', 12, 4),
    (5, 'evaluable_confirmed_dlm', 'lesions', 'excluded', 'reference_followup_short', 'excluded',
        18, 9),
    (5, 'evaluable_confirmed_dlm', 'patients', 'remaining', '', null, 24, 24),
    (5, 'evaluable_confirmed_dlm', 'lesions', 'remaining', '', null, 80, 24);

insert into marts.baseline_characteristics values
    ('operated', 'overall', 'age_years', '', 'median_iqr', 1, 1, 60, 60, 0, null,
        60.5, 53, 67, 31, 82),
    ('operated', 'overall', 'sex', 'F', 'n_percent', 2, 1, 22, 60, 0, 36.7,
        null, null, null, null, null),
    ('operated', 'overall', 'sex', 'M', 'n_percent', 2, 2, 38, 60, 0, 63.3,
        null, null, null, null, null),
    ('confirmed_dlm', 'overall', 'sex', 'F', 'n_percent', 2, 1, 9, 24, 0, 37.5,
        null, null, null, null, null),
    ('confirmed_dlm', 'overall', 'sex', 'M', 'n_percent', 2, 2, 15, 24, 0, 62.5,
        null, null, null, null, null),
    ('confirmed_dlm', 'all_resected', 'sex', 'F', 'n_percent', 2, 1, 3, 12, 0, 25.0,
        null, null, null, null, null),
    ('confirmed_dlm', 'all_resected', 'sex', 'M', 'n_percent', 2, 2, 9, 12, 0, 75.0,
        null, null, null, null, null),
    ('confirmed_dlm', 'some_left', 'sex', 'F', 'n_percent', 2, 1, 6, 12, 0, 50.0,
        null, null, null, null, null),
    ('confirmed_dlm', 'some_left', 'sex', 'M', 'n_percent', 2, 2, 6, 12, 0, 50.0,
        null, null, null, null, null);

insert into marts.survival_comparison values
    ('RFS', 'resection_group', 2, 1.21, 1, 0.271, 1.42, 0.76, 2.64,
        'some_left vs all_resected', 'exploratory', null, 'region', 1.1, 1, 0.294, 1.4, 0.7, 2.6),
    ('OS', 'resection_group', 2, 0.34, 1, 0.56, 1.25, 0.5, 3.1,
        'some_left vs all_resected', 'exploratory', null, 'region', 0.3, 1, 0.584, 1.2, 0.5, 3.0),
    ('RFS', 'resection_group_r0_r1', 2, 1.1, 1, 0.294, 1.38, 0.71, 2.7,
        'some_left vs all_resected', 'exploratory', null, 'region', 1.0, 1, 0.317, 1.3, 0.7, 2.5),
    ('RFS', 'resection_group_by_dlm', 1, null, null, null, null, null, null,
        null, 'exploratory', 'fewer than two groups', 'region', null, null, null, null, null, null);

insert into stats.cox_multivariable values
    ('OS', null, null, null, null, null, null, 'not estimable', '15 events for 4 covariates',
        'Cox', 'lifelines 0.30.3', 'Surv ~ x'),
    ('RFS', 'age_decades', 1.1, 0.8, 1.5, 0.4, 0.0004, 'estimated', null, 'Cox',
        'lifelines 0.30.3', 'Surv ~ x'),
    ('RFS', 'some_left', 1.2, 0.5, 2.8, 0.6, 0.9, 'estimated', null, 'Cox', 'lifelines 0.30.3',
        'Surv ~ x');

insert into marts.published_results values
    ('npv_ct_mri', 'concordance', 'evaluable lesions disappeared on CT and MRI',
        'proportion non-viable', 'percent', '62.5', '62.5', 62.5, 50, 80,
        'stated (numerator derived)', 'reproduced', '', 'press release', 'threshold not met'),
    ('size_median', 'baseline', 'lesions <gone> & "seen"', 'median diameter', 'cm', '3', '1.1',
        1.1, null, null, 'contradicted', 'contradicted at source', 'unit suspect',
        'press release', '');

insert into marts.literature_evidence values
    ('Auer', 2010, 'lesion', 'CT', 'all', null, 'pathology or follow-up >= 1 year', 75, 118,
        0.636, 0.546, 0.717, 'Wilson', 'verified', false, null, 'abstract'),
    ('Auer', 2010, 'lesion', 'CT', 'resected', 'all', 'pathology', 44, 68,
        0.647, 0.529, 0.750, 'Wilson', 'verified', false, null, 'abstract'),
    ('This trial', null, 'lesion', 'CT and MRI', 'all', null, 'pathology or 2 years', 50, 80,
        0.625, 0.50, 0.74, 'clustered Wilson', 'computed', true, 'ct_mri', 'mart'),
    ('This trial', null, 'lesion', 'CT and MRI', 'resected', 'all', 'pathology', 30, 50,
        0.6, 0.45, 0.72, 'clustered Wilson', 'computed', true, 'ct_mri', 'mart'),
    ('This trial', null, 'lesion', 'CT, seen on MRI', 'resected', 'all', 'pathology', 3, 5,
        0.6, 0.25, 0.9, 'clustered Wilson', 'computed', true, 'ct_gone_mri_visible', 'mart'),
    ('Elias', 2004, 'patient', 'imaging', 'left in place', null, 'no in-situ recurrence', 8, 11,
        0.727, 0.434, 0.903, 'Wilson', 'verified', false, null, 'abstract');

insert into quality.row_accounting values
    ('eortc', 'EU01', 'lesion', 'lesion.csv', 210, 208, 1, 1),
    ('us', null, null, 'redcap.csv', 400, 400, 0, 0);
insert into quality.unreadable_values values
    ('eortc', 'read', 'size', 'EU01-001', 'EU01-001-L01', '12,x', 'not a number', 'read.csv', 12);
insert into quality.unmapped_values values ('jcog', 'surgery', 'r_status', 'r_status', 'R9', 1);
"""

# Days, and whether it ended in an event, of the 12 patients of each endpoint and group.
TIMES = {
    ("RFS", "all_resected"): "61+ 130+ 210+ 290+ 347+ 348+ 520 640+ 760 800 910 1100",
    ("RFS", "some_left"): "40+ 95+ 150+ 201+ 231+ 232+ 380+ 500+ 733 740 900 1010",
    ("OS", "all_resected"): "300+ 420+ 555+ 610+ 700+ 760 800 900 910 1000 1100 1200",
    ("OS", "some_left"): "200+ 350+ 400+ 500+ 733+ 740 800 900 950 1010 1050 1100",
}
# What the report reads of a curve, and Kaplan-Meier without its intervals.
SURVIVAL = """
insert into marts.km_curve by name
with subjects as (
    select paramcd, 'resection_group' as grouping, resection_group as group_value, aval, cnsr
    from marts.time_to_event
    union all
    select paramcd, 'overall', 'all', aval, cnsr from marts.time_to_event
)
select
    paramcd, grouping, group_value, 'log-log' as conf_type, aval as time_days,
    count(*) filter (where cnsr = 0) as n_event,
    count(*) filter (where cnsr = 1) as n_censor,
    sum(count(*)) over (
        partition by paramcd, grouping, group_value order by aval desc
    ) as n_risk,
from subjects
group by paramcd, grouping, group_value, aval;

insert into marts.km_at_risk by name
select
    paramcd, grouping, group_value, months.n * 6 as time_months, months.n * 182.625 as time_days,
    coalesce(sum(n_event + n_censor) filter (time_days >= months.n * 182.625), 0) as n_risk,
    coalesce(sum(n_censor) filter (time_days < months.n * 182.625), 0) as n_censor,
    coalesce(sum(n_event) filter (time_days < months.n * 182.625), 0) as n_event,
from marts.km_curve
cross join range(0, 21) as months (n)
group by all;

insert into marts.km_summary by name
select
    paramcd, grouping, group_value, conf_type, max(n_risk) as n, sum(n_event) as events,
    348 as median_days, 11.4 as median_months, 5.2 as median_lower_months,
    0.8 as survival_6m, 0.6 as survival_6m_lower, 0.9 as survival_6m_upper,
    0.3 as survival_36m, 900 as followup_median_days,
from marts.km_curve
group by all
"""


def fake_warehouse(*, with_gx: bool = True, smaller_group: int = 12) -> duckdb.DuckDBPyConnection:
    """Make the warehouse in memory.

    `with_gx=False` leaves the table of check results out; `smaller_group` is how many patients of
    the group some_left have times.
    """
    connection = duckdb.connect()
    connection.execute(SCHEMA)
    connection.execute(VALUES)
    if with_gx:
        connection.execute(GX_RESULTS)
    connection.executemany(
        "insert into marts.time_to_event by name select ? as patient_id, ? as paramcd, ? as aval,"
        " ? as cnsr, ? as resection_group",
        [
            (f"EU01-{number:03d}", paramcd, int(time.rstrip("+")), int("+" not in time), group)
            for (paramcd, group), times in TIMES.items()
            for number, time in enumerate(times.split())
            if group == "all_resected" or number < smaller_group
        ],
    )
    connection.execute(SURVIVAL)
    return connection
