-- A small clean trial with the columns that the expectations ask for: two patients, one operated with a
-- lesion of each kind, one not. Every expectation passes and has rows to check.
create schema staging;
create schema core;
create schema quality;

create table staging.stg_eortc__registration as
from (values
    ('EU01-001', date '2018-01-10', date '2018-01-02', 'day', date '2017-12-01', date '2017-11-20'),
    ('EU01-002', date '2018-02-10', date '2018-02-02', 'day', date '2017-12-31', date '2017-12-15')
) as t (
    patient_id, registration_date, consent_date_lower, consent_date_precision,
    liver_mets_dx_date_upper, primary_dx_date_lower
);
alter table staging.stg_eortc__registration add column registration_date_upper date;
alter table staging.stg_eortc__registration add column chemo_start_date_lower date;
alter table staging.stg_eortc__registration add column chemo_end_date_upper date;
update staging.stg_eortc__registration
set
    registration_date_upper = registration_date,
    chemo_start_date_lower = registration_date + 5,
    chemo_end_date_upper = registration_date + 100;

create table staging.stg_eortc__disposition as
from (values
    ('EU01-001-L01', 'resected', 'S1', 1, 'seen'),
    ('EU01-001-L02', 'left_in_place', null, 1, null),
    ('EU01-001-L03', 'ablated', null, 1, null)
) as t (lesion_id, action, specimen_id, stage, action_reason);

create table staging.stg_eortc__pathology as
from (values
    ('EU01-001-L01', 'S1', date '2018-06-09', 'yes', 'yes', 20.0, 30.0, 40.0, 10.0, 3),
    ('EU01-001-L04', 'S2', date '2018-06-09', 'yes', 'no', 0.0, 50.0, 40.0, 10.0, 1),
    ('EU01-001-L05', 'S3', date '2018-06-09', 'no', 'not_evaluable', null, null, null, null, null)
) as t (
    lesion_id, specimen_id, pathology_date, specimen_found, viable_cells,
    viable_pct, necrosis_pct, fibrosis_pct, mucin_pct, trg
);

create table staging.stg_eortc__followup as
from (values
    ('EU01-001', 1, 'no', null, null, null, null, null),
    ('EU01-001', 2, 'yes', date '2019-06-01', 'at_spot', 2, null, null),
    ('EU01-001', 3, 'no', null, null, 2, 'resected', date '2019-07-01')
) as t (
    patient_id, visit_no, recurrence, recurrence_date, recurrence_place, lesion_no, later_treatment,
    later_treatment_date
);
alter table staging.stg_eortc__followup add column recurrence_date_lower date;
alter table staging.stg_eortc__followup add column visit_date_upper date default date '2019-07-02';
update staging.stg_eortc__followup set recurrence_date_lower = recurrence_date;

create table staging.stg_eortc__outcome as
from (values
    ('EU01-001', date '2020-01-01', 'dead', date '2020-01-01'),
    ('EU01-002', date '2020-01-01', 'alive', null)
) as t (patient_id, last_contact_date, vital_status, death_date);
alter table staging.stg_eortc__outcome add column last_contact_date_lower date;
alter table staging.stg_eortc__outcome add column death_date_upper date;
update staging.stg_eortc__outcome
set last_contact_date_lower = last_contact_date, death_date_upper = death_date;

create table core.dim_site as
from (values
    ('EU01', 'eortc', 'Europe', 'BE'),
    ('JP01', 'jcog', 'Japan', 'JP')
) as t (site_id, data_centre, region, country);

create table core.dim_patient as
from (values
    (
        'EU01-001', 'EU01', 'F', 61, date '2018-01-02', date '2018-01-10', date '2017-11-20',
        date '2017-12-01', date '2018-01-15', date '2018-05-01', 6, 12.5, 4, 4, true,
        date '2018-06-01', date '2018-06-08', 3, 2, 1, true, 'some_left', null,
        date '2020-01-01', date '2020-01-01'
    ),
    (
        'EU01-002', 'EU01', 'M', 58, date '2018-02-02', date '2018-02-10', date '2017-11-20',
        date '2017-12-01', date '2018-02-15', null, 4, 3.0, 2, 2, false,
        null, null, 0, 0, 0, false, null, null,
        date '2020-01-01', null
    ),
    (
        'EU01-003', 'EU01', 'M', 70, date '2018-02-02', date '2018-02-10', date '2017-11-20',
        date '2017-12-01', date '2018-02-15', date '2018-06-01', 4, 3.0, 1, 1, true,
        date '2018-07-01', date '2018-07-01', 1, 1, 0, true, null, 'ablated_none_left',
        date '2020-01-01', null
    )
) as t (
    patient_id, site_id, sex, age, consent_date, registration_date, primary_dx_date,
    liver_mets_dx_date, chemo_start_date, chemo_end_date, chemo_cycles, cea_ng_ml,
    n_lesions_declared, n_baseline_lesions, is_operated,
    first_surgery_date, surgery_date, n_dlm, n_confirmed_dlm, n_evaluable_confirmed_dlm,
    has_confirmed_dlm, resection_group, resection_group_reason,
    last_contact_date, death_date
);

create table core.fct_lesion as
from (values
    (
        'EU01-001-L01', 'EU01-001', 1, '4a', 12.0, true, true, 'not_visible', 'not_visible',
        'visible', 'not_done', 20, 10, true, true, true, true, 'confirmed', 'resected',
        'pathology', 'viable', 'viable_cells', null, true, null
    ),
    (
        'EU01-001-L02', 'EU01-001', 2, '5+6', 8.0, true, true, 'not_visible', 'not_visible',
        'not_visible', 'not_visible', 20, 10, true, true, true, true, 'confirmed', 'left_in_place',
        'imaging_followup', 'viable', 'regrowth_at_spot', 358, true, null
    ),
    (
        'EU01-001-L03', 'EU01-001', 3, '8', 25.0, true, true, 'not_visible', 'visible',
        'visible', 'visible', 20, 10, true, true, true, false, 'mri_visible', 'ablated',
        'none', 'indeterminate', 'ablated_no_specimen', null, false, 'reference_ablated_no_specimen'
    ),
    (
        'EU01-001-L04', 'EU01-001', 4, '8', 25.0, true, true, 'visible', 'visible',
        'visible', 'visible', 20, 10, true, true, false, false, null, 'resected',
        'pathology', 'nonviable', 'no_viable_cells', null, true, null
    )
) as t (
    lesion_id, patient_id, lesion_no, segment, baseline_size_mm, is_baseline_lesion, is_operated,
    ct_verdict, mri_verdict, ious_verdict, ceious_verdict, ct_days_before_surgery,
    mri_days_before_surgery, ct_in_time, mri_in_time, is_dlm, is_confirmed_dlm, mri_group,
    disposition, reference_standard, reference_verdict, reference_reason, days_to_regrowth,
    is_evaluable, not_evaluable_reason
);

create table core.fct_read as
from (values
    (
        'r1', 'EU01-001-L01', 'CT', 'baseline', 'done', 'visible', null, date '2018-01-12', 'A',
        12.0, 'measured', true, null, 2.5, true, true, null
    ),
    (
        'r2', 'EU01-001-L01', 'CT', 'preop', 'done', 'not_visible', null, date '2018-05-12', 'A',
        0.0, 'gone', true, null, 2.5, true, true, null
    ),
    (
        'r3', 'EU01-001-L01', 'CT', 'preop', 'done', 'visible', null, date '2018-04-12', 'A',
        5.0, 'too_small', true, null, 2.5, true, false, 'not_latest_exam'
    ),
    (
        'r4', 'EU01-001-L01', 'MRI', 'preop', 'done', 'not_evaluable', 'motion', date '2018-05-12',
        'A', null, 'not_measured', false, 'no hepatobiliary phase', 2.5, true, true, null
    ),
    (
        'r5', 'EU01-001-L01', 'CEIOUS', 'intraop', 'done', 'not_visible', null, date '2018-06-01',
        'B', 0.0, 'gone', true, null, null, true, true, null
    ),
    (
        'r6', 'EU01-001-L01', 'IOUS', 'intraop', 'not_done', null, null, null, null, null, null,
        null, null, null, null, false, 'not_done'
    )
) as t (
    read_key, lesion_id, modality, timepoint, read_status, verdict, verdict_reason, read_date,
    reader, size_mm, size_status, conditions_met, conditions_reason, slice_thickness_mm,
    contrast_given, is_accepted, not_accepted_reason
);
alter table core.fct_read alter size_mm type double;
alter table core.fct_read add column is_blinded boolean default true;

create table core.fct_surgery as
from (values
    ('EU01-001', 1, 2, true, false, date '2018-06-01', 'R0', 240, 300),
    ('EU01-001', 2, 2, true, true, date '2018-06-08', 'R1', 200, 250),
    ('EU01-003', 1, 1, true, true, date '2018-07-01', 'R0', 200, 250)
) as t (
    patient_id, stage, planned_stages, is_performed, is_day_zero, surgery_date, r_status,
    duration_min, blood_loss_ml
);

create table core.fct_followup as
from (values
    ('EU01-001', 1, date '2018-12-02', date '2018-12-01', false, null, 'alive'),
    ('EU01-001', 2, date '2019-06-02', date '2019-06-01', true, date '2019-06-01', 'alive')
) as t (
    patient_id, visit_no, visit_date, imaging_date, has_recurrence, recurrence_date, vital_status
);

create table staging.stg_jcog__registration as from staging.stg_eortc__registration;
create table staging.stg_us__registration as from staging.stg_eortc__registration;
create table staging.stg_jcog__disposition as from staging.stg_eortc__disposition;
create table staging.stg_us__disposition as from staging.stg_eortc__disposition;
create table staging.stg_jcog__pathology as from staging.stg_eortc__pathology;
create table staging.stg_us__pathology as from staging.stg_eortc__pathology;
create table staging.stg_jcog__followup as from staging.stg_eortc__followup;
create table staging.stg_us__followup as from staging.stg_eortc__followup;
create table staging.stg_jcog__outcome as from staging.stg_eortc__outcome;
create table staging.stg_us__outcome as from staging.stg_eortc__outcome;
