-- Every published claim is shown, with a verdict.
select claims.claim_id
from {{ ref('ref_published_claims') }} as claims
left join {{ ref('published_results') }} as results
    on claims.claim_id = results.claim_id
where results.status is null
