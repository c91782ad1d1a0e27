//! The account that a local server's processes run as. PostgreSQL refuses to run as root, so root steps down to an
//! account with a passwd entry; everybody else stays who they are.

use std::ffi::OsStr;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use anyhow::Result;
use nix::unistd::{Uid, User};

use crate::error::{ErrorCode, Failure};
use crate::postgres::programs::variable;

/// Accounts that root steps down to, best first.
const STAND_INS: [&str; 2] = ["postgres", "nobody"];

/// Who runs the server's processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Account {
    /// The user that files of a scratch server belong to.
    pub(super) uid: u32,
    /// Set when processes must step down from root: the group that they run with.
    pub(super) step_down: Option<u32>,
}

impl Account {
    /// The account for this process.
    ///
    /// # Errors
    /// As root, on a machine that has neither `postgres` nor `nobody` (exit 3).
    pub(super) fn of_process() -> Result<Self> {
        let uid = Uid::effective();
        if !uid.is_root() {
            return Ok(Self { uid: uid.as_raw(), step_down: None });
        }
        let stand_in = STAND_INS.into_iter().find_map(|name| User::from_name(name).ok().flatten());
        match stand_in {
            Some(user) => Ok(Self { uid: user.uid.as_raw(), step_down: Some(user.gid.as_raw()) }),
            None => Err(Failure::cannot_tell(
                "a scratch server cannot run as root, and this machine has neither a user postgres nor nobody",
            )
            .code(ErrorCode::SCRATCH_UNAVAILABLE)
            .next("run trueup as an ordinary user, or give a server with --scratch-url")
            .into()),
        }
    }

    /// A command that runs as this account, in a process group of its own (the terminal's Ctrl-C is for trueup, not
    /// for the server), and with an environment in which no variable of the caller changes what PostgreSQL does.
    pub(super) fn command(self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env_clear().current_dir("/").process_group(0);
        for name in ["PATH", "LD_LIBRARY_PATH"] {
            if let Some(value) = variable(name) {
                command.env(name, value);
            }
        }
        // TZ spares initdb its search through the time zones.
        command.env("LC_ALL", "C").env("TZ", "UTC");
        if let Some(gid) = self.step_down {
            command.uid(self.uid).gid(gid);
        }
        command
    }
}
