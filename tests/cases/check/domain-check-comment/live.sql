-- The comment of the domain's constraint is missing.
COMMENT ON CONSTRAINT percent_range ON DOMAIN percent IS NULL;
