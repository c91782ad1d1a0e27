//! Projects and databases whose reports are hard to write.

use std::fs;
use std::path::Path;

use crate::support::program::Ran;
use crate::support::project::Project;
use crate::support::{self, TestDatabase};

/// Names that mean something to a terminal, a runner, a parser or a browser. A name has 63 bytes at the most.
pub(crate) const NAMES: [&str; 24] = [
    "say \"hi\"",
    "<script>document.title='owned'</script>",
    "<img src=http://request.invalid/a onerror=alert(1)>",
    "</style><link rel=stylesheet href=http://request.invalid/b>",
    "two\nlines",
    "line\r\n::error file=x,line=1,title=y::injected",
    "]]><![CDATA[ & &amp; &#0; --> <!-- ?>",
    "100% %0A %25 %2C %3A",
    "a:b,c;d=e::f",
    "##[error]injected",
    "::stop-commands::token",
    "\u{1b}[31mred\u{1b}[0m\u{7}\u{8}",
    "\u{202e}gnp.exe",
    "\u{fffe}\u{85}\u{2028}\u{ad}",
    "😀 𝔘ñíçödé \u{301}",
    "tab\there and a space ",
    "a|b `code` *c* _d_ ~e~",
    "[link](http://request.invalid/c) ![i](x)",
    "<http://request.invalid/d>",
    "{{ template }} {0} ${x} $(x)",
    "back\\slash \\n \\u0000",
    "'; DROP TABLE x; --",
    "@everyone #1 javascript:alert(1)",
    "-- trueup: contract",
];

/// As PostgreSQL reads it as a name.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// As PostgreSQL reads it as a text.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A directory of a repository, with a project in it.
pub(crate) struct Site {
    pub(crate) project: Project,
    pub(crate) database: TestDatabase,
}

impl Site {
    /// Of every name a table that is missing, one that is not declared, and a table with a default, a comment and a column of
    /// that name that are otherwise; a view with a definition of many lines.
    pub(crate) fn of_hostile_names() -> Self {
        let (mut schema, mut live) = (String::new(), String::new());
        for (number, name) in NAMES.into_iter().enumerate() {
            let table = format!("CREATE TABLE t{number} (id bigint, v text DEFAULT");
            let declared = literal(&format!("declared {name}"));
            schema.push_str(&format!("CREATE TABLE {} (id bigint);\n", quoted(&shortened(name, 'm'))));
            schema.push_str(&format!("{table} {declared}, {} text);\n", quoted(name)));
            schema.push_str(&format!("COMMENT ON TABLE t{number} IS {declared};\n"));
            live.push_str(&format!("{table} {});\n", literal(name)));
            live.push_str(&format!("COMMENT ON TABLE t{number} IS {};\n", literal(name)));
            live.push_str(&format!("CREATE TABLE {} (id bigint);\n", quoted(&shortened(name, 'u'))));
        }
        let long: Vec<String> = (0..40).map(|n| format!("id + {n} AS c{n}")).collect();
        schema.push_str(&format!("CREATE VIEW v AS SELECT {} FROM t0;\n", long.join(",\n")));
        live.push_str(&format!(
            "CREATE VIEW v AS SELECT {} FROM t0;\n",
            long.join(",\n").replace("+ 7", "+ 8")
        ));
        Self::new(&schema, &live)
    }

    /// So many tables that are missing, and as many that are not declared.
    pub(crate) fn of_many(count: usize) -> Self {
        let tables = |name: &str| -> String {
            (0..count).map(|number| format!("CREATE TABLE {name}_{number} (id bigint);\n")).collect()
        };
        Self::new(&tables("missing"), &tables("unexpected"))
    }

    /// A database as it is declared.
    pub(crate) fn clean() -> Self {
        Self::new("CREATE TABLE t (id bigint);", "CREATE TABLE t (id bigint);")
    }

    fn new(schema: &str, live: &str) -> Self {
        let project = Project::of_schema(schema);
        let database = support::database();
        database.exec(live);
        project.compile();
        Self { project, database }
    }

    /// Checks whose rows are wrong, and whose title has what files may have in a title.
    pub(crate) fn with_checks(self) -> Self {
        let checks = self.project.path().join("checks");
        fs::create_dir(&checks).unwrap();
        for (number, name) in NAMES.into_iter().enumerate() {
            let title: String = name.chars().filter(|found| !found.is_control()).collect();
            let sql = format!(
                "-- title: {title}\n-- severity: warning\n-- find:\nSELECT * FROM (VALUES ({number})) AS t(id)\n"
            );
            fs::write(checks.join(format!("check_{number}.sql")), sql).unwrap();
        }
        fs::write(
            checks.join("nothing.sql"),
            "-- title: No row is wrong\n-- find:\nSELECT 1 AS id WHERE false\n",
        )
        .unwrap();
        self
    }

    /// Rows that are declared with these names and are not there.
    pub(crate) fn with_seeds(self) -> Self {
        let seeds = self.project.path().join("schema/seeds");
        fs::create_dir_all(&seeds).unwrap();
        let mut file = "table = \"seeded\"\nkey = [\"name\"]\n".to_owned();
        for name in NAMES.into_iter().take(12) {
            file.push_str(&format!("\n[[rows]]\nname = {}\n", serde_json::to_string(name).unwrap()));
        }
        fs::write(seeds.join("names.toml"), file).unwrap();
        self.database.exec("CREATE TABLE seeded (name text PRIMARY KEY, v text)");
        self
    }

    /// Runs a command of this project.
    #[track_caller]
    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        self.project.trueup(args, self.database.url()).run()
    }

    /// Writes a file of the project.
    pub(crate) fn write(&self, file: &str, text: &str) {
        let path = self.project.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(crate) fn path(&self) -> &Path {
        self.project.path()
    }
}

/// The name with a letter before it, within PostgreSQL's limit.
fn shortened(name: &str, first: char) -> String {
    let mut shortened = String::from(first);
    for found in name.chars().take_while({
        let mut bytes = 1;
        move |found| {
            bytes += found.len_utf8();
            bytes <= 63
        }
    }) {
        shortened.push(found);
    }
    shortened
}
