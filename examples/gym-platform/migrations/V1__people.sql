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
    role gym_role NOT NULL DEFAULT 'trainee'
);
CREATE UNIQUE INDEX users_email_key ON users (lower(email));
