-- No history: this looks like version 2 of 3, with 1 difference.
CREATE TABLE users (id bigint PRIMARY KEY, username varchar(20));
