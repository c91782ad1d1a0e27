//! Help, and words that are no commands of trueup. Needs no server.

use crate::support::program::Program;
use crate::support::trueup;

fn call(args: &[&str]) -> Program {
    trueup(args).env("COLUMNS", "80")
}

fn page(args: &[&str]) -> String {
    call(args).exit(0).stdout().to_owned()
}

/// The commands that the list of commands shows.
fn commands() -> Vec<String> {
    let help = page(&["--help"]);
    let list = help.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let first = |line: &str| {
        line.strip_prefix("  ")?.split(' ').next().filter(|word| !word.is_empty()).map(str::to_owned)
    };
    list.lines().filter_map(first).collect()
}

#[test]
fn help_is_a_command() {
    assert_eq!(page(&["help"]), page(&["--help"]));
    let commands = commands();
    assert!(commands.len() > 10 && commands.contains(&"upgrade".to_owned()), "{commands:?}");
    for command in commands.iter().filter(|command| *command != "help") {
        let help = page(&["help", command]);
        assert_eq!(help, page(&[command, "--help"]));
        assert!(help.contains("Exit codes:\n  0  "), "{command} says no exit codes:\n{help}");
        for line in help.lines() {
            assert!(line.chars().count() <= 80, "{command}: {line}");
        }
    }
    assert!(page(&["help", "backup", "prune"]).contains("--dry-run"));
}

/// What newcomers mix up, and what they call it in other tools.
#[test]
fn help_says_which_check_is_which_and_names_other_tools_words() {
    let top = page(&["help"]);
    for words in ["trueup check  ", "trueup verify  ", "trueup seed --check", "trueup backup verify"] {
        assert!(top.split("each something else:").nth(1).unwrap().contains(words), "{words}");
    }
    for (command, words) in [
        ("adopt", "Flyway and Prisma call this baseline"),
        ("upgrade", "Django: migrate --fake"),
        ("upgrade", "skipExecutingMigrations"),
        ("environment", "The environment label is stored in the database"),
    ] {
        let help = page(&["help", command]).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(help.contains(words), "{command}: {words}");
    }
}

#[test]
fn commands_of_other_tools_are_answered_with_trueups() {
    for (word, what, next) in [
        ("migrate", "To apply pending migrations: trueup upgrade", "trueup upgrade --dry-run"),
        ("apply", "trueup upgrade", "trueup upgrade --dry-run"),
        ("deploy", "trueup upgrade", "trueup upgrade --dry-run"),
        ("push", "trueup upgrade", "trueup upgrade --dry-run"),
        ("plan", "trueup upgrade --dry-run", "trueup check"),
        ("diff", "trueup check", "trueup check"),
        ("current", "trueup status", "trueup status"),
        ("info", "trueup status", "trueup status"),
        ("history", "trueup status --runs", "trueup status --runs"),
        ("rollback", "trueup downgrade", "trueup downgrade --to VERSION --dry-run"),
        ("revert", "trueup downgrade", "trueup downgrade --to VERSION --dry-run"),
        ("repair", "trueup resolve", "trueup verify --fix --dry-run"),
        ("stamp", "trueup adopt", "trueup adopt --dry-run"),
        ("dump", "trueup backup", "trueup help backup"),
        ("load", "trueup seed", "trueup seed --dry-run"),
        ("validate", "trueup check", "trueup check"),
        ("new", "trueup generate --empty NAME", "trueup help generate"),
        ("create", "trueup generate", "trueup help generate"),
        ("makemigrations", "trueup generate", "trueup help generate"),
        ("clean", "trueup reset", "trueup reset --dry-run"),
        ("recreate", "trueup reset", "trueup reset --dry-run"),
        ("pull", "trueup init --from-database", "trueup help init"),
    ] {
        for args in [&[word][..], &["help", word], &["--env", "x", word, "--to", "3"]] {
            let ran = call(args).exit(2);
            // What is said of an error is as wide as COLUMNS says.
            let said = ran.stderr().replace("\n       ", " ");
            assert_eq!(ran.stdout(), "");
            let (error, after) = said.split_once("\nnext: ").unwrap_or_else(|| panic!("{args:?}: {said}"));
            assert!(error.starts_with(&format!("error: trueup has no command {word}. ")), "{said}");
            assert!(error.contains(what) && after.contains(next), "{said}");
        }
        let document = call(&[word]).document();
        assert_eq!((&document["exit_code"], &document["outcome"]), (&2.into(), &"usage".into()));
        assert_eq!(document["error"]["code"], "usage.unknown_command");
        assert!(document["error"]["what"].as_str().unwrap().contains(what), "{document:#}");
        assert!(document["error"]["next"].as_str().unwrap().contains(next), "{document:#}");
    }
}

#[test]
fn no_tip_leads_from_an_unknown_word_to_a_write() {
    for word in
        ["upgrad", "upgrades", "downgrad", "sed", "restor", "resolv", "und", "adopts", "enviroment", "bakup"]
    {
        let ran = call(&[word]).exit(2);
        assert_eq!(ran.stderr(), format!("error: trueup has no command {word}\nnext: trueup help\n"));
    }
    call(&["statsu"]).run().stderr_contains("did you mean trueup status?");
    for args in
        [&["upgrade", "--contrac"][..], &["--contrac"], &["upgrade", "--no-backu"], &["seed", "--overwrit"]]
    {
        let ran = call(args).run().lacks(["tip:", "--contract", "--no-backup"]);
        let flag = args.last().unwrap();
        let beginning = format!("error: unexpected argument '{flag}' found\n");
        assert!(ran.stderr().starts_with(&beginning), "{}", ran.shown());
    }
    call(&["check", "--fail-onn", "x"]).run().stderr_contains("'--fail-on'");
    let nested = call(&["backup", "restore"]).run();
    assert_eq!(nested.stderr(), "error: trueup backup has no command restore\nnext: trueup help backup\n");
}

/// Whoever follows a remedy finds the command: wrong arguments would be refused before the project is looked for.
#[test]
fn every_command_that_a_remedy_names_exists() {
    for command in ::trueup::findings::Command::examples() {
        let arguments = command.arguments();
        assert_eq!(arguments[0], "trueup");
        let elsewhere =
            trueup(&arguments[1..]).args(["--project", "/nonexistent/project", "--format", "json"]);
        let ran = elsewhere.exit(2);
        assert_eq!(ran.json()["error"]["code"], "project.not_found", "{}", ran.shown());
    }
}
