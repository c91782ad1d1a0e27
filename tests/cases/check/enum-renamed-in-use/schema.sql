CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE TABLE days (id int PRIMARY KEY, mood mood NOT NULL);
CREATE FUNCTION worse(mood) RETURNS mood LANGUAGE sql AS $$ SELECT 'sad'::mood $$;
