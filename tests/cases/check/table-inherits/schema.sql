CREATE TABLE events (id bigint, at timestamptz);
CREATE TABLE logins (user_id bigint) INHERITS (events);
