-- The materialized view is missing; its index is told in it.
DROP MATERIALIZED VIEW org_sizes;
