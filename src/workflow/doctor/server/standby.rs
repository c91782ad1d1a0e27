//! `standby`: whether the server takes changes.

use super::super::examination::{DoctorExamination, Examined, Examining, TimeLimit};
use super::super::surroundings::{Surroundings, failure_of};

pub(in super::super) const EXAMINATION: DoctorExamination = DoctorExamination {
    name: "standby",
    help: "Whether the server is a standby, or read-only (default_transaction_read_only): commands that write refuse it.",
    needs: &["authentication"],
    limit: TimeLimit::Connecting,
    is_finished_first: false,
    examine,
};

const SQL: &str = "SELECT pg_is_in_recovery() AS standby, \
                   (SELECT reset_val = 'on' FROM pg_settings WHERE name = 'default_transaction_read_only') AS read_only";

fn examine<'a>(around: &'a mut Surroundings<'_>) -> Examining<'a> {
    Box::pin(async move {
        let row = around.ask_one("asking whether the server is a standby", SQL).await?;
        let read = |name: &str| row.get::<bool>(name).map_err(|error| failure_of(error.into()));
        Ok(match (read("standby")?, read("read_only")?) {
            (true, _) => Examined::warn(
                "standby",
                "the server is a standby: it takes no changes",
                "give the primary's address to commands that write",
            ),
            (false, true) => Examined::warn(
                "read_only",
                "the server is read-only for this role: default_transaction_read_only is on",
                "find out who set it, and why: server, database (ALTER DATABASE) or role (ALTER ROLE)",
            ),
            (false, false) => Examined::ok("a primary that takes changes"),
        })
    })
}
