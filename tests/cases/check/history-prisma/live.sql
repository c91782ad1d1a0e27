-- Prisma's history: said with its version, never a finding; a rolled back one does not count.
CREATE TABLE _prisma_migrations (
    id varchar(36) PRIMARY KEY NOT NULL, checksum varchar(64) NOT NULL, finished_at timestamptz, migration_name varchar(255) NOT NULL,
    logs text, rolled_back_at timestamptz, started_at timestamptz NOT NULL DEFAULT now(), applied_steps_count integer NOT NULL DEFAULT 0
);
INSERT INTO _prisma_migrations VALUES
    ('a', 'x', '2024-01-31', '20240131120000_init', NULL, NULL, '2024-01-31', 1),
    ('b', 'y', NULL, '20240201120000_teams', NULL, '2024-02-02', '2024-02-01', 0);
