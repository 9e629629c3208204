-- On which preoperative exams do local and central readers disagree?
-- 術前画像のうち、施設読影と中央読影が食い違うものはどれか
select
    local_reads.site_id,
    local_reads.lesion_id,
    local_reads.modality,
    local_reads.read_date,
    local_reads.reader as local_reader,
    local_reads.verdict as local_verdict,
    central_reads.reader as central_reader,
    central_reads.verdict as central_verdict
from core.fct_read as local_reads
inner join core.fct_read as central_reads
    on
        local_reads.lesion_id = central_reads.lesion_id
        and local_reads.modality = central_reads.modality
        and local_reads.timepoint = central_reads.timepoint
        and local_reads.read_date = central_reads.read_date
where
    local_reads.reader_role = 'local'
    and central_reads.reader_role = 'central'
    and local_reads.timepoint = 'preop'
    and local_reads.verdict <> central_reads.verdict
order by local_reads.site_id, local_reads.lesion_id, local_reads.modality, local_reads.reader
