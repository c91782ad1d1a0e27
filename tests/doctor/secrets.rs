//! No format and no bundle shows a password, a value of a variable, or a row.

use super::{doctor, site};
use crate::support::cluster::cluster;

const FORMATS: [&str; 8] = ["human", "json", "markdown", "junit", "sarif", "github", "gitlab", "html"];
/// What nothing may show.
const MARKER: &str = "canary-7d1c-of-a-secret";
/// Variables that somebody may have set; all of them have the marker as a part of their value.
const VARIABLES: [&str; 22] = [
    "PGPASSWORD",
    "PGOPTIONS",
    "PGHOST",
    "PGSERVICE",
    "PGUSER",
    "PGSSLKEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_REGION",
    "GOOGLE_SERVICE_ACCOUNT_KEY",
    "AZURE_STORAGE_ACCOUNT_KEY",
    "SECRET_KEY",
    "TERM",
    "LANG",
    "NO_COLOR",
    "EDITOR",
    "USER",
    "OTHER_DATABASE_URL",
    "GITHUB_TOKEN",
    "HTTPS_PROXY",
    "MAILNAME",
];

#[test]
fn f53_no_secret_is_shown_in_any_format_or_bundle() {
    let (project, database) = site(
        "[gate]\nrequire_env = [\"SECRET_KEY\"]\n[environments.other]\nurl_env = \"OTHER_DATABASE_URL\"\n",
    );
    database.exec(&format!("INSERT INTO users VALUES (1, '{MARKER}')"));
    let cluster = cluster();
    let urls = [
        database.url().to_owned(),
        cluster.url(&format!("secured:{MARKER}@127.0.0.1"), "shop"),
        format!("postgres://app:{MARKER}@127.0.0.1:1/shop"),
        format!("postgres://app:{MARKER}@no-such-host.invalid/shop"),
        format!("mysql://app:{MARKER}@127.0.0.1/shop"),
        format!("{MARKER}://"),
        format!("postgres://app@127.0.0.1:1/shop?password={MARKER}"),
        MARKER.to_owned(),
    ];
    for (number, url) in urls.iter().enumerate() {
        for format in FORMATS {
            let bundle = project.path().join(format!("ticket-{number}-{format}.json"));
            doctor(&project, url.as_str())
                .case(format!("{url} {format}"))
                .envs(VARIABLES.map(|name| (name, format!("x{MARKER}x"))))
                // With it no database is asked.
                .envs(
                    (number + 1 == urls.len()).then(|| ("TRUEUP_ENV", format!("postgres://a:{MARKER}@b/c"))),
                )
                .env("TRUEUP_SCRATCH_URL", format!("postgres://a:{MARKER}@127.0.0.1:1/x"))
                .args(["-v", "--format", format, "--bundle"])
                .arg(&bundle)
                .run()
                .lacks(MARKER);
            let text = std::fs::read_to_string(&bundle).unwrap();
            assert!(!text.contains(MARKER), "{url} {format}: {text}");
        }
    }
}

#[test]
fn f54_what_would_redirect_libpq_is_ignored_and_said() {
    let (project, database) = site("");
    let ran = doctor(&project, &database)
        .env("PGHOST", "elsewhere")
        .env("PGSERVICE", "other")
        .env("PGPASSWORD", "x")
        .exit(0);
    ran.says(["2 variables ignored: PGHOST, PGSERVICE", "variable PGPASSWORD", "variable DATABASE_URL"]);
}
