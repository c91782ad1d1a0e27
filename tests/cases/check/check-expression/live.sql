-- The expression differs.
ALTER TABLE keys DROP CONSTRAINT keys_prefix_check;
ALTER TABLE keys ADD CONSTRAINT keys_prefix_check CHECK (char_length(prefix) >= 6);
