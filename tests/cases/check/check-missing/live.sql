-- The check is missing.
ALTER TABLE keys DROP CONSTRAINT keys_prefix_check;
