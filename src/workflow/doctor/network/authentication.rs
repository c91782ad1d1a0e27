//! `authentication`: whether the role may log in to the database.

use super::super::examination::{DoctorExamination, Examined, Examining, TimeLimit};
use super::super::surroundings::{Surroundings, failure_of};
use crate::error::ErrorCode;
use crate::postgres::sql::identifier;
use crate::writer;

pub(in super::super) const EXAMINATION: DoctorExamination = DoctorExamination {
    name: "authentication",
    help: "Whether the role may log in to the database, where its password came from, and, since PostgreSQL 16, by which method; \
           whether it may take the role of [database] set_role.",
    needs: &["tcp"],
    limit: TimeLimit::Connecting,
    is_finished_first: false,
    examine,
};

/// Nothing was said by whoever listens there.
const SILENT: [ErrorCode; 4] = [
    ErrorCode::CONNECTION_TIMEOUT,
    ErrorCode::CONNECTION_LOST,
    ErrorCode::CONNECTION_REFUSED,
    ErrorCode::CONNECTION_UNREACHABLE,
];

fn examine<'a>(around: &'a mut Surroundings<'_>) -> Examining<'a> {
    Box::pin(async move {
        let target = around.target()?.clone();
        let session = target.connect(&around.settings.application()).await.map_err(failure_of);
        around.is_unanswered =
            session.as_ref().err().is_some_and(|failure| SILENT.contains(&failure.error_code()));
        let session = session?;
        let version = session.server_version().ok();
        around.connected(session);
        let settings = around.settings;
        if let Some(role) = &settings.database.set_role {
            let take = async |session: &mut _| writer::may_take_role(session, role, target.role()).await;
            around.lend("taking the role", take).await?;
        }
        around.version = version;
        let password = match target.password_source() {
            Some("URL") => "password from the connection URL".to_owned(),
            Some(source) => format!("password from {source}"),
            None => "no password was given".to_owned(),
        };
        let mut what = format!("role {}, {password}", identifier(target.role()));
        if around.version.is_some_and(|version| version.major() >= 16)
            && let Ok(row) = around.ask_one("looking up the method", "SELECT system_user AS method").await
            && let Ok(Some(method)) = row.get::<Option<&str>>("method")
        {
            what.push_str(&format!(", {}", method.split(':').next().unwrap_or_default()));
        }
        Ok(Examined::ok(what))
    })
}
