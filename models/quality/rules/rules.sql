with

catalogue as (select * from {{ ref('ref_quality_rules') }})

select
    cast(rule_id as varchar) as rule_id,
    cast(table_name as varchar) as table_name,
    cast(form as varchar) as form,
    cast(column_name as varchar) as column_name,

    ---------- what it is
    cast(severity as varchar) as severity,
    cast(category as varchar) as category,
    cast(owner as varchar) as owner,
    cast(check_kind as varchar) as check_kind,
    cast(threshold_percent as double) as threshold_percent,
    cast(threshold_reason as varchar) as threshold_reason,

    ---------- words
    cast(title_en as varchar) as title_en,
    cast(title_ja as varchar) as title_ja,
    cast(description_en as varchar) as description_en,
    cast(description_ja as varchar) as description_ja,
    cast(message_en as varchar) as message_en,
    cast(message_ja as varchar) as message_ja,
    cast(action_en as varchar) as action_en,
    cast(action_ja as varchar) as action_ja,

    ---------- where it comes from
    cast(citation as varchar) as citation,
    cast(version as varchar) as version
from catalogue
