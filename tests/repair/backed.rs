//! The backup before the first row changes, and who may do without.

use super::*;

fn shop(settings: &str) -> Shop {
    let shop = Shop::of(20);
    shop.database.exec("CREATE TABLE other (id int PRIMARY KEY); INSERT INTO other VALUES (1)");
    fs::write(shop.project.path().join("trueup.toml"), format!("[project]\nname = \"faults\"\n{settings}"))
        .unwrap();
    shop
}

const PROTECTED: &str = "[environments.production]\nprotected = true\n";

fn backups(shop: &Shop) -> Vec<Value> {
    shop.document(&["backup", "list"], 0)["backups"].as_array().unwrap().clone()
}

#[test]
fn a_verified_backup_of_the_affected_tables_comes_first() {
    let shop = shop("");
    // Whoever looks when the first row changes finds it.
    let store = shop.project.path().join("backups");
    let found = std::sync::Arc::new(std::sync::Mutex::new(None));
    let seen = std::sync::Arc::clone(&found);
    let proxy = crate::support::proxy::Proxy::start(&shop.database, move |_, sql| {
        if writes(sql) {
            let any = fs::read_dir(&store)
                .map(|dir| dir.flatten().filter(|one| one.path().join("manifest.json").is_file()).count());
            seen.lock().unwrap().get_or_insert(any.unwrap_or(0));
        }
        crate::support::proxy::Then::Forward
    });
    let document = shop.trueup_at(&proxy.url(&shop.database), &["verify", "--fix", "--yes"]).document();
    assert_eq!(document["exit_code"], 0, "{document:#}");
    assert_eq!(*found.lock().unwrap(), Some(1), "a whole backup is there before the first batch");
    let listed = backups(&shop);
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0]["id"], document["backup"]["id"]);
    assert_eq!(listed[0]["verified"]["how"], "contents", "{listed:#?}");
    assert_eq!(listed[0]["tables"], 1, "{listed:#?}");
    // An undo takes one, too.
    shop.undo(&shop.runs()[0]).exit(0).says("backup: 01");
    shop.as_before();
}

#[test]
fn without_a_backup_nothing_is_changed() {
    let shop = shop("");
    // A pg_dump that fails.
    let bin = shop.project.path().join("bin");
    fs::create_dir(&bin).unwrap();
    let script = format!(
        "#!/bin/sh\ncase \"$1\" in --version) exec {}/pg_dump --version;; esac\necho 'pg_dump: error: the disk is on fire' >&2\nexit 1\n",
        shop.database.server.bin_dir.display()
    );
    fs::write(bin.join("pg_dump"), script).unwrap();
    std::os::unix::fs::symlink(shop.database.server.bin_dir.join("pg_restore"), bin.join("pg_restore"))
        .unwrap();
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(bin.join("pg_dump"), fs::Permissions::from_mode(0o755)).unwrap();
    shop.trueup(["verify", "--fix", "--yes"])
        .env("TRUEUP_PG_BIN", &bin)
        .env("PATH", &bin)
        .exit(5)
        .says("the disk is on fire");
    assert_eq!(shop.orphans(), 20);
    assert_eq!(backups(&shop).len(), 0);
    shop.fix().exit(0).says("repaired 20 rows; OK");
}

#[test]
fn no_backup_is_recorded_and_refused_where_it_is_protected() {
    let shop = shop(PROTECTED);
    shop.trueup(["verify", "--fix", "--yes", "--no-backup"]).exit(0).says("repaired 20 rows; OK");
    assert_eq!(backups(&shop).len(), 0);
    let said_so = "SELECT count(*) FROM trueup.steps WHERE action = 'backup' AND detail ~ 'no-backup'";
    assert_eq!(shop.database.value(said_so), "1");
    let run = shop.runs().remove(0);
    shop.undo(&run).exit(0);
    shop.database.exec("UPDATE trueup.mark SET environment = 'production'");
    let refused = "--no-backup is not allowed on a protected environment";
    let args = ["verify", "--fix", "--yes", "--env", "production", "--no-backup"];
    shop.trueup(args).exit(4).says(refused);
    shop.as_before();
    // And --yes alone does not do.
    shop.fix()
        .exit(4)
        .says(["protected: --yes alone does not do; nothing was changed", "--yes --env production"]);
    shop.as_before();
    shop.trueup(&args[..5]).exit(0).says("repaired 20 rows; OK");
    let run = shop.runs().remove(0);
    shop.undo(&run).exit(4).says("--yes alone does not do");
    shop.trueup(["undo", &run, "--yes", "--env", "production", "--no-backup"]).exit(4).says(refused);
    shop.all_right();
    shop.trueup(["undo", &run, "--yes", "--env", "production"]).exit(0).says("restored 20 rows");
    shop.as_before();
}

/// A repair that stopped part-way says what there is: the undo, and the backup.
#[test]
fn f04_what_broke_off_names_the_undo_and_the_backup() {
    let shop = shop("");
    shop.database.exec(
        "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN
            IF NEW.id = 600 THEN RAISE EXCEPTION 'no space left' USING ERRCODE = 'disk_full'; END IF;
            RETURN NEW;
         END $$;
        CREATE TRIGGER full_disk BEFORE UPDATE ON keys FOR EACH ROW EXECUTE FUNCTION full_disk();
        INSERT INTO keys SELECT n, 'u1' FROM generate_series(100, 900) AS n",
    );
    let ran =
        shop.fix().exit(6).says(["no space left", "500 rows of it are done", "trueup undo 01", "backup"]);
    let run = shop.runs().remove(0);
    ran.says(format!("trueup undo {}", &run[..10]));
    shop.undo(&run).exit(0).says("restored 500 rows");
}

/// The backup before a repair has the tables of the repair alone.
#[test]
fn a_backup_of_one_table_is_not_the_last_backup_of_the_database() {
    let shop = shop("");
    shop.fix().exit(0);
    let id = backups(&shop)[0]["id"].clone();
    let status = shop.document(&["status"], 0);
    assert_eq!((&status["last_backup"], &status["last_partial_backup"]["id"]), (&Value::Null, &id));
    shop.trueup(["status"]).exit(0).says("of 1 table alone");
    shop.trueup(["backup"]).exit(0);
    let status = shop.document(&["status"], 0);
    assert_eq!(
        (&status["last_backup"]["id"], &status["last_partial_backup"]),
        (&backups(&shop)[1]["id"], &Value::Null)
    );
}
