-- The expression of the generated column differs.
CREATE TABLE users (id bigint PRIMARY KEY, email text, domain text GENERATED ALWAYS AS (split_part(email, '@', 1)) STORED);
