-- No finding: what GRANT ALL gives; since 17 there is MAINTAIN among it.
SELECT;
