-- Checks of domains.
SELECT contypid, conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE contypid >= '16384' AND contype = 'c'
