CREATE TABLE keys (id bigint PRIMARY KEY, prefix text CHECK (char_length(prefix) = 8));
