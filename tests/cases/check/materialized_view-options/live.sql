-- The storage parameter differs.
ALTER MATERIALIZED VIEW ids RESET (fillfactor);
