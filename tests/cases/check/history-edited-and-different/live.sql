-- V1 was edited after it was applied: the column that its file makes is missing.
CREATE TABLE users (id bigint PRIMARY KEY);
