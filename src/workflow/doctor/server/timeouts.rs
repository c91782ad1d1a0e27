//! `timeouts`: the limits that the server sets for this role in this database.

use super::super::examination::{DoctorExamination, Examined, Examining, Grade, TimeLimit};
use super::super::surroundings::{Surroundings, failure_of};

pub(in super::super) const EXAMINATION: DoctorExamination = DoctorExamination {
    name: "timeouts",
    help: "The limits that server, database or role set for a session: statement_timeout, lock_timeout, \
           idle_in_transaction_session_timeout, idle_session_timeout, transaction_timeout. trueup sets its own for its \
           statements, but for transaction_timeout, which ends migrations, repairs and reading whatever they set.",
    needs: &["authentication"],
    limit: TimeLimit::Of(10),
    is_finished_first: false,
    examine,
};

/// `reset_val` is what a session begins with.
const SQL: &str = "SELECT name, reset_val, coalesce(unit, '') AS unit FROM pg_settings WHERE name IN ('statement_timeout', \
                   'lock_timeout', 'idle_in_transaction_session_timeout', 'idle_session_timeout', 'transaction_timeout') \
                   AND reset_val <> '0' ORDER BY name";

fn examine<'a>(around: &'a mut Surroundings<'_>) -> Examining<'a> {
    Box::pin(async move {
        let rows = around.ask("reading the timeouts", SQL).await?;
        let mut set = Vec::new();
        let mut ends_transactions = None;
        for row in &rows {
            let read = || {
                Ok::<_, anyhow::Error>((
                    row.get::<&str>("name")?,
                    row.get::<&str>("reset_val")?,
                    row.get::<&str>("unit")?,
                ))
            };
            let (name, value, unit) = read().map_err(failure_of)?;
            let told = format!("{name} {value} {unit}").trim_end().to_owned();
            if name == "transaction_timeout" {
                ends_transactions = Some(told.clone());
            }
            set.push(told);
        }
        let what = match set.is_empty() {
            true => "server, database and role set none".to_owned(),
            false => format!("{}; trueup sets its own", set.join(", ")),
        };
        let examined = Examined::ok(what);
        Ok(match ends_transactions {
            Some(told) => {
                let what = format!(
                    "{told} ends every transaction that takes longer, also those of migrations and repairs"
                );
                let next = "take it away for this role: ALTER ROLE ... SET transaction_timeout = 0";
                examined.and(Grade::Warn, "transaction", what, next)
            }
            None => examined,
        })
    })
}
