-- One row per site and modality: what became of the exam each baseline lesion of an operated
-- patient should have had, before or at operation. The six fates exclude each other and add up
-- to the exams expected.
with

sites as (
    select *
    from {{ ref('dim_site') }}
),

lesions as (
    select *
    from {{ ref('fct_lesion') }}
    where is_baseline_lesion and is_operated
),

accepted_exams as (
    select * from {{ ref('int_lesion_imaging') }}
),

reader_pairs as (
    select *
    from {{ ref('int_reader_pair') }}
    where
        local_verdict in ('visible', 'not_visible')
        and central_verdict in ('visible', 'not_visible')
),

modalities as (
    {% for modality, timepoint in [
        ('CT', 'preop'), ('MRI', 'preop'), ('IOUS', 'intraop'), ('CEIOUS', 'intraop'),
    ] %}
        select
            {{ loop.index }} as modality_order,
            '{{ modality }}' as modality,
            '{{ timepoint }}' as timepoint
        {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

expected_exams as (
    select
        site_id,
        'CT' as modality,
        ct_verdict as verdict,
        ct_conditions_met as conditions_met,
        ct_in_time as in_time
    from lesions
    union all
    select
        site_id,
        'MRI' as modality,
        mri_verdict as verdict,
        mri_conditions_met as conditions_met,
        mri_in_time as in_time
    from lesions
    {% for modality in ['IOUS', 'CEIOUS'] %}
        union all
        -- Ultrasound is done at the operation itself and so is never late.
        select
            lesions.site_id,
            '{{ modality }}' as modality,
            lesions.{{ modality | lower }}_verdict as verdict,
            accepted_exams.{{ modality | lower }}_conditions_met as conditions_met,
            true as in_time
        from lesions
        left join accepted_exams on lesions.lesion_id = accepted_exams.lesion_id
    {% endfor %}
),

-- The first fate that applies, in the order in which a lesion is found not evaluable.
fates as (
    select
        site_id,
        modality,
        case
            when verdict in ('missing', 'not_done', 'not_evaluable') then verdict
            when not coalesce(conditions_met, false) then 'not_conform'
            when not coalesce(in_time, false) then 'late'
            else 'conform'
        end as fate
    from expected_exams
),

fate_counts as (
    select
        site_id,
        modality,
        count(*) as n_expected,
        count(case when fate = 'conform' then 1 end) as n_conform,
        count(case when fate = 'late' then 1 end) as n_late,
        count(case when fate = 'not_conform' then 1 end) as n_not_conform,
        count(case when fate = 'not_evaluable' then 1 end) as n_not_evaluable,
        count(case when fate = 'not_done' then 1 end) as n_not_done,
        count(case when fate = 'missing' then 1 end) as n_missing
    from fates
    group by site_id, modality
),

pair_counts as (
    select
        site_id,
        modality,
        timepoint,
        count(*) as n_pairs,
        count(case when local_verdict = central_verdict then 1 end) as n_agree
    from reader_pairs
    group by site_id, modality, timepoint
),

counts as (
    select
        sites.site_id,
        modalities.modality_order,
        modalities.modality,
        modalities.timepoint,
        cast(coalesce(fate_counts.n_expected, 0) as bigint) as n_expected,
        cast(coalesce(fate_counts.n_conform, 0) as bigint) as n_conform,
        cast(coalesce(fate_counts.n_late, 0) as bigint) as n_late,
        cast(coalesce(fate_counts.n_not_conform, 0) as bigint) as n_not_conform,
        cast(coalesce(fate_counts.n_not_evaluable, 0) as bigint) as n_not_evaluable,
        cast(coalesce(fate_counts.n_not_done, 0) as bigint) as n_not_done,
        cast(coalesce(fate_counts.n_missing, 0) as bigint) as n_missing,
        cast(coalesce(pair_counts.n_pairs, 0) as bigint) as n_local_central_pairs,
        cast(coalesce(pair_counts.n_agree, 0) as bigint) as n_local_central_agree
    from sites
    cross join modalities
    left join fate_counts
        on sites.site_id = fate_counts.site_id and modalities.modality = fate_counts.modality
    left join pair_counts
        on
            sites.site_id = pair_counts.site_id
            and modalities.modality = pair_counts.modality
            and modalities.timepoint = pair_counts.timepoint
)

select
    site_id,
    modality,
    timepoint,

    ---------- fate of the exams expected
    n_expected,
    n_conform,
    n_late,
    n_not_conform,
    n_not_evaluable,
    n_not_done,
    n_missing,

    ---------- local against central readers
    n_local_central_pairs,
    n_local_central_agree,

    ---------- rates
    100e0 * {{ proportion('n_conform', 'n_expected') }} as percent_conform,
    {{ proportion('n_local_central_agree', 'n_local_central_pairs') }} as local_central_agreement
from counts
order by site_id, modality_order
