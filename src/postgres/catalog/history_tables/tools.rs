//! The tools whose histories are known: how to recognise them, how to read them, and what each of them has to know of
//! trueup's tables.

use super::{HistoryTool, OWN_TOOL, REFINERY_TABLE, SideTable};

/// The oids of types (`pg_type.dat`): int4 and int8; text and varchar; bool; timestamp and timestamptz.
const NUMBER: &[u32] = &[23, 20];
const TEXT: &[u32] = &[25, 1043];
const FLAG: &[u32] = &[16];
const TIME: &[u32] = &[1114, 1184];
const NUMBER_OR_TEXT: &[u32] = &[23, 20, 25, 1043];

/// What is said of a tool that compares nothing with the database, and so drops nothing.
const COMPARES_NOTHING: &str =
    "it runs the files that it is given and drops nothing of its own accord: nothing to change";

/// The oids of the types that identifiers of migrations have: the integers and numeric; text, varchar, char and name; uuid.
pub const IDENTIFIER: &[u32] = &[21, 23, 20, 1700, 25, 1043, 1042, 19, 2950];

/// A project's own tool: the project names the table and its column.
pub(super) static OWN: HistoryTool = HistoryTool {
    tool: OWN_TOOL,
    schema: None,
    table: "",
    proof: None,
    only_with: None,
    beside: &[],
    columns: &[],
    query: "SELECT NULL::text, NULL::text LIMIT 0",
    applied: "SELECT revision, 'alone' FROM (SELECT {column}::text AS revision FROM {} OFFSET 0) AS every WHERE \
              revision IS NOT NULL",
    create: "",
    repair: "",
    settings: COMPARES_NOTHING,
};

/// The tools. Where several have a table of one name, the first that fits is taken.
pub static HISTORY_TOOLS: &[HistoryTool] = &[
    HistoryTool {
        tool: "refinery",
        schema: None,
        table: REFINERY_TABLE,
        proof: None,
        only_with: None,
        beside: &[],
        columns: &[("version", NUMBER), ("name", TEXT), ("applied_on", TEXT), ("checksum", TEXT)],
        query: "SELECT version::text, name, applied_on, checksum FROM {}",
        applied: "",
        create: "",
        repair: "",
        settings: "",
    },
    HistoryTool {
        tool: "Alembic",
        schema: None,
        table: "alembic_version",
        proof: Some("version_num"),
        only_with: None,
        beside: &[],
        columns: &[("version_num", TEXT)],
        query: "SELECT pg_catalog.string_agg(version_num, ', ' ORDER BY version_num), NULL FROM {}",
        applied: "SELECT version_num::text, 'ancestors' FROM {}",
        create: "",
        repair: "",
        settings: "`alembic revision --autogenerate` would drop it. In env.py, in both calls: context.configure(..., \
                   include_name=lambda name, type_, parents: name not in {\"schema\": [\"trueup\"], \"table\": \
                   [\"{history}\"]}.get(type_, []))",
    },
    HistoryTool {
        tool: "Django",
        schema: None,
        table: "django_migrations",
        proof: Some("app"),
        only_with: None,
        beside: &[],
        columns: &[("id", NUMBER), ("app", TEXT), ("name", TEXT)],
        query: "SELECT pg_catalog.concat(app, '.', name), NULL FROM {} ORDER BY id DESC LIMIT 1",
        applied: "SELECT pg_catalog.concat(app, '.', name), 'alone' FROM {}",
        create: "",
        repair: "",
        settings: "`makemigrations` compares the models, not the database, and drops no table without a model. Where a \
                   model was generated for it (`inspectdb`), keep `managed = False` in its Meta",
    },
    HistoryTool {
        tool: "Flyway",
        schema: None,
        table: "flyway_schema_history",
        proof: Some("installed_rank"),
        only_with: None,
        beside: &[],
        columns: &[
            ("installed_rank", NUMBER),
            ("version", TEXT),
            ("description", TEXT),
            ("type", TEXT),
            ("success", FLAG),
        ],
        query: "WITH newest AS (SELECT DISTINCT ON (revision) revision, version, type, success, installed_rank FROM \
                (SELECT coalesce(version, pg_catalog.concat('R__', pg_catalog.replace(description, ' ', '_'))) AS \
                revision, version, type, success, installed_rank FROM {} OFFSET 0) AS every \
                ORDER BY revision, installed_rank DESC) \
                SELECT (SELECT version FROM newest WHERE success AND type NOT LIKE 'UNDO%' AND type NOT IN \
                ('SCHEMA', 'DELETE') AND version IS NOT NULL ORDER BY installed_rank DESC LIMIT 1), \
                (SELECT revision FROM newest WHERE NOT success ORDER BY installed_rank DESC LIMIT 1)",
        applied: "SELECT revision, CASE WHEN type LIKE '%BASELINE' THEN 'baseline' ELSE 'alone' END FROM \
                  (SELECT DISTINCT ON (revision) revision, type, \
                  success FROM (SELECT coalesce(version, pg_catalog.concat('R__', \
                  pg_catalog.replace(description, ' ', '_'))) AS revision, type, success, installed_rank FROM \
                  {} OFFSET 0) AS every ORDER BY revision, installed_rank DESC) AS newest WHERE success AND \
                  type NOT LIKE 'UNDO%' AND type NOT IN ('SCHEMA', 'DELETE')",
        create: "CREATE TABLE IF NOT EXISTS flyway_schema_history (installed_rank integer PRIMARY KEY, \
                 version varchar(50), description varchar(200) NOT NULL, type varchar(20) NOT NULL, script \
                 varchar(1000) NOT NULL, checksum integer, installed_by varchar(100) NOT NULL, installed_on \
                 timestamp NOT NULL DEFAULT now(), execution_time integer NOT NULL, success boolean NOT NULL)",
        repair: "undo what it left, then: flyway repair",
        settings: "only `flyway clean` drops it: set flyway.cleanDisabled=true",
    },
    HistoryTool {
        tool: "sqlx",
        schema: None,
        table: "_sqlx_migrations",
        proof: Some("checksum"),
        only_with: None,
        beside: &[],
        columns: &[("version", NUMBER), ("success", FLAG)],
        query: "SELECT (SELECT version::text FROM (SELECT version, success FROM {} OFFSET 0) AS every \
                WHERE success ORDER BY version DESC LIMIT 1), \
                (SELECT version::text FROM (SELECT version, success FROM {} OFFSET 0) AS every \
                WHERE NOT success ORDER BY version DESC LIMIT 1)",
        applied: "SELECT version::text, 'alone' FROM (SELECT version, success FROM {} OFFSET 0) AS every WHERE \
                  success",
        create: "CREATE TABLE IF NOT EXISTS _sqlx_migrations (version bigint PRIMARY KEY, description text \
                 NOT NULL, installed_on timestamptz NOT NULL DEFAULT now(), success boolean NOT NULL, \
                 checksum bytea NOT NULL, execution_time bigint NOT NULL)",
        repair: "undo what it left, delete its row, and run it again: sqlx migrate run",
        settings: COMPARES_NOTHING,
    },
    HistoryTool {
        tool: "Prisma",
        schema: None,
        table: "_prisma_migrations",
        proof: Some("migration_name"),
        only_with: None,
        beside: &[],
        columns: &[("migration_name", TEXT), ("finished_at", TIME), ("rolled_back_at", TIME)],
        query: "SELECT (SELECT migration_name FROM (SELECT migration_name, finished_at FROM {} OFFSET 0) AS every \
                WHERE finished_at IS NOT NULL ORDER BY finished_at DESC LIMIT 1), \
                (SELECT migration_name FROM (SELECT migration_name, finished_at, rolled_back_at FROM {} OFFSET 0) \
                AS every WHERE finished_at IS NULL AND rolled_back_at IS NULL ORDER BY migration_name DESC LIMIT 1)",
        applied: "SELECT migration_name::text, 'alone' FROM (SELECT migration_name, finished_at, rolled_back_at \
                  FROM {} OFFSET 0) AS every WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL",
        create: "CREATE TABLE IF NOT EXISTS _prisma_migrations (id varchar(36) PRIMARY KEY NOT NULL, checksum \
                 varchar(64) NOT NULL, finished_at timestamptz, migration_name varchar(255) NOT NULL, logs \
                 text, rolled_back_at timestamptz, started_at timestamptz NOT NULL DEFAULT now(), \
                 applied_steps_count integer NOT NULL DEFAULT 0)",
        repair: "prisma migrate resolve --applied NAME or --rolled-back NAME",
        settings: "`prisma db push` and `prisma migrate dev` would drop it. In schema.prisma, after `prisma db pull`, \
                   keep its model and mark it with @@ignore; or name it in prisma.config.ts: tables: { external: \
                   [\"{schema}.{history}\"] }",
    },
    HistoryTool {
        tool: "golang-migrate",
        schema: None,
        table: "schema_migrations",
        proof: Some("version"),
        only_with: Some(SideTable { table: "schema_migrations", column: "dirty" }),
        beside: &[],
        columns: &[("version", NUMBER), ("dirty", FLAG)],
        query: "SELECT (SELECT version::text FROM (SELECT version, dirty FROM {} OFFSET 0) AS every \
                WHERE NOT dirty ORDER BY version DESC LIMIT 1), \
                (SELECT version::text FROM (SELECT version, dirty FROM {} OFFSET 0) AS every \
                WHERE dirty ORDER BY version DESC LIMIT 1)",
        applied: "SELECT version::text, CASE WHEN dirty THEN 'before' ELSE 'through' END FROM (SELECT version, dirty \
                  FROM {} OFFSET 0) AS every",
        create: "CREATE TABLE IF NOT EXISTS schema_migrations (version bigint NOT NULL PRIMARY KEY, dirty \
                 boolean NOT NULL)",
        repair: "undo what it left, then: migrate force VERSION",
        settings: "only `migrate drop` drops it: it drops everything in the database",
    },
    HistoryTool {
        tool: "Rails",
        schema: None,
        table: "schema_migrations",
        proof: Some("version"),
        only_with: Some(SideTable { table: "ar_internal_metadata", column: "value" }),
        beside: &[SideTable { table: "ar_internal_metadata", column: "value" }],
        columns: &[("version", TEXT)],
        query: "SELECT version::text, NULL FROM {} ORDER BY version DESC LIMIT 1",
        applied: "SELECT version::text, 'alone' FROM {}",
        create: "",
        repair: "",
        settings: "schema.rb would have it. In an initializer: ActiveRecord::SchemaDumper.ignore_tables << \"{history}\"",
    },
    HistoryTool {
        tool: "dbmate",
        schema: None,
        table: "schema_migrations",
        proof: Some("version"),
        only_with: None,
        beside: &[],
        columns: &[("version", NUMBER_OR_TEXT)],
        query: "SELECT version::text, NULL FROM {} ORDER BY version DESC LIMIT 1",
        applied: "SELECT version::text, 'alone' FROM {}",
        create: "CREATE TABLE IF NOT EXISTS schema_migrations (version varchar(128) PRIMARY KEY)",
        repair: "",
        settings: "it drops nothing; its db/schema.sql will have the table, like everything else",
    },
    HistoryTool {
        tool: "goose",
        schema: None,
        table: "goose_db_version",
        proof: Some("version_id"),
        only_with: None,
        beside: &[],
        columns: &[("id", NUMBER), ("version_id", NUMBER), ("is_applied", FLAG)],
        query: "SELECT version_id::text, NULL FROM (SELECT DISTINCT ON (version_id) version_id, is_applied FROM \
                (SELECT id, version_id, is_applied FROM {} OFFSET 0) AS every ORDER BY version_id DESC, id DESC) \
                AS newest WHERE is_applied AND version_id > 0 ORDER BY version_id DESC LIMIT 1",
        applied: "SELECT version_id::text, 'alone' FROM (SELECT DISTINCT ON (version_id) version_id, is_applied \
                  FROM (SELECT id, version_id, is_applied FROM {} OFFSET 0) AS every ORDER BY version_id, id \
                  DESC) AS newest WHERE is_applied AND version_id > 0",
        create: "CREATE TABLE IF NOT EXISTS goose_db_version (id integer PRIMARY KEY GENERATED BY DEFAULT AS \
                 IDENTITY, version_id bigint NOT NULL, is_applied boolean NOT NULL, tstamp timestamp NOT NULL \
                 DEFAULT now())",
        repair: "",
        settings: COMPARES_NOTHING,
    },
    HistoryTool {
        tool: "Liquibase",
        schema: None,
        table: "databasechangelog",
        proof: Some("orderexecuted"),
        only_with: None,
        beside: &[SideTable { table: "databasechangeloglock", column: "lockgranted" }],
        columns: &[
            ("id", TEXT),
            ("author", TEXT),
            ("filename", TEXT),
            ("orderexecuted", NUMBER),
            ("exectype", TEXT),
        ],
        query: "SELECT (SELECT pg_catalog.concat(filename, '::', id, '::', author) FROM \
                (SELECT id, author, filename, orderexecuted, exectype FROM {} OFFSET 0) AS every \
                WHERE exectype <> 'FAILED' ORDER BY orderexecuted DESC LIMIT 1), \
                (SELECT pg_catalog.concat(filename, '::', id, '::', author) FROM \
                (SELECT id, author, filename, orderexecuted, exectype FROM {} OFFSET 0) AS every \
                WHERE exectype = 'FAILED' ORDER BY orderexecuted DESC LIMIT 1)",
        applied: "SELECT pg_catalog.concat(pg_catalog.regexp_replace(filename, '^(classpath:)?/*', ''), '::', id, '::', \
                  author), 'alone' FROM (SELECT id, author, filename, exectype FROM {} OFFSET 0) AS every \
                  WHERE exectype <> 'FAILED'",
        create: "",
        repair: "undo what it left, delete its row, and run it again: liquibase update",
        settings: "`liquibase diff-changelog` would drop it: give --exclude-objects=\"table:{history}\"; `drop-all` \
                   drops everything",
    },
    HistoryTool {
        tool: "knex",
        schema: None,
        table: "knex_migrations",
        proof: Some("batch"),
        only_with: None,
        beside: &[SideTable { table: "knex_migrations_lock", column: "is_locked" }],
        columns: &[("id", NUMBER), ("name", TEXT), ("batch", NUMBER)],
        query: "SELECT name::text, NULL FROM {} ORDER BY id DESC LIMIT 1",
        applied: "",
        create: "",
        repair: "",
        settings: COMPARES_NOTHING,
    },
    HistoryTool {
        tool: "node-pg-migrate",
        schema: None,
        table: "pgmigrations",
        proof: Some("run_on"),
        only_with: None,
        beside: &[],
        columns: &[("id", NUMBER), ("name", TEXT), ("run_on", TIME)],
        query: "SELECT name::text, NULL FROM {} ORDER BY id DESC LIMIT 1",
        applied: "SELECT name::text, 'alone' FROM {}",
        create: "CREATE TABLE IF NOT EXISTS pgmigrations (id serial PRIMARY KEY, name varchar(255) NOT NULL, \
                 run_on timestamp NOT NULL)",
        repair: "",
        settings: COMPARES_NOTHING,
    },
    HistoryTool {
        tool: "diesel",
        schema: None,
        table: "__diesel_schema_migrations",
        proof: Some("run_on"),
        only_with: None,
        beside: &[],
        columns: &[("version", TEXT), ("run_on", TIME)],
        query: "SELECT version::text, NULL FROM {} ORDER BY version DESC LIMIT 1",
        applied: "SELECT version::text, 'alone' FROM {}",
        create: "CREATE TABLE IF NOT EXISTS __diesel_schema_migrations (version varchar(50) PRIMARY KEY NOT \
                 NULL, run_on timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP)",
        repair: "",
        settings: "`diesel print-schema` would have it. In diesel.toml: [print_schema] filter = { except_tables = \
                   [\"{history}\"] }",
    },
    HistoryTool {
        tool: "sql-migrate",
        schema: None,
        table: "gorp_migrations",
        proof: Some("applied_at"),
        only_with: None,
        beside: &[],
        columns: &[("id", TEXT), ("applied_at", TIME)],
        query: "SELECT id::text, NULL FROM {} ORDER BY id DESC LIMIT 1",
        applied: "SELECT id::text, 'alone' FROM {}",
        create: "CREATE TABLE IF NOT EXISTS gorp_migrations (id text NOT NULL PRIMARY KEY, applied_at \
                 timestamptz)",
        repair: "",
        settings: COMPARES_NOTHING,
    },
    HistoryTool {
        tool: "sqitch",
        schema: Some("sqitch"),
        table: "changes",
        proof: Some("change_id"),
        only_with: None,
        beside: &[
            SideTable { table: "dependencies", column: "change_id" },
            SideTable { table: "events", column: "change_id" },
            SideTable { table: "projects", column: "project" },
            SideTable { table: "releases", column: "installer_email" },
            SideTable { table: "tags", column: "tag_id" },
        ],
        columns: &[("change", TEXT), ("committed_at", TIME)],
        query: "SELECT change::text, NULL FROM {} ORDER BY committed_at DESC LIMIT 1",
        applied: "SELECT change::text, 'alone' FROM {}",
        create: "",
        repair: "",
        settings: COMPARES_NOTHING,
    },
];
