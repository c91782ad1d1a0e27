//! No value of a variable, no password and no row is in any answer, file or line.

use std::fs;

use super::{OFTEN, Served, site};
use crate::support::cluster::Cluster;

/// A value that nothing may show.
const MARKER: &str = "canary7c1d";

#[test]
fn no_secret_is_in_any_answer() {
    let (project, database) = site();
    let cluster = Cluster::start(&[]);
    cluster.load("shop", database.url());
    cluster.psql(&format!("ALTER ROLE guarded SUPERUSER PASSWORD '{MARKER}-password'"));
    // Rows that checks find, that quote themselves in an error of the server, and that reference rows lack.
    let toml = project.path().join("trueup.toml");
    let settings = fs::read_to_string(&toml).unwrap();
    fs::write(&toml, format!("{settings}\n[gate]\nrequire_env = [\"SERVED_SECRET\"]\n")).unwrap();
    let checks = project.path().join("checks");
    let find = |text: &str| format!("-- title: A\n-- find:\n{text}\n");
    fs::write(checks.join("found.sql"), find("SELECT email AS id FROM users WHERE email LIKE '%canary%'"))
        .unwrap();
    fs::write(checks.join("quoted.sql"), find("SELECT id FROM users WHERE email::int = 1")).unwrap();
    let seeds = project.path().join("schema/seeds");
    fs::create_dir_all(&seeds).unwrap();
    let seed = format!(
        "table = \"organizations\"\nkey = [\"slug\"]\n\n[[rows]]\nslug = \"{MARKER}-seed\"\nname = \"x\"\n"
    );
    fs::write(seeds.join("organizations.toml"), seed).unwrap();
    let rows = format!(
        "INSERT INTO users (email, username) VALUES ('{MARKER}-a@example.com', '{MARKER}_u'), ('{MARKER}-b@example.com', '{MARKER}_v')"
    );
    let in_shop = |sql: &str| {
        let url = cluster.url("postgres@127.0.0.1", "shop");
        crate::support::try_query_at(&url, sql).unwrap();
    };
    in_shop(&rows);
    in_shop("DROP INDEX public.organizations_slug_key");
    let url = cluster.url(&format!("guarded:{MARKER}-password@127.0.0.1"), "shop");
    let run = |args: &[&str], url: &str| {
        let program = project.without_postgres(args, url);
        let program = program.env("SERVED_SECRET", format!("{MARKER}-required"));
        program.env("OTHER_SECRET", format!("{MARKER}-other")).env("PGPASSWORD", format!("{MARKER}-variable"))
    };
    let mut seen = Vec::new();
    let mut look = |served: Served| {
        for path in ["/livez", "/readyz", "/metrics", "/", "/nothing"] {
            seen.push(served.get(path).body);
        }
        seen.push(served.client().ask("GET", "/readyz", "Accept: application/json\r\n").body);
        seen.push(served.said());
        seen.push(served.stop().said());
    };
    let served = Served::of(run(&["serve"], &url).args(OFTEN));
    served.wait_for_all();
    served.wait_for_code(200);
    let metrics = served.metrics();
    metrics.is("trueup_check_rows", &[("check", "found")], 2.0);
    metrics.is("trueup_check_rows", &[("check", "quoted")], None);
    look(served);
    // With another password, which the server refuses.
    let wrong = url.replace("-password", "-wrong");
    let served = Served::of(run(&["serve"], &wrong).args(OFTEN));
    crate::support::wait_for("a refusal", || served.get("/readyz").body.contains("password of role"));
    look(served);
    for command in ["check", "verify", "ready"] {
        for url in [&url, &wrong] {
            seen.push(run(&[command, "--format", "prometheus"], url).run().said());
        }
    }
    // That there is something to be found.
    assert!(run(&["verify", "--sample", "5"], &url).run().said().contains(MARKER));
    for text in seen {
        assert!(!text.contains(MARKER), "{text}");
    }
}
