-- How far CREATE INDEX, REINDEX, VACUUM or CLUSTER of the session {pid} is (manual, "Progress Reporting").
SELECT phase, CASE WHEN tuples_total > 0 THEN tuples_done ELSE blocks_done END AS done,
       CASE WHEN tuples_total > 0 THEN tuples_total ELSE blocks_total END AS total
FROM pg_stat_progress_create_index WHERE pid = {pid}
UNION ALL
SELECT phase, heap_blks_scanned, heap_blks_total FROM pg_stat_progress_vacuum WHERE pid = {pid}
UNION ALL
SELECT phase, heap_blks_scanned, heap_blks_total FROM pg_stat_progress_cluster WHERE pid = {pid}
