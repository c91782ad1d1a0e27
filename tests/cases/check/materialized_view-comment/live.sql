-- The comment differs.
COMMENT ON MATERIALIZED VIEW ids IS 'Refreshed hourly.';
