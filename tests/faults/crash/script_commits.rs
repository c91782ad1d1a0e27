//! A script that ends the transaction it runs in, past everything that looks for that before: through the door itself.

use std::time::Duration;

use trueup::postgres::connection::Target;
use trueup::writer::{
    Access, Event, Marking, RunRecord, StepError, StepLimits, StopSignal, Watch, Work, WriteSession,
};

use super::holds;
use crate::support;

struct Deaf;

impl Watch for Deaf {
    fn observe(&mut self, _: &Event<'_>) {}
}

const LIMITS: StepLimits = StepLimits {
    lock_timeout: Duration::from_secs(1),
    lock_budget: Duration::from_secs(1),
    max_duration: Duration::from_secs(10),
};

#[test]
fn f40_nothing_is_recorded_of_a_script_that_ended_its_transaction() {
    let database = support::database();
    let access = Access {
        target: Target::parse(database.url()).unwrap(),
        application: "trueup/test".into(),
        search_path: "public, pg_temp".into(),
        set_role: None,
        patience: Duration::from_secs(1),
        whole_queries: false,
        holds_lock: false,
    };
    let text = |text: &str| text.to_owned();
    let run = RunRecord {
        id: text("a run"),
        command: text("test"),
        arguments: String::new(),
        os_user: text("user"),
        os_host: text("host"),
        reason: None,
    };
    let mark = Marking::First { project: Some(text("faults")), environment: None };
    support::runtime().block_on(async {
        let (_ask, stop) = StopSignal::channel();
        let mut door = WriteSession::open(access, stop).await.unwrap();
        door.lock(Duration::from_secs(1), &mut Deaf).await.unwrap();
        door.start_run(&run, &mark, &mut Deaf).await.unwrap();
        for end in ["COMMIT", "ROLLBACK", "COMMIT; BEGIN", "ROLLBACK AND CHAIN"] {
            let script = format!("CREATE TABLE half (); {end};");
            let records = "CREATE TABLE public.recorded ()";
            let work = Work {
                what: "a step",
                script: &script,
                records,
                recurring: None,
                wanted: &[],
                limits: LIMITS,
                snapshot: false,
                next: None,
            };
            let done = door.transaction(&work, &mut Deaf).await;
            assert!(matches!(done, Err(StepError::EndedTransaction)), "{end}: {done:?}");
            assert!(holds(&database, "to_regclass('recorded') IS NULL"), "{end}");
            database.exec("DROP TABLE IF EXISTS half");
        }
        // The session is as good as before.
        let work = Work {
            what: "a step",
            script: "",
            records: "CREATE TABLE public.recorded ()",
            recurring: None,
            wanted: &[],
            limits: LIMITS,
            snapshot: false,
            next: None,
        };
        door.transaction(&work, &mut Deaf).await.unwrap();
        door.close().await;
    });
    assert!(holds(&database, "to_regclass('recorded') IS NOT NULL"));
}
