-- The check is NOT VALID: a warning.
ALTER TABLE keys DROP CONSTRAINT keys_prefix_check;
ALTER TABLE keys ADD CHECK (char_length(prefix) = 8) NOT VALID;
