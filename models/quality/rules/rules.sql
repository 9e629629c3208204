with

catalogue as (select * from {{ ref('ref_quality_rules') }})

select
    cast(rule_id as string) as rule_id,
    cast(table_name as string) as table_name,
    cast(form as string) as form,
    cast(column_name as string) as column_name,

    ---------- what it is
    cast(severity as string) as severity,
    cast(category as string) as category,
    cast(owner as string) as owner, -- noqa: RF04
    cast(check_kind as string) as check_kind,
    cast(threshold_percent as double) as threshold_percent,
    cast(threshold_reason as string) as threshold_reason,
    cast(threshold_reason_ja as string) as threshold_reason_ja,

    ---------- words
    cast(title_en as string) as title_en,
    cast(title_ja as string) as title_ja,
    cast(description_en as string) as description_en,
    cast(description_ja as string) as description_ja,
    cast(message_en as string) as message_en,
    cast(message_ja as string) as message_ja,
    cast(action_en as string) as action_en,
    cast(action_ja as string) as action_ja,

    ---------- where it comes from
    cast(citation as string) as citation,
    cast(version as string) as version -- noqa: RF04
from catalogue
