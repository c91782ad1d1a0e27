CREATE TABLE teams (id bigint PRIMARY KEY);
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TABLE users (
    id bigserial PRIMARY KEY, team_id bigint REFERENCES teams, email text UNIQUE CHECK (email <> ''), during tstzrange,
    zip text, city text, EXCLUDE USING gist (during WITH &&)
);
CREATE INDEX users_team_id_idx ON users (team_id);
CREATE TRIGGER users_note BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION note();
CREATE RULE users_keep AS ON DELETE TO users DO INSTEAD NOTHING;
CREATE POLICY own ON users USING (email = current_user);
CREATE STATISTICS users_places ON zip, city FROM users;
GRANT SELECT ON users TO pg_monitor;
COMMENT ON TRIGGER users_note ON users IS 'x';
