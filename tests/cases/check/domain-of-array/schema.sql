CREATE DOMAIN tags AS text[] CHECK (cardinality(VALUE) < 10);
CREATE TABLE users (id bigint PRIMARY KEY);
