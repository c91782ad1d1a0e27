-- One renamed warning.
ALTER TABLE keys RENAME CONSTRAINT keys_prefix_check TO ck_keys_prefix;
