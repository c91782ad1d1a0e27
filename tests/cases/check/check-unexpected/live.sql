-- A check that nobody declared.
ALTER TABLE keys ADD CHECK (char_length(prefix) = 8);
