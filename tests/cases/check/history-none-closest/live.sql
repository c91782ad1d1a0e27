-- No history: this looks like version 3 of 4, with no difference; adopt is the remedy.
CREATE TABLE teams (id bigint PRIMARY KEY);
CREATE TABLE users (username text, id bigint PRIMARY KEY);
