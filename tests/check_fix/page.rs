//! docs/check-fix.md shows what is printed. `UPDATE_EXPECTED=1` writes what was printed into the page.

use std::fs;
use std::path::Path;

use super::Site;
use crate::support::program::Program;

const BY_HAND: &str = "DROP INDEX users_email_idx;
    ALTER TABLE users ALTER email DROP NOT NULL;
    CREATE OR REPLACE VIEW names AS SELECT id, name, email FROM users;
    ALTER TABLE users ADD extra text;";

#[test]
#[allow(clippy::disallowed_methods, reason = "a test is told by a variable")]
fn the_page_shows_what_is_printed() {
    let site = Site::with(BY_HAND);
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/check-fix.md");
    let mut text = fs::read_to_string(&page).unwrap();
    let calls = [("dry-run", site.fix().arg("--dry-run")), ("fixed", site.fix().arg("--yes"))];
    let mut wrong = Vec::new();
    for (name, call) in calls {
        let printed = printed(&site, call);
        let mark = format!("<!-- {name} -->\n```\n");
        let (before, rest) = text.split_once(&mark).unwrap_or_else(|| panic!("{name} is not on the page"));
        let (shown, after) = rest.split_once("```\n").unwrap();
        wrong.extend((shown != printed).then(|| format!("{name}:\n{printed}")));
        text = format!("{before}{mark}{printed}```\n{after}");
    }
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        fs::write(page, text).unwrap();
        return;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What a command prints, with words that stay in the place of those of this run.
fn printed(site: &Site, call: Program) -> String {
    let ran = call.env("COLUMNS", "100").exit(1);
    let shown = ran.stdout().replace(site.database.name(), "shop");
    let shown = shown.replace(site.database.socket_dir().to_str().unwrap(), "/run/postgresql");
    let shown = shown.replace("trueup_scratch", "app");
    let shown = shown.replace(&site.database.server.version.to_string(), "15.18");
    let lines = shown.lines().map(|line| match line.rsplit_once(" (") {
        Some((fixed, _)) if line.starts_with("fixed: ") => format!("{fixed} (5 ms)\n"),
        _ => format!("{line}\n"),
    });
    lines.collect()
}
