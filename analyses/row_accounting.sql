-- Was every record that came in loaded, quarantined or a duplicate?
-- 受け取った記録はすべて、取込・隔離・重複のいずれかに数えられたか
select
    source,
    count(*) as n_files,
    sum(records_in) as records_in,
    sum(loaded) as loaded,
    sum(quarantined) as quarantined,
    sum(exact_duplicates) as exact_duplicates,
    sum(records_in) - sum(loaded) - sum(quarantined) - sum(exact_duplicates) as unaccounted
from quality.row_accounting
group by source
order by source
