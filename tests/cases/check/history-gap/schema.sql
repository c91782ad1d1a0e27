CREATE TABLE users (id bigint PRIMARY KEY, a text, b text);
