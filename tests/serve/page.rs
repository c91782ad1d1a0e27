//! The page at `/`, read by a strict parser and opened in a browser; and docs/serve.md, whose files are read by who reads them.

use std::fs;
use std::path::Path;

use super::{OFTEN, Served, promtool, site};
use crate::formats::page::{Proxy, opened_at};
use crate::formats::readers;
use crate::support::wait_for;

#[test]
fn the_page_has_names_and_no_values() {
    let (project, database) = site();
    database.exec("CREATE TABLE \"<script>document.title='owned'</script>\" (id int)");
    database.exec("ALTER TABLE users ALTER COLUMN email SET DEFAULT 'a-value-of-a-default'");
    let served = Served::start(&project, &database, OFTEN);
    served.wait_for_all();
    let page = served.get("/").body;
    for part in [
        "<title>trueup serve: READY: all 7 migrations that trueup.lock needs are applied</title>",
        "<code>public.users.email</code>",
        "<code>users_email_is_unique</code>",
        "&lt;script&gt;document.title='owned'&lt;/script&gt;",
        "no full backup of this database",
        " ago",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(!page.contains("a-value-of-a-default") && !page.contains("<script"), "{page}");
    if let Some(python) = readers::python() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), &page).unwrap();
        let read = python.read("html", &[file.path()]);
        assert_eq!((&read["links"], &read["handlers"]), (&serde_json::json!([]), &serde_json::json!([])));
    } else {
        readers::did_not_run("html5lib", "the page");
    }
    let Some(browser) = readers::browser() else { return readers::did_not_run("chromium", "the page") };
    // The browser reaches the page itself, and whatever else it asks for is noted.
    let proxy = Proxy::start();
    let document = opened_at(&browser, &format!("http://127.0.0.1:{}/", served.port), &proxy, true);
    assert!(document.contains("<title>trueup serve: READY"), "{document}");
    assert!(
        document.contains("Objects that differ") && document.trim_end().ends_with("</html>"),
        "{document}"
    );
    assert!(proxy.asked().is_empty(), "{:?}", proxy.asked());
    served.stop();
}

#[test]
fn the_page_is_there_before_anything_is_known() {
    let (project, _) = site();
    let served = Served::start(&project, "postgres://a@127.0.0.1:1/b", OFTEN);
    let page = served.get("/").body;
    assert!(page.contains("CANNOT TELL") && page.contains("not read yet"), "{page}");
    served.stop();
}

/// The blocks of docs/serve.md in a language.
fn blocks(language: &str) -> Vec<String> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/serve.md");
    let text = fs::read_to_string(page).unwrap();
    let blocks = text.split("```").skip(1).step_by(2);
    blocks.filter_map(|block| block.strip_prefix(&format!("{language}\n"))).map(str::to_owned).collect()
}

#[test]
fn the_documentation_shows_what_is_said() {
    let (project, database) = site();
    let served = Served::start(&project, &database, &[]);
    served.wait_for_code(200);
    let said = served.said().replace(&served.port.to_string(), "8642");
    assert_eq!(blocks("").first(), Some(&format!("$ trueup serve\n{said}")));
    served.stop();
}

/// When each rule of the page fires, and when it does not.
const RULES: &str = include_str!("rules.yaml");

#[test]
fn prometheus_reads_the_files_of_the_documentation() {
    let blocks = blocks("yaml");
    let starting = |with: &str| blocks.iter().find(|block| block.starts_with(with)).unwrap();
    let (scrape, rules) = (starting("scrape_configs:"), starting("groups:"));
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        fs::write(dir.path().join(name), text).unwrap();
        dir.path().join(name)
    };
    let (scrape, rules) = (file("prometheus.yaml", scrape), file("trueup.rules.yaml", rules));
    let tests = file("tests.yaml", RULES);
    let Some(promtool) = promtool() else { return };
    promtool.args(["check", "config"]).arg(scrape).exit(0);
    super::promtool().unwrap().args(["check", "rules"]).arg(rules).exit(0);
    super::promtool().unwrap().args(["test", "rules"]).arg(tests).current_dir(dir.path()).exit(0);
}

/// The metrics that the page lists are those that there are.
#[test]
fn the_documentation_lists_every_metric() {
    let (project, database) = site();
    project.trueup(["backup"], &database).exit(0);
    let served = Served::start(&project, &database, OFTEN);
    wait_for("the backup", || served.metrics().value("trueup_backups", &[]) == Some(1.0));
    served.wait_for_all();
    let metrics = served.metrics().0;
    let mut known: Vec<&str> =
        metrics.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    known.sort_unstable();
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/serve.md")).unwrap();
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `trueup_"));
    let mut listed: Vec<String> =
        rows.map(|row| format!("trueup_{}", row.split(['`', '{']).next().unwrap())).collect();
    listed.sort_unstable();
    assert_eq!(listed, known);
    served.stop();
}
