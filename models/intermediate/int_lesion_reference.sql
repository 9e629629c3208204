with

lesions as (select * from {{ ref('int_lesion_imaging') }}),

dispositions as (select * from {{ ref('int_lesion_dispositions') }}),

pathology as (select * from {{ ref('int_lesion_pathology') }}),

surveillance as (select * from {{ ref('int_lesion_surveillance') }}),

later_treatments as (select * from {{ ref('int_later_treatments') }}),

-- Only where specimens of a lesion oppose each other is there something to adjudicate.
adjudications as (
    select
        lesion_id,
        adjudication_id,
        case verdict
            when 'viable' then 'viable_cells'
            when 'nonviable' then 'no_viable_cells'
            else 'pathology_not_evaluable'
        end as adjudicated_reason
    from {{ ref('int_adjudications') }}
    where kind = 'reference' and is_in_force
),

joined as (
    select
        lesions.lesion_id,
        lesions.is_operated,
        case
            when lesions.is_operated then coalesce(dispositions.disposition, 'missing')
        end as disposition,
        dispositions.disposition_stage,
        dispositions.specimen_id,
        coalesce(later_treatments.was_resected_later, false) as was_resected_later,
        later_treatments.later_resection_date,
        coalesce(adjudications.adjudicated_reason, pathology.pathology_reason)
            as pathology_reason,
        adjudications.adjudication_id as reference_adjudication_id,
        pathology.pathology_date,
        surveillance.regrowth_date,
        surveillance.days_to_regrowth,
        surveillance.is_regrown_by_limit,
        surveillance.may_be_regrown_by_limit,
        surveillance.may_be_unnamed_regrowth,
        surveillance.last_imaging_date,
        surveillance.settling_imaging_date,
        surveillance.death_date_before_limit
    from lesions
    left join dispositions on lesions.lesion_id = dispositions.lesion_id
    left join pathology on lesions.lesion_id = pathology.lesion_id
    left join adjudications
        on
            pathology.lesion_id = adjudications.lesion_id
            and pathology.specimens_oppose
    left join surveillance on lesions.lesion_id = surveillance.lesion_id
    left join later_treatments on lesions.lesion_id = later_treatments.lesion_id
),

reasoned as (
    select
        *,
        case
            when not is_operated then 'no_surgery'
            when disposition = 'resected' then coalesce(pathology_reason, 'no_pathology')
            when disposition = 'ablated' then coalesce(pathology_reason, 'ablated_no_specimen')
            when disposition = 'left_in_place' then case
                when was_resected_later and pathology_reason is not null then pathology_reason
                when is_regrown_by_limit then 'regrowth_at_spot'
                when may_be_regrown_by_limit then 'regrowth_date_uncertain'
                when may_be_unnamed_regrowth then 'regrowth_lesion_unknown'
                when settling_imaging_date is not null then 'no_regrowth_by_limit'
                when was_resected_later then 'resected_later_no_pathology'
                when death_date_before_limit is not null then 'died_before_limit'
                else 'followup_short'
            end
            else 'no_disposition'
        end as reference_reason
    from joined
)

select
    lesion_id,

    ---------- what surgery did
    disposition,
    disposition_stage,
    specimen_id,
    was_resected_later,
    later_resection_date,

    ---------- the truth
    case
        when
            reference_reason in (
                'viable_cells', 'no_viable_cells', 'specimen_not_found', 'pathology_not_evaluable'
            )
            then case disposition when 'left_in_place' then 'later_pathology' else 'pathology' end
        when
            reference_reason in (
                'regrowth_at_spot', 'regrowth_date_uncertain', 'regrowth_lesion_unknown',
                'no_regrowth_by_limit', 'followup_short', 'died_before_limit'
            )
            then 'imaging_followup'
        else 'none'
    end as reference_standard,
    case
        when reference_reason in ('viable_cells', 'regrowth_at_spot') then 'viable'
        when reference_reason in ('no_viable_cells', 'no_regrowth_by_limit') then 'nonviable'
        else 'indeterminate'
    end as reference_verdict,
    reference_reason,
    reference_adjudication_id,
    case reference_reason
        when 'regrowth_at_spot' then regrowth_date
        when 'regrowth_date_uncertain' then regrowth_date
        when 'regrowth_lesion_unknown' then last_imaging_date
        when 'no_regrowth_by_limit' then settling_imaging_date
        when 'followup_short' then last_imaging_date
        when 'died_before_limit' then death_date_before_limit
        when 'resected_later_no_pathology' then later_resection_date
        else pathology_date
    end as reference_date,
    regrowth_date,
    days_to_regrowth
from reasoned
