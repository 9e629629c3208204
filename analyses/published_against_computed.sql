-- Which published numbers does this build reproduce?
-- 公表値のうち、再計算で一致したものはどれか
select
    topic,
    claim_id,
    published_value,
    computed_value,
    unit,
    numerator,
    denominator,
    status,
    reason
from marts.published_results
order by topic, claim_id
