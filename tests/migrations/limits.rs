//! The limit of waiting for locks holds whatever a migration sets.

use std::time::{Duration, Instant};

use super::{applied, project};
use crate::support;
use crate::support::other::Other;

/// The `lock_timeout` of [`SHORT`].
const LIMIT: Duration = Duration::from_secs(1);
const SHORT: &str = "[migrations]\nlock_timeout = \"1s\"\nlock_budget = \"3s\"\n";

/// What a statement sets is set back before the next one; what it sets for itself is watched.
#[test]
fn no_statement_waits_longer_for_a_lock_than_the_limit() {
    for sets in [
        "SET lock_timeout = 0;",
        "SET LOCAL lock_timeout = '1min';",
        "SELECT set_config('lock_timeout', '0', false);",
        "RESET lock_timeout;",
        "RESET ALL;",
        "DO $$ BEGIN PERFORM set_config('lock_timeout', '0', true); END $$;",
        "CREATE TABLE sets AS SELECT set_config('lock_timeout', '0', false);",
        "DO $$ BEGIN SET LOCAL lock_timeout = 0; LOCK TABLE held; END $$;",
        "CREATE FUNCTION waits() RETURNS void LANGUAGE plpgsql SET lock_timeout = 0 AS 'BEGIN LOCK TABLE held; END'; \
         SELECT waits();",
    ] {
        let first = "CREATE TABLE held (id int);\nCREATE TABLE free (id int);\n";
        // Nothing that names the table directly: a lock that can be foreseen is waited for outside of the queue.
        let second = format!("{sets}\nDO $$ BEGIN LOCK TABLE held; END $$;\n");
        let files = [("migrations/V1__held.sql", first), ("migrations/V2__waits.sql", &second)];
        let project = project(SHORT, &files);
        let database = support::database();
        project.trueup(["compile"], &database).case(sets).exit(0);
        project.trueup(["upgrade", "--yes", "--to", "1"], &database).exit(0);
        let mut holder = Other::at(database.url(), "holder");
        holder.run("BEGIN; SELECT count(*) FROM held");
        let mut upgrade = project.trueup(["upgrade", "--yes"], &database).case(sets).start();
        let mut worst = Duration::ZERO;
        let mut reader = Other::at(database.url(), "reader");
        let began = Instant::now();
        while !upgrade.has_ended() && began.elapsed() < Duration::from_secs(30) {
            let one = Instant::now();
            reader.run("SELECT count(*) FROM held");
            worst = worst.max(one.elapsed());
            std::thread::sleep(Duration::from_millis(20));
        }
        upgrade.ended().exit(75).says("application holder");
        // Without the limit, it is as long as the holder holds: the time of this loop.
        assert!(worst < LIMIT * 10, "{sets}: the worst reading took {worst:.1?}");
        assert_eq!(applied(&database), "1", "{sets}");
        drop(holder);
        project.trueup(["upgrade", "--yes"], &database).case(sets).exit(0);
    }
}

#[test]
fn a_shorter_limit_of_the_migration_holds_and_a_longer_one_is_noted() {
    let first = "CREATE TABLE held (id int);\n";
    let second = "SET LOCAL lock_timeout = '200ms';\nCREATE TABLE seen AS SELECT current_setting('lock_timeout');\n\
                  SET lock_timeout = '1h';\nINSERT INTO seen SELECT current_setting('lock_timeout');\n\
                  SELECT set_config('lock_timeout', '300ms', true);\nINSERT INTO seen SELECT current_setting('lock_timeout');\n";
    let project = project(SHORT, &[("migrations/V1__held.sql", first), ("migrations/V2__waits.sql", second)]);
    let database = support::database();
    let noted = "V2__waits.sql: line 3: SET lock_timeout = '1h': only a shorter limit";
    project.trueup(["compile"], &database).exit(0).says(noted);
    project.trueup(["upgrade", "--yes"], &database).exit(0);
    assert_eq!(database.value("SELECT string_agg(current_setting, ' ') FROM seen"), "200ms 1s 300ms");
}
