//! docs/doctor.md shows what is printed. `UPDATE_EXPECTED=1` writes what was printed into the page.

use std::fs;
use std::path::{Path, PathBuf};

use super::{configure, doctor, site};
use crate::support;

fn page() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/doctor.md")
}

/// Rows whose text is about the releases that are installed here.
const OF_RELEASES: [&str; 3] = ["server", "pg_dump", "scratch"];

/// The words of each line, without the borders of tables, whose widths depend on this machine.
fn words(text: &str) -> Vec<Vec<&str>> {
    let lines = text.lines().filter(|line| !line.starts_with(['┌', '╞', '├', '└']));
    let words =
        lines.map(|line| line.split([' ', '│', '┆']).filter(|word| !word.is_empty()).collect::<Vec<_>>());
    let known = words.map(|words| match words.first() {
        Some(first) if OF_RELEASES.contains(first) => vec![*first],
        _ => words,
    });
    known.filter(|words| !words.is_empty()).collect()
}

/// What is printed, without what is said of a major that gets no fixes any more: the day decides that.
fn timeless(printed: &str) -> String {
    let mut of_server = false;
    let kept = printed.lines().filter(|line| {
        of_server = line.starts_with("WARN server") || of_server && line.starts_with("  ");
        !of_server
    });
    kept.map(|line| format!("{}\n", line.replace("WARN: server, ", "WARN: "))).collect()
}

#[test]
fn the_page_shows_what_is_printed() {
    let (project, database) = site("");
    let settings = "\n[database]\nschemas = [\"public\"]\n\n[backup]\nstore = \"/var/backups/shop\"\n";
    configure(
        &project,
        &settings.replace("/var/backups/shop", &project.path().join("store").display().to_string()),
    );
    project.compile();
    let run = |url: &str, exit: i32| {
        let ran =
            doctor(&project, url).env("COLUMNS", "400").env("TRUEUP_PG_BIN", &support::server().bin_dir);
        let ran = ran.exit(exit);
        let printed =
            ran.stdout().replace(&project.path().join("store").display().to_string(), "/var/backups/shop");
        let printed = printed.replace(&project.path().display().to_string(), "/srv/shop");
        let printed = printed.replace("\"doctor\"", "\"shop\"").replace("┆ doctor ", "┆ shop ");
        let printed = printed.replace(database.name(), "shop");
        let socket = database.socket_dir().display().to_string();
        printed
            .replace(&socket, "/run/postgresql")
            .replace(&support::server().bin_dir.display().to_string(), "/usr/lib/postgresql/15/bin")
    };
    let role = format!("app_{}", database.name());
    database.exec(&format!("REVOKE CREATE ON SCHEMA public FROM PUBLIC; CREATE ROLE {role} LOGIN; GRANT SELECT ON users TO {role}"));
    let name = format!("app_{}", "shop");
    let printed = [
        timeless(&run(&database.url_as(&role), 0).replace(&name, "app").replace("trueup_scratch", "owner")),
        run("postgres://app:secret@127.0.0.1:1/shop", 3),
    ];
    database.exec(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
    let text = fs::read_to_string(page()).unwrap();
    const BLOCK: &str = "```console\n$ trueup doctor\n";
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        let mut parts = text.split(BLOCK);
        let mut new = parts.next().unwrap().to_owned();
        for (part, printed) in parts.zip(&printed) {
            let (_, after) = part.split_once("```").unwrap();
            new.push_str(&format!("{BLOCK}{printed}```{after}"));
        }
        fs::write(page(), new).unwrap();
        return;
    }
    let shown: Vec<&str> = text.split(BLOCK).skip(1).map(|part| part.split("```").next().unwrap()).collect();
    assert_eq!(shown.len(), 2);
    for (shown, printed) in shown.iter().zip(&printed) {
        assert_eq!(
            words(shown),
            words(printed),
            "docs/doctor.md shows something else than is printed now:\n{printed}"
        );
    }
}
