-- The index is missing: REFRESH CONCURRENTLY needs it.
DROP INDEX org_sizes_org_idx;
