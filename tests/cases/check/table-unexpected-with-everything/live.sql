-- One finding, whatever hangs on the table.
CREATE TABLE users (
    id bigserial PRIMARY KEY, team_id bigint REFERENCES teams, email text UNIQUE CHECK (email <> ''), during tstzrange,
    zip text, city text, EXCLUDE USING gist (during WITH &&)
);
CREATE INDEX users_team_id_idx ON users (team_id);
CREATE TRIGGER users_note BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION note();
CREATE RULE users_keep AS ON DELETE TO users DO INSTEAD NOTHING;
CREATE POLICY own ON users USING (email = current_user);
CREATE STATISTICS users_places ON zip, city FROM users;
