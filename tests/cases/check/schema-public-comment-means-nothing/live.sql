-- No finding: the comment of the public schema differs between releases of PostgreSQL.
COMMENT ON SCHEMA public IS NULL;
