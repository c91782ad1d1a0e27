//! A database of a scratch server as SQL.

use std::process::Stdio;

use tokio::process::Command;

use super::account::Account;
use super::{Scratch, ScratchDatabase};

/// What `pg_dump` is asked for: rows as INSERT, which any session can run.
const OPTIONS: [&str; 4] = ["--format=plain", "--inserts", "--rows-per-insert=1000", "--no-sync"];

impl Scratch {
    /// The definitions and rows of a database. `None` on a given server, where the `pg_dump` of its version is not
    /// installed with it, and where that fails: whoever asks goes on without.
    pub async fn dump(&self, database: &ScratchDatabase) -> Option<String> {
        let program = self.bin_dir()?.join("pg_dump");
        let mut command = Command::from(Account::of_process().ok()?.command(program));
        command.args(OPTIONS).arg("--dbname").arg(self.url(database));
        command.stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
        let output = command.output().await.ok().filter(|output| output.status.success())?;
        String::from_utf8(output.stdout).ok()
    }
}
