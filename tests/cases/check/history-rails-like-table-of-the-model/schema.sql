CREATE TABLE users (id bigint PRIMARY KEY);
CREATE TABLE schema_migrations (id bigint PRIMARY KEY, note text);
