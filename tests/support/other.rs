//! Somebody else who is at the same database.

use trueup::postgres::connection::{Session, Target};

use crate::support;

/// Somebody else's session.
pub(crate) struct Other {
    runtime: tokio::runtime::Runtime,
    session: Option<Session>,
}

impl Other {
    pub(crate) fn at(url: &str, application: &str) -> Self {
        let runtime = support::runtime();
        let session = runtime.block_on(Target::parse(url).unwrap().connect(application)).unwrap();
        Self { runtime, session: Some(session) }
    }

    #[track_caller]
    pub(crate) fn run(&mut self, sql: &str) -> Vec<support::Row> {
        self.runtime.block_on(support::rows(self.session.as_mut().unwrap(), sql)).unwrap()
    }

    pub(crate) fn pid(&mut self) -> String {
        self.run("SELECT pg_backend_pid()").remove(0).remove(0).unwrap()
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        if let Some(session) = self.session.take() {
            self.runtime.block_on(session.close());
        }
    }
}
