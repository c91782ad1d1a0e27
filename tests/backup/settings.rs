//! `[backup]` in trueup.toml.

use std::fs;

use super::site::Site;

#[test]
fn f46_a_malformed_value_names_file_and_line_and_what_was_expected() {
    let site = Site::of("");
    for (line, word) in [
        ("kind = \"dump\"", "\"pg_dump\" or \"command\""),
        ("format = \"tar\"", "\"custom\" or \"directory\""),
        ("scope = 1", "\"full\" or \"affected\""),
        ("required = true", "\"always\", \"protected\" or \"never\""),
        ("verify = \"some\"", "\"quick\", \"contents\" or \"restore\""),
        ("compression = \"zip\"", "\"zstd\""),
        ("compression = \"zstd:x\"", "\"zstd\""),
        ("jobs = 0", "1 to 64"),
        ("keep_last = -1", "a number of backups"),
        ("keep_daily = \"7\"", "a number of backups"),
        ("max_age = \"soon\"", "\"90d\""),
        ("fresh_for = 5", "duration"),
        ("timeout = \"1\"", "duration"),
        ("store = \"ftp://x\"", "s3://BUCKET/PREFIX"),
        ("store = \"s3://key:secret@bucket\"", "holds credentials"),
        ("command = \"aws\"", "command"),
        ("kind = \"command\"", "needs [backup] command"),
        ("keep_lst = 3", "keep_last"),
    ] {
        site.settings(line);
        site.backup(&["list"]).exit(2).says(["trueup.toml:4: ", word]).lacks("secret");
        assert!(!site.store().exists(), "{line}");
    }
    fs::write(site.dir().join("trueup.toml"), "[backup]\nkind = \"command\"\ncommand = [\"true\"]\n")
        .unwrap();
    site.backup(&["list"]).exit(2).says(["trueup.toml:2: ", "needs [backup] confirm"]);
}
