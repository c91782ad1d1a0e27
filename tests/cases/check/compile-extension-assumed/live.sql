-- The assumed extension is missing, and the column of its type; the index is a plain difference.
CREATE TABLE places (id bigint PRIMARY KEY, name text);
