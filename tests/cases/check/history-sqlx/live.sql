-- sqlx's history: said with its version, never a finding.
CREATE TABLE _sqlx_migrations (
    version bigint PRIMARY KEY, description text NOT NULL, installed_on timestamptz NOT NULL DEFAULT now(),
    success boolean NOT NULL, checksum bytea NOT NULL, execution_time bigint NOT NULL
);
INSERT INTO _sqlx_migrations VALUES (20240131120000, 'users', '2024-01-31', true, '\x00', 1);
