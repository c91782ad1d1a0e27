CREATE TABLE users (id bigint PRIMARY KEY, email text, domain text GENERATED ALWAYS AS (split_part(email, '@', 2)) VIRTUAL);
