//! Flyway and Prisma, which are not run here: their tables are made by the statements that these tools send
//! (Flyway 10, `PostgreSQLDatabase.getRawCreateScript`; Prisma 5, `sql-schema-connector`, `_prisma_migrations`), their
//! rows are as these tools write them.

use super::taken::{prove, reference, run_first};
use crate::support;

const FLYWAY: &str = r#"
CREATE TABLE "public"."flyway_schema_history" (
    "installed_rank" INT NOT NULL,
    "version" VARCHAR(50),
    "description" VARCHAR(200) NOT NULL,
    "type" VARCHAR(20) NOT NULL,
    "script" VARCHAR(1000) NOT NULL,
    "checksum" INTEGER,
    "installed_by" VARCHAR(100) NOT NULL,
    "installed_on" TIMESTAMP NOT NULL DEFAULT now(),
    "execution_time" INTEGER NOT NULL,
    "success" BOOLEAN NOT NULL
);
ALTER TABLE "public"."flyway_schema_history" ADD CONSTRAINT "flyway_schema_history_pk" PRIMARY KEY ("installed_rank");
CREATE INDEX "flyway_schema_history_s_idx" ON "public"."flyway_schema_history" ("success");
INSERT INTO "public"."flyway_schema_history"
    ("installed_rank", "version", "description", "type", "script", "checksum", "installed_by", "execution_time", "success")
VALUES
    (1, '1', 'baseline', 'SQL', 'V1__baseline.sql', -1364582911, 'app', 58, true),
    (2, '1.1', 'add username', 'SQL', 'V1.1__add_username.sql', 2007461538, 'app', 9, true),
    (3, '2', 'password hash nullable', 'SQL', 'V2__password_hash_nullable.sql', 1148906627, 'app', 4, true),
    (4, '2.1', 'api keys user id', 'SQL', 'V2.1__api_keys_user_id.sql', -290138842, 'app', 11, true),
    (5, NULL, 'active organizations', 'SQL', 'R__active_organizations.sql', 518260137, 'app', 6, true);
"#;

const PRISMA: &str = r"
CREATE TABLE _prisma_migrations (
    id                      VARCHAR(36) PRIMARY KEY NOT NULL,
    checksum                VARCHAR(64) NOT NULL,
    finished_at             TIMESTAMPTZ,
    migration_name          VARCHAR(255) NOT NULL,
    logs                    TEXT,
    rolled_back_at          TIMESTAMPTZ,
    started_at              TIMESTAMPTZ NOT NULL DEFAULT now(),
    applied_steps_count     INTEGER NOT NULL DEFAULT 0
);
INSERT INTO _prisma_migrations (id, checksum, finished_at, migration_name, logs, rolled_back_at, started_at, applied_steps_count)
VALUES
    ('1b0c6f0a-95a4-4a43-8f3b-6a2f1f0d7c11', 'b9a4c0c7d0f54f4d1a3cf0f7f5f1ff9a0a36a4c26d2c9c4c7c5b0e3c6d5a7e91',
     '2025-01-10 09:12:44.120+00', '20250110091244_init', NULL, NULL, '2025-01-10 09:12:43.910+00', 1),
    ('6a6d0f7e-7f0d-4a0b-8d34-3c0cbf2d6f2b', '4f1f0e6f3b3e0f4a2e3b7d1c9a8f6e5d4c3b2a190817263544536271809fab1c',
     NULL, '20250202101500_add_username', 'ERROR: deadlock detected', '2025-02-02 10:16:03.004+00',
     '2025-02-02 10:15:01.330+00', 0),
    ('c2f8a6d3-1d3b-4a58-9f1d-0d5d1a9c4e77', '4f1f0e6f3b3e0f4a2e3b7d1c9a8f6e5d4c3b2a190817263544536271809fab1c',
     '2025-02-02 10:17:20.641+00', '20250202101500_add_username', NULL, NULL, '2025-02-02 10:17:20.500+00', 1);
";

#[test]
fn a_database_of_flyways_is_taken_over() {
    let (project, database) = (reference(), support::database());
    run_first(&project, &database, 4);
    database.exec(FLYWAY);
    prove(&project, &database, ("Flyway", "public.flyway_schema_history"), 4, &[]);
}

#[test]
fn a_database_of_prismas_is_taken_over() {
    let (project, database) = (reference(), support::database());
    run_first(&project, &database, 2);
    database.exec(PRISMA);
    prove(&project, &database, ("Prisma", "public._prisma_migrations"), 2, &[]);
}
