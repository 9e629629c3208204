-- The floor of `dlm bench scale`: what one person would write by hand to go from the Parquet files
-- of a delivery to fct_lesion and modality_concordance, and nothing else. No provenance, no account
-- of records, no cell kept as text, no rule, no test, no copy folded: it reads columns it needs and
-- trusts them. Its tables are compared with those of the build, so it must come to the same.
-- $folder, $codes and $sites are put in by the benchmark, t_quantiles is made by it.

create temp macro plain(x) as nullif(trim(translate(x, '０１２３４５６７８９－／．', '0123456789-/.')), '');
create temp macro as_id(x) as upper(plain(x));
create temp macro lesion_name(patient_id, lesion_no) as
    patient_id || '-L' || lpad(lesion_no::varchar, greatest(2, length(lesion_no::varchar))::integer, '0');
create temp macro dashed(y, m, d) as
    case when m = '--' then y when d = '--' then y || '-' || m else y || '-' || m || '-' || d end;
create temp macro dmy(x) as dashed(x[7:10], x[4:5], x[1:2]);
create temp macro mdy(x) as dashed(x[7:10], x[1:2], x[4:5]);
create temp macro slashed(x) as
    replace(translate(upper(plain(x)), '年月.日', '///'), '元', '1');
create temp macro of_era(x) as
    (case when x[1] in ('R', '令') then 2018 else 1988 end
        + regexp_extract(x, '[0-9]+')::integer)::varchar
    || '-' || lpad(split_part(x, '/', 2), 2, '0') || '-' || lpad(split_part(x, '/', 3), 2, '0');
create temp macro ymd(x) as
    case
        when slashed(x)[1] in ('R', 'H', '令', '平') then of_era(slashed(x))
        else dashed(slashed(x)[1:4], slashed(x)[6:7], slashed(x)[9:10])
    end;
create temp macro earliest(iso) as (iso || '-01-01')[1:10]::date;
create temp macro latest(iso) as
    case length(iso)
        when 10 then iso::date
        when 7 then last_day(earliest(iso))
        when 4 then (iso || '-12-31')::date
    end;
create temp macro used(iso) as
    case length(iso)
        when 10 then iso::date
        when 7 then earliest(iso) + 14
        when 4 then (iso || '-07-01')::date
    end;

create temp table codes as
select source, list_name, source_value, code from read_csv('$codes', all_varchar = true);

create temp view redcap as from read_parquet('$folder/us/redcap.parquet');

---------- registration and sites
create temp table patients as
with written as (
    select 'eortc' as source, as_id(PATID) as patient_id, as_id(INSTIT) as site_id,
        dmy(DTCHST) as chemo_start
    from read_parquet('$folder/eortc/registration.parquet')
    union all
    select 'jcog', as_id("症例番号"), as_id("施設コード"), ymd("化療開始日")
    from read_parquet('$folder/jcog/registration.parquet')
    union all
    select 'us', as_id(record_id), as_id(redcap_data_access_group), mdy(nullif(chemo_start_date, ''))
    from redcap
    where redcap_event_name = 'baseline_arm_1' and redcap_repeat_instrument = ''
)
select
    patient_id,
    written.site_id,
    used(chemo_start) as chemo_start_date,
    coalesce(sites.region, 'unknown') as region,
    coalesce(sites.data_centre, source) as data_centre
from written
left join read_csv('$sites', all_varchar = true) as sites on written.site_id = sites.site_id;

---------- operations
create temp table stages as
with written as (
    select 'eortc' as source, as_id(PATID) as patient_id, STAGE as stage, NSTAGES as planned,
        DONE as performed, dmy(nullif(DTSURG, '')) as day
    from read_parquet('$folder/eortc/surgery.parquet')
    union all
    select 'jcog', as_id("症例番号"), plain("手術回"), plain("予定回数"), "実施", ymd("手術日")
    from read_parquet('$folder/jcog/surgery.parquet')
    union all
    select 'us', as_id(record_id), surg_stage, surg_planned_stages, surg_performed,
        mdy(nullif(surg_surgery_date, ''))
    from redcap where redcap_repeat_instrument = 'surgery'
)
select
    patient_id,
    stage::integer as stage,
    used(day) as surgery_date,
    code = 'yes' and day is not null as is_performed,
    is_performed and coalesce(stage::integer <= try_cast(planned as integer), true) as is_counted
from written
left join codes
    on written.source = codes.source and list_name = 'yes_no' and performed = source_value;

create temp table operations as
select
    patient_id,
    min(surgery_date) as first_surgery_date,
    arg_max(surgery_date, stage) as surgery_date
from stages where is_counted group by patient_id;

---------- what was done to each lesion
create temp table actions as
with written as (
    select 'eortc' as source, as_id(PATID) as patient_id, LESNO as lesion_no, STAGE as stage,
        ACTION as action, SPECID as specimen_id
    from read_parquet('$folder/eortc/disposition.parquet')
    union all
    select 'jcog', as_id("症例番号"), plain("病変番号"), plain("手術回"), "処置", "標本番号"
    from read_parquet('$folder/jcog/disposition.parquet')
    union all
    select 'us', as_id(record_id), disp_lesion_no, disp_stage, disp_action, disp_specimen_id
    from redcap where redcap_repeat_instrument = 'disposition'
)
select
    lesion_name(written.patient_id, lesion_no::integer) as lesion_id,
    written.patient_id,
    written.stage::integer as stage,
    code as action,
    as_id(specimen_id) as specimen_id,
    surgery_date,
    is_performed,
    is_counted
from written
left join codes
    on written.source = codes.source and list_name = 'action' and written.action = source_value
left join stages
    on written.patient_id = stages.patient_id and written.stage::integer = stages.stage;

create temp table dispositions as
select
    lesion_id,
    any_value(patient_id) as patient_id,
    max(stage) as disposition_stage,
    arg_max(action, stage) as disposition,
    arg_max(surgery_date, stage) as disposition_date,
    arg_max(specimen_id, stage) as specimen_id
from actions where is_counted group by lesion_id;

---------- follow-up
create temp table visits as
with written as (
    select 'eortc' as source, as_id(PATID) as patient_id, dmy(nullif(DTVISIT, '')) as visit,
        dmy(nullif(DTIMG, '')) as imaging, RECUR as recurrence, dmy(nullif(DTRECUR, '')) as recurred,
        PLACE as place, LESNO as lesion_no, LATERTRT as treatment,
        dmy(nullif(DTLATER, '')) as treated
    from read_parquet('$folder/eortc/followup.parquet')
    union all
    select 'jcog', as_id("症例番号"), ymd("来院日"), ymd("画像検査日"), "再発", ymd("再発日"),
        "再発部位", plain("病変番号"), "後治療", ymd("後治療日")
    from read_parquet('$folder/jcog/followup.parquet')
    union all
    select 'us', as_id(record_id), mdy(nullif(fu_visit_date, '')), mdy(nullif(fu_imaging_date, '')),
        fu_recurrence, mdy(nullif(fu_recurrence_date, '')), fu_recurrence_place, fu_lesion_no,
        fu_later_treatment, mdy(nullif(fu_later_treatment_date, ''))
    from redcap where redcap_repeat_instrument = 'followup'
)
select
    patient_id,
    case when lesion_no <> '' then lesion_name(patient_id, lesion_no::integer) end as lesion_id,
    used(imaging) as imaging_date,
    said.code = 'yes' and lesion_no <> '' and coalesce(spot.code, 'at_spot') = 'at_spot'
        as is_regrowth,
    used(coalesce(recurred, imaging, visit)) as recurrence_date,
    case when after.code in ('resected', 'ablated') then after.code end as later_treatment,
    used(coalesce(treated, visit)) as treatment_date,
    earliest(coalesce(treated, visit)) as treatment_date_lower
from written
left join codes as said
    on written.source = said.source and said.list_name = 'yes_no'
    and recurrence = said.source_value
left join codes as spot
    on written.source = spot.source and spot.list_name = 'recurrence_place'
    and place = spot.source_value
left join codes as after
    on written.source = after.source and after.list_name = 'later_treatment'
    and treatment = after.source_value;

create temp table deaths as
with written as (
    select as_id(PATID) as patient_id, dmy(nullif(DTDEATH, '')) as day
    from read_parquet('$folder/eortc/outcome.parquet')
    union all
    select as_id("症例番号"), ymd("死亡日") from read_parquet('$folder/jcog/outcome.parquet')
    union all
    select as_id(record_id), mdy(nullif(out_death_date, ''))
    from redcap where redcap_event_name = 'end_arm_1' and redcap_repeat_instrument = ''
)
select patient_id, used(day) as death_date, latest(day) as last_day_of_death
from written where day is not null;

create temp table later_treatments as
with treatments as (
    select lesion_id, later_treatment as treatment, treatment_date, treatment_date_lower
    from visits where later_treatment is not null and lesion_id is not null
    union all
    select lesion_id, action, surgery_date, surgery_date
    from actions where is_performed and not is_counted and action in ('resected', 'ablated')
)
select
    lesion_id,
    coalesce(bool_or(treatment = 'resected'), false) as was_resected_later,
    min(treatment_date) filter (treatment = 'resected') as later_resection_date,
    min(treatment_date_lower) filter (treatment = 'resected') as later_resection_date_lower,
    min(treatment_date) as first_treatment_date
from treatments
inner join dispositions using (lesion_id)
where disposition = 'left_in_place'
group by lesion_id;

---------- pathology
create temp table truths as
with written as (
    select 'eortc' as source, as_id(PATID) as patient_id, LESNO as lesion_no,
        dmy(nullif(DTPATH, '')) as day, FOUND as found, VIABLE as viable
    from read_parquet('$folder/eortc/pathology.parquet')
    union all
    select 'jcog', as_id("症例番号"), plain("病変番号"), ymd("病理診断日"), "標本内確認", "生存腫瘍細胞"
    from read_parquet('$folder/jcog/pathology.parquet')
    union all
    select 'us', as_id(record_id), path_lesion_no, mdy(nullif(path_pathology_date, '')),
        path_specimen_found, path_viable_cells
    from redcap where redcap_repeat_instrument = 'pathology'
),
weighed as (
    select
        lesion_name(patient_id, lesion_no::integer) as lesion_id,
        used(day) as pathology_date,
        latest(day) as latest_day,
        case
            when there.code = 'no' then 4 when cells.code = 'yes' then 1
            when cells.code = 'no' then 2 else 3
        end as weight
    from written
    left join codes as there
        on written.source = there.source and there.list_name = 'yes_no'
        and found = there.source_value
    left join codes as cells
        on written.source = cells.source and cells.list_name = 'viable_cells'
        and viable = cells.source_value
),
relevant as (
    select weighed.*
    from weighed
    inner join dispositions using (lesion_id)
    left join later_treatments using (lesion_id)
    where
        disposition in ('resected', 'ablated')
        or disposition = 'left_in_place' and was_resected_later
        and coalesce(latest_day >= later_resection_date_lower, true)
)
select
    lesion_id,
    ['viable_cells', 'no_viable_cells', 'pathology_not_evaluable', 'specimen_not_found'][min(weight)]
        as pathology_reason,
    arg_min(pathology_date, (weight, pathology_date)) as pathology_date
from relevant group by lesion_id;

---------- imaging of the spot of lesions that were left
create temp table watched as
with spots as (
    select lesion_id, patient_id, surgery_date, first_treatment_date
    from dispositions
    inner join operations using (patient_id)
    left join later_treatments using (lesion_id)
    where disposition = 'left_in_place'
),
imaged as (
    select
        spots.lesion_id,
        max(imaging_date) as last_imaging_date,
        min(imaging_date) filter (imaging_date - surgery_date >= 730) as settling_imaging_date
    from spots
    inner join visits on spots.patient_id = visits.patient_id
    where first_treatment_date is null or imaging_date <= first_treatment_date
    group by spots.lesion_id
),
regrown as (
    select
        lesion_id,
        min(recurrence_date) as regrowth_date,
        bool_or(recurrence_date is null) as has_undated_regrowth
    from visits where is_regrowth group by lesion_id
)
select
    spots.lesion_id,
    regrowth_date,
    (regrowth_date - surgery_date)::integer as days_to_regrowth,
    coalesce(has_undated_regrowth, false) as has_undated_regrowth,
    last_imaging_date,
    settling_imaging_date,
    case when last_day_of_death - surgery_date < 730 then death_date end as death_date_before_limit
from spots
left join imaged using (lesion_id)
left join regrown using (lesion_id)
left join deaths using (patient_id);

---------- reads
create temp table lesions as
with written as (
    select 'eortc' as source, as_id(PATID) as patient_id, LESNO as lesion_no, SEGMENT as segment,
        replace(nullif(SIZEBL, ''), ',', '.')::double as size_mm, dmy(nullif(DTBL, '')) as day,
        DISAPP as disappeared
    from read_parquet('$folder/eortc/lesion.parquet')
    union all
    select 'jcog', as_id("症例番号"), plain("病変番号"), plain("区域"),
        round(plain("治療前径cm")::double * 10, 6), ymd("治療前画像日"), "消失判定"
    from read_parquet('$folder/jcog/lesion.parquet')
    union all
    select 'us', as_id(record_id), redcap_repeat_instance, les_segment,
        round(nullif(les_baseline_size_cm, '')::double * 10, 6),
        mdy(nullif(les_baseline_date, '')), les_site_disappeared
    from redcap where redcap_repeat_instrument = 'lesion'
)
select
    lesion_name(patient_id, lesion_no::integer) as lesion_id,
    patient_id,
    lesion_no::integer as lesion_no,
    lower(segment) as segment,
    size_mm as baseline_size_mm,
    used(day) as baseline_date,
    code = 'yes' as site_disappeared
from written
left join codes
    on written.source = codes.source and list_name = 'yes_no' and disappeared = source_value;

create temp table exams as
with written as (
    select 'eortc' as source, as_id(PATID) as patient_id, LESNO as lesion_no, MODAL as modality,
        TIMEPT as timepoint, dmy(nullif(DTREAD, '')) as day, VERDICT as verdict,
        READER as reader_id, RDROLE as reader_role, CONDMET as conditions
    from read_parquet('$folder/eortc/read.parquet')
    union all
    select 'jcog', as_id("症例番号"), plain("病変番号"), "検査法", "時期", ymd("検査日"), "判定",
        "読影者", "読影区分", "撮像条件"
    from read_parquet('$folder/jcog/read.parquet')
    union all
    select 'us', as_id(record_id), rd_lesion_no, rd_modality, rd_timepoint,
        mdy(nullif(rd_read_date, '')), rd_verdict, rd_reader_id, rd_reader_role, rd_conditions_met
    from redcap where redcap_repeat_instrument = 'imaging_read'
),
coded as (
    select
        lesion_name(patient_id, lesion_no::integer) as lesion_id,
        patient_id,
        m.code as modality,
        t.code as timepoint,
        day,
        coalesce(v.code, case when upper(verdict) in ('NP', '未実施') then 'not_done' end) as verdict,
        nullif(reader_id, '') as reader_id,
        case r.code when 'adjudicator' then 1 when 'central' then 2 else 3 end as reader_rank,
        c.code = 'yes' as conditions_met
    from written
    left join codes as m on written.source = m.source and m.list_name = 'modality'
        and modality = m.source_value
    left join codes as t on written.source = t.source and t.list_name = 'timepoint'
        and timepoint = t.source_value
    left join codes as v on written.source = v.source and v.list_name = 'verdict'
        and verdict = v.source_value
    left join codes as r on written.source = r.source and r.list_name = 'reader_role'
        and reader_role = r.source_value
    left join codes as c on written.source = c.source and c.list_name = 'yes_no'
        and conditions = c.source_value
),
relevant as (
    select coded.*, used(day) as read_date
    from coded
    left join patients using (patient_id)
    left join operations using (patient_id)
    left join dispositions using (lesion_id)
    where
        verdict = 'not_done'
        or verdict is not null and case timepoint
            when 'baseline' then modality in ('CT', 'MRI')
                and coalesce(used(day) <= chemo_start_date, true)
            when 'preop' then modality in ('CT', 'MRI')
                and coalesce(used(day) <= first_surgery_date, true)
            when 'intraop' then modality in ('IOUS', 'CEIOUS')
                and disposition_date between earliest(day) and latest(day)
        end and day is not null
),
read_days as (
    select
        lesion_id,
        modality,
        timepoint,
        case when verdict = 'not_done' then null else read_date end as exam_date,
        verdict = 'not_done' as is_not_done,
        min(reader_rank) as best_rank,
        arg_min({'said': verdict, 'met': conditions_met}, reader_rank || coalesce('1' || reader_id, '2') || chr(1))
            as first_said,
        min(verdict) <> max(verdict) as differ,
        coalesce(bool_and(coalesce(conditions_met, false)), false) as all_conditions_met
    from relevant group by all
)
select
    lesion_id,
    modality,
    timepoint,
    bool_or(is_not_done) as is_not_done,
    max(exam_date) as exam_date,
    arg_max(best_rank = 3 and differ, exam_date) as torn,
    case when torn then 'not_evaluable' else arg_max(first_said, exam_date).said end as verdict,
    case when torn then arg_max(all_conditions_met, exam_date)
        else arg_max(first_said, exam_date).met end as conditions_met
from read_days group by all;

create temp table seen as
select
    lesion_id,
    bool_or(timepoint = 'baseline' and verdict = 'visible') as is_seen,
    any_value(verdict) filter (modality = 'CT' and timepoint = 'preop') as ct_said,
    bool_or(is_not_done) filter (modality = 'CT' and timepoint = 'preop') as ct_not_done,
    any_value(conditions_met) filter (modality = 'CT' and timepoint = 'preop') as ct_conditions_met,
    any_value(exam_date) filter (modality = 'CT' and timepoint = 'preop') as ct_read_date,
    any_value(verdict) filter (modality = 'MRI' and timepoint = 'preop') as mri_said,
    bool_or(is_not_done) filter (modality = 'MRI' and timepoint = 'preop') as mri_not_done,
    any_value(conditions_met) filter (modality = 'MRI' and timepoint = 'preop') as mri_conditions_met,
    any_value(exam_date) filter (modality = 'MRI' and timepoint = 'preop') as mri_read_date,
    any_value(verdict) filter (modality = 'IOUS' and timepoint = 'intraop') as ious_said,
    bool_or(is_not_done) filter (modality = 'IOUS' and timepoint = 'intraop') as ious_not_done,
    any_value(conditions_met) filter (modality = 'IOUS' and timepoint = 'intraop') as ious_conditions_met,
    any_value(verdict) filter (modality = 'CEIOUS' and timepoint = 'intraop') as ceious_said,
    bool_or(is_not_done) filter (modality = 'CEIOUS' and timepoint = 'intraop') as ceious_not_done,
    any_value(conditions_met) filter (modality = 'CEIOUS' and timepoint = 'intraop') as ceious_conditions_met
from exams group by lesion_id;

---------- fct_lesion
create table fct_lesion as
with imaging as (
    select
        lesions.*,
        patients.site_id,
        coalesce(is_seen, false) and patients.patient_id is not null as is_baseline_lesion,
        operations.patient_id is not null and patients.patient_id is not null as is_operated,
        coalesce(ct_said, case when ct_not_done then 'not_done' else 'missing' end)
            as ct_verdict,
        coalesce(mri_said, case when mri_not_done then 'not_done' else 'missing' end)
            as mri_verdict,
        coalesce(ious_said, case when ious_not_done then 'not_done' else 'missing' end)
            as ious_verdict,
        coalesce(ceious_said, case when ceious_not_done then 'not_done' else 'missing' end)
            as ceious_verdict,
        ct_read_date,
        mri_read_date,
        (first_surgery_date - ct_read_date)::integer as ct_days_before_surgery,
        (first_surgery_date - mri_read_date)::integer as mri_days_before_surgery,
        ct_conditions_met,
        mri_conditions_met,
        ct_days_before_surgery between 0 and 42 as ct_in_time,
        mri_days_before_surgery between 0 and 42 as mri_in_time,
        ceious_conditions_met,
        is_operated and is_baseline_lesion and ct_verdict = 'not_visible' as is_dlm,
        is_dlm and mri_verdict = 'not_visible' as is_confirmed_dlm,
        case
            when not is_dlm then null when mri_verdict = 'not_visible' then 'confirmed'
            when mri_verdict = 'visible' then 'mri_visible' else 'mri_unknown'
        end as mri_group
    from lesions
    left join patients using (patient_id)
    left join operations using (patient_id)
    left join seen using (lesion_id)
),
judged as (
    select
        imaging.*,
        case when is_operated then coalesce(dispositions.disposition, 'missing') end as disposition,
        disposition_stage,
        specimen_id,
        coalesce(was_resected_later, false) as was_resected_later,
        later_resection_date,
        pathology_date,
        regrowth_date,
        days_to_regrowth,
        settling_imaging_date,
        last_imaging_date,
        death_date_before_limit,
        case
            when not is_operated then 'no_surgery'
            when dispositions.disposition = 'resected' then coalesce(pathology_reason, 'no_pathology')
            when dispositions.disposition = 'ablated'
                then coalesce(pathology_reason, 'ablated_no_specimen')
            when dispositions.disposition = 'left_in_place' then case
                when was_resected_later and pathology_reason is not null then pathology_reason
                when days_to_regrowth <= 730 then 'regrowth_at_spot'
                when settling_imaging_date is not null and not has_undated_regrowth
                    then 'no_regrowth_by_limit'
                when was_resected_later then 'resected_later_no_pathology'
                when death_date_before_limit is not null then 'died_before_limit'
                else 'followup_short'
            end
            else 'no_disposition'
        end as reference_reason
    from imaging
    left join dispositions using (lesion_id)
    left join truths using (lesion_id)
    left join watched using (lesion_id)
    left join later_treatments using (lesion_id)
),
settled as (
    select
        *,
        case
            when reference_reason in ('viable_cells', 'regrowth_at_spot') then 'viable'
            when reference_reason in ('no_viable_cells', 'no_regrowth_by_limit') then 'nonviable'
            else 'indeterminate'
        end as reference_verdict,
        case
            when not is_operated then 'no_surgery'
            when ct_verdict in ('not_done', 'missing') then 'ct_' || ct_verdict
            when ct_verdict = 'not_evaluable' then 'ct_not_evaluable'
            when not coalesce(ct_conditions_met, false) then 'ct_conditions_not_met'
            when not coalesce(ct_in_time, false) then 'ct_out_of_window'
            when mri_verdict in ('not_done', 'missing') then 'mri_' || mri_verdict
            when mri_verdict = 'not_evaluable' then 'mri_not_evaluable'
            when not coalesce(mri_conditions_met, false) then 'mri_conditions_not_met'
            when not coalesce(mri_in_time, false) then 'mri_out_of_window'
            when reference_verdict = 'indeterminate' then 'reference_' || reference_reason
        end as not_evaluable_reason
    from judged
)
select
    md5(lesion_id) as lesion_key,
    lesion_id,
    md5(patient_id) as patient_key,
    patient_id,
    site_id,
    lesion_no,
    segment,
    baseline_size_mm,
    case
        when baseline_size_mm is null then 'missing' when baseline_size_mm <= 10 then '<=10 mm'
        when baseline_size_mm <= 20 then '>10-20 mm' when baseline_size_mm <= 30 then '>20-30 mm'
        else '>30 mm'
    end as size_band,
    baseline_date,
    site_disappeared,
    is_baseline_lesion,
    is_operated,
    ct_verdict,
    mri_verdict,
    ious_verdict,
    ceious_verdict,
    ct_read_date,
    mri_read_date,
    ct_days_before_surgery,
    mri_days_before_surgery,
    ct_conditions_met,
    mri_conditions_met,
    ct_in_time,
    mri_in_time,
    ceious_conditions_met,
    is_dlm,
    is_confirmed_dlm,
    mri_group,
    disposition,
    disposition_stage,
    specimen_id,
    was_resected_later,
    later_resection_date,
    case
        when reference_reason in (
            'viable_cells', 'no_viable_cells', 'specimen_not_found', 'pathology_not_evaluable'
        ) then case disposition when 'left_in_place' then 'later_pathology' else 'pathology' end
        when reference_reason in (
            'regrowth_at_spot', 'no_regrowth_by_limit', 'followup_short', 'died_before_limit'
        ) then 'imaging_followup'
        else 'none'
    end as reference_standard,
    reference_verdict,
    reference_reason,
    null::varchar as reference_adjudication_id,
    case reference_reason
        when 'regrowth_at_spot' then regrowth_date
        when 'no_regrowth_by_limit' then settling_imaging_date
        when 'followup_short' then last_imaging_date
        when 'died_before_limit' then death_date_before_limit
        when 'resected_later_no_pathology' then later_resection_date
        else pathology_date
    end as reference_date,
    regrowth_date,
    days_to_regrowth,
    not_evaluable_reason is null as is_evaluable,
    not_evaluable_reason,
    not_evaluable_reason is null and coalesce(ceious_conditions_met, false) as is_evaluable_ceious
from settled;

---------- modality_concordance
create temp table members as
with populations as (
    select unnest([
        case when is_dlm then {'name': 'ct', 'counts': is_evaluable} end,
        case when is_confirmed_dlm then {'name': 'ct_mri', 'counts': is_evaluable} end,
        case mri_group when 'mri_visible' then {'name': 'ct_gone_mri_visible', 'counts': is_evaluable} end,
        case mri_group when 'mri_unknown' then {'name': 'ct_gone_mri_unknown', 'counts': is_evaluable} end,
        case when is_confirmed_dlm and ceious_verdict = 'not_visible'
            then {'name': 'ct_mri_ceious', 'counts': is_evaluable_ceious} end
    ]) as member, *
    from fct_lesion where is_dlm
),
counted as (
    select
        member.name as population,
        patient_id,
        member.counts::integer as m,
        (member.counts and reference_verdict = 'nonviable')::integer as x,
        coalesce(disposition, 'missing') as disposition,
        coalesce(size_band, 'unknown') as size_band,
        count(*) over (partition by member.name, patient_id) as n
    from populations where member is not null
)
select
    population,
    unnest(['overall', 'region', 'data_centre', 'disposition', 'size_band', 'lesions_per_patient'])
        as stratum,
    unnest([
        'all', region, data_centre, disposition, size_band,
        case when n = 1 then '1' when n <= 4 then '2-4' when n <= 9 then '5-9' else '10+' end
    ]) as stratum_value,
    patient_id,
    m,
    x
from counted inner join patients using (patient_id);

create temp table sums as
with clusters as (
    select population, stratum, stratum_value, patient_id, count(*) as lesions, sum(m) as m,
        sum(x) as x
    from members group by all
),
strata as (
    select distinct stratum, stratum_value from clusters
    union
    values ('overall', 'all'), ('disposition', 'resected'), ('disposition', 'left_in_place')
),
summed as (
    select
        population,
        stratum,
        stratum_value,
        count(*) as n_patients_population,
        sum(lesions)::bigint as n_lesions,
        count(*) filter (m > 0) as n_patients,
        sum(m)::bigint as n,
        sum(x)::bigint as k,
        sum(m::double * m) as m2,
        sum(x::double * x / nullif(m, 0)) as x2_by_m
    from clusters group by all
)
select
    population,
    stratum,
    stratum_value,
    coalesce(n_patients_population, 0) as n_patients_population,
    coalesce(n_lesions, 0) as n_lesions,
    coalesce(n_patients, 0) as n_patients,
    coalesce(n, 0) as n,
    coalesce(k, 0) as k,
    k::double / nullif(n, 0) as npv,
    (x2_by_m - k::double * k / nullif(n, 0)) / nullif(n_patients - 1, 0) as between_patients,
    (k - x2_by_m) / nullif(n - n_patients, 0) as within_patients,
    (n - m2 / nullif(n, 0)) / nullif(n_patients - 1, 0) as usual_size,
    (between_patients - within_patients)
    / nullif(between_patients + (usual_size - 1) * within_patients, 0) as icc,
    1 + (m2 / nullif(n, 0) - 1) * greatest(coalesce(icc, 0), 0) as design_effect,
    n / design_effect as n_effective
from (values ('ct'), ('ct_mri'), ('ct_gone_mri_visible'), ('ct_gone_mri_unknown'),
    ('ct_mri_ceious')) as populations (population)
cross join strata
left join summed using (population, stratum, stratum_value);
