CREATE TABLE users (id bigint PRIMARY KEY, legacy text);
CREATE TABLE legacy (id bigint);
