//! Rails, the real one: trueup lets it run its migrations in a throwaway database, and it changes nothing of the project.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::code::{compile, project, revisions};
use super::downs::{goes_down_and_up, is_trueups, scripts, take_over};
use super::real::revision;
use super::write;
use crate::adopt::tools::{address, did_not_run, ruby, tool};
use crate::support::program::Program;
use crate::support::project::Project;
use crate::support::{self, TestDatabase};

const RAILS: &str = "#!/usr/bin/env ruby\nAPP_PATH = File.expand_path('../config/application', __dir__)\nrequire 'rails/commands'\n";

const APPLICATION: &str = "\
require 'logger'
require 'rails'
require 'active_record/railtie'
module Shop
  class Application < Rails::Application
    config.eager_load = false
    config.secret_key_base = 'x' * 64
  end
end
puts 'the shop starts'
";

const ENVIRONMENT: &str = "require_relative 'application'\nRails.application.initialize!\n";

/// A library that writes into the project after its tasks, as those do that annotate models.
const RAKEFILE: &str = "\
require_relative 'config/application'
Rails.application.load_tasks
%w[db:migrate db:migrate:up].each { |name| Rake::Task[name].enhance { File.write('annotated', 'x') } }
";

const DATABASE: &str = "development:\n  adapter: postgresql\n  database: nowhere\n";

fn version(number: usize) -> String {
    format!("{}", 20_260_101_000_000_u64 + number as u64)
}

/// A migration of this SQL.
fn migration(number: usize, sql: &str, alone: bool) -> (String, String) {
    let outside = if alone { "  disable_ddl_transaction!\n" } else { "" };
    let name = format!("db/migrate/{}_step{number}.rb", version(number));
    let text = format!(
        "class Step{number} < ActiveRecord::Migration[5.2]\n{outside}  def up\n    execute <<~'SQL'\n{sql}\nSQL\n  end\nend\n"
    );
    (name, text)
}

fn rails(migrations: &[(String, String)]) -> Project {
    let settings = "[project]\nname = \"code\"\n[migrations]\ntool = \"rails\"\n";
    let project = project(
        settings,
        &[
            ("bin/rails", RAILS.to_owned()),
            ("config/application.rb", APPLICATION.to_owned()),
            ("config/environment.rb", ENVIRONMENT.to_owned()),
            ("config/database.yml", DATABASE.to_owned()),
            ("Rakefile", RAKEFILE.to_owned()),
        ],
    );
    fs::set_permissions(project.path().join("bin/rails"), fs::Permissions::from_mode(0o755)).unwrap();
    for (name, text) in migrations {
        write(project.path(), &[(name, text.clone())]);
    }
    project
}

/// Rails' own task in a database.
fn task(project: &Project, database: &TestDatabase, words: &[&str]) -> Program {
    let (user, name, socket) = address(database);
    let url = format!("postgresql://{user}@{}/{name}", socket.replace('/', "%2F"));
    tool(&project.path().join("bin/rails"), project.path()).args(words).env("DATABASE_URL", url)
}

/// All files but the log, with their texts.
fn files(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(directory).unwrap().flatten() {
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        match path.is_dir() {
            true if name == "log" => {}
            true => found.extend(files(&path)),
            false => {
                found.insert(path.display().to_string(), fs::read(&path).unwrap());
            }
        }
    }
    found
}

#[test]
fn rails_builds_what_the_lock_says() {
    if !ruby() {
        return did_not_run("Rails");
    }
    let users = "CREATE TABLE users (id bigint PRIMARY KEY);";
    let mut migrations = vec![migration(0, users, false)];
    migrations.extend((1..9).map(|number| {
        let (sql, alone) = revision(number);
        migration(number, &sql, alone)
    }));
    let (project, database) = (rails(&migrations), support::database());
    let before = files(project.path());
    compile(&project).exit(0);
    let mut after = files(project.path());
    after.remove(&project.lock().display().to_string()).expect("a lock");
    assert_eq!(after, before, "Rails has written into the project");
    assert_eq!(revisions(&project), (0..9).map(version).collect::<Vec<_>>());

    for number in [0, 1, 2, 3] {
        task(&project, &database, &["db:migrate:up", &format!("VERSION={}", version(number))]).exit(0);
        let found = project.check(&database).document();
        assert_eq!(found["history"]["applied"], number + 1, "{found:#}");
        for finding in found["findings"].as_array().unwrap() {
            assert_eq!(finding["cause"]["kind"], "pending", "{found:#}");
        }
    }
    project
        .check(&database)
        .env("COLUMNS", "200")
        .exit(1)
        .stdout_contains("at Rails 20260101000003, 4 migrations applied, 5 pending")
        .stdout_contains("bin/rails db:migrate")
        // Neither its history nor what it keeps beside that is a difference.
        .lacks(["schema_migrations", "ar_internal_metadata"]);
    let upgrade = project.trueup(["upgrade", "--yes", "--no-backup"], &database);
    upgrade.exit(0).stdout_contains("applied Rails 20260101000008 (step8)");
    project.check(&database).exit(0);
    assert!(project.path().join("db/schema.rb").is_file(), "an upgrade is Rails' own task");

    let (last, text) = migration(9, "CREATE TABLE last_of_all (id bigint);", false);
    let down = text.replacen(
        "  end\nend\n",
        "  end\n  def down\n    execute 'DROP TABLE last_of_all'\n  end\nend\n",
        1,
    );
    write(project.path(), &[(&last, down)]);
    compile(&project).exit(0);
    project.trueup(["upgrade", "--yes", "--no-backup"], &database).exit(0);
    project
        .trueup(["downgrade", "--to", &version(8), "--yes", "--no-backup"], &database)
        .exit(0)
        .stdout_contains("reverted Rails 20260101000009 (step9)");
    assert_eq!(database.value("SELECT (to_regclass('last_of_all') IS NULL)::text"), "true");

    write(project.path(), &[(&migrations[8].0, format!("{}# edited\n", migrations[8].1))]);
    project.check(&database).exit(3).says("db/migrate/20260101000008_step8.rb changed");
}

#[test]
fn a_project_of_rails_becomes_trueups() {
    if !ruby() {
        return did_not_run("Rails");
    }
    let users = migration(0, "CREATE TABLE users (id bigint PRIMARY KEY);", false);
    let index = migration(1, "CREATE INDEX CONCURRENTLY users_id ON users (id);", true);
    let (project, database) = (rails(&[users, index]), support::database());
    task(&project, &database, &["db:migrate"]).exit(0);
    project
        .trueup(["init", "--from", "rails", "--take-over", "--dir", "db/migrate"], "")
        .env("TRUEUP_PG_BIN", &support::server().bin_dir)
        .exit(0)
        .stdout_contains("migrations (2 migrations)");
    let text = |name: &str| fs::read_to_string(project.path().join("migrations").join(name)).unwrap();
    assert_eq!(
        text("V20260101000000__step0.sql"),
        "-- trueup: from rails 20260101000000\nCREATE TABLE users (id bigint PRIMARY KEY);\n"
    );
    assert_eq!(
        text("V20260101000001__step1.sql"),
        "-- trueup: from rails 20260101000001\n-- trueup: no-transaction\n\
         CREATE INDEX CONCURRENTLY users_id ON users (id);\n"
    );
    fs::write(project.path().join("trueup.toml"), "[project]\nname = \"code\"\n").unwrap();
    project.trueup(["adopt", "--yes"], &database).exit(0);
    project.check(&database).exit(0);
}

#[test]
fn what_is_wrong_with_rails_is_told() {
    if !ruby() {
        return did_not_run("Rails");
    }
    let project = rails(&[migration(0, "CREATE TABLE users (id bigint PRIMARY KEY);", false)]);
    let other = support::database();
    let (user, name, socket) = address(&other);
    let fixed = format!("ENV['DATABASE_URL'] = nil\n{APPLICATION}");
    write(project.path(), &[("config/application.rb", fixed)]);
    let yml = format!(
        "development:\n  adapter: postgresql\n  host: {socket}\n  username: {user}\n  database: {name}\n"
    );
    write(project.path(), &[("config/database.yml", yml)]);
    compile(&project)
        .exit(2)
        .says("rails did not connect to the throwaway database")
        .says("[migrations.variables]");
    assert_eq!(other.value("SELECT count(*)::text FROM pg_class WHERE relname = 'users'"), "0");
    write(project.path(), &[("config/application.rb", APPLICATION.to_owned())]);
    let (wrong, text) = migration(1, "ALTER TABLE nowhere ADD COLUMN email text;", false);
    write(project.path(), &[(&wrong, text)]);
    compile(&project)
        .exit(2)
        .says("20260101000001 (db/migrate/20260101000001_step1.rb)")
        .says("relation \"nowhere\" does not exist");
}

#[test]
fn one_command_leads_from_rails_to_the_first_diagnosis() {
    if !ruby() {
        return did_not_run("Rails");
    }
    let project = rails(&[migration(0, "CREATE TABLE users (id bigint PRIMARY KEY);", false)]);
    fs::remove_file(project.path().join("trueup.toml")).unwrap();
    let database = support::database();
    project
        .trueup(["init", "--yes", "--name", "shop"], &database)
        .env("TRUEUP_PG_BIN", &support::server().bin_dir)
        .env("COLUMNS", "200")
        .exit(1)
        .stdout_contains("migrations: rails, found by bin/rails")
        .stdout_contains("pending: Rails 20260101000000 (step0)");
}

#[test]
fn what_rails_reverts_becomes_down_scripts() {
    if !ruby() {
        return did_not_run("Rails");
    }
    let of = |number: usize, alone: &str, body: &str| {
        let (name, _) = migration(number, "", false);
        (name, format!("class Step{number} < ActiveRecord::Migration[5.2]\n{alone}{body}\nend\n"))
    };
    let project = rails(&[
        of(0, "", "def change; create_table(:users) { |t| t.string :email }; end"),
        of(
            1,
            "disable_ddl_transaction!\n",
            "def change; add_index :users, :email, algorithm: :concurrently; end",
        ),
        of(2, "", "def change; execute 'ALTER TABLE users ADD COLUMN age int'; end"),
        of(3, "", "def change; add_column :users, :name, :text; end"),
        of(4, "", "def up; end\ndef down; raise ActiveRecord::IrreversibleMigration, 'one way'; end"),
    ]);
    take_over(&project, "rails", &["--dir", "db/migrate"])
        .exit(0)
        .says("V20260101000002__step2: This migration uses execute, which is not automatically reversible.")
        .says("V20260101000004__step4: ")
        .says("(ActiveRecord::IrreversibleMigration)");
    let text = |name: &str| fs::read_to_string(project.path().join("migrations").join(name)).unwrap();
    assert_eq!(text("V20260101000000__step0.down.sql"), "DROP TABLE \"users\";\n");
    assert!(text("V20260101000001__step1.down.sql").starts_with("-- trueup: no-transaction\nDROP INDEX"));
    assert_eq!(scripts(&project).len(), 3);
    is_trueups(&project);
    let database = support::database();
    for to in [["upgrade", "--to", &version(1)], ["downgrade", "--to", "0"], ["upgrade", "--to", &version(3)]]
    {
        project.trueup(to, &database).args(["--yes", "--no-backup"]).exit(0);
    }
    project.trueup(["downgrade", "--to", &version(2), "--yes", "--no-backup"], &database).exit(0);
    goes_down_and_up(&project, &[20_260_101_000_004]);
}
