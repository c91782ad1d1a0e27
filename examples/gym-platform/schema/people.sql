CREATE TABLE gyms (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL
);

CREATE TYPE gym_role AS ENUM ('owner', 'trainer', 'trainee');

CREATE TABLE users (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    gym_id bigint NOT NULL REFERENCES gyms (id),
    email text NOT NULL,
    name text NOT NULL,
    role gym_role NOT NULL DEFAULT 'trainee',
    hashed_password text
);
COMMENT ON COLUMN users.hashed_password IS 'scrypt; NULL until the person has chosen one.';

CREATE UNIQUE INDEX users_email_key ON users (lower(email));
CREATE INDEX users_gym_id_idx ON users (gym_id);
