-- The last step of the floor: intervals of Wilson, naive and on the effective number of lesions.
create temp macro wilson(p, n, z, side) as
    case
        when side < 0 and p = 0 then 0.0 when side > 0 and p = 1 then 1.0
        else (p + z * z / (2 * n) + side * z * sqrt(p * (1 - p) / n + z * z / (4 * n * n)))
            / (1 + z * z / n)
    end;

create table modality_concordance as
select
    population,
    stratum,
    stratum_value,
    n_patients_population,
    n_patients,
    n_lesions,
    n as n_evaluable,
    k as n_nonviable,
    n - k as n_viable,
    npv,
    wilson(npv, nullif(n, 0), $z, -1) as naive_lower,
    wilson(npv, nullif(n, 0), $z, 1) as naive_upper,
    case when t is not null then wilson(npv, n_effective, t, -1) end as clustered_lower,
    case when t is not null then wilson(npv, n_effective, t, 1) end as clustered_upper,
    case when n > 0 then design_effect end as design_effect,
    icc,
    n_effective
from sums
left join t_quantiles on n_patients - 1 = df;
