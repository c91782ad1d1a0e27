//! `row-security`: whether policies hide rows from the role.

use super::super::examination::{DoctorExamination, Examined, Examining, TimeLimit};
use super::super::surroundings::{Surroundings, failure_of};
use crate::postgres::sql::identifier;
use crate::text::plural;

pub(in super::super) const EXAMINATION: DoctorExamination = DoctorExamination {
    name: "row-security",
    help: "The tables whose policies hide rows from this role. Data checks, reference rows and backups would see a part of the \
           rows: they refuse, or cannot tell.",
    needs: &["authentication"],
    limit: TimeLimit::Of(10),
    is_finished_first: false,
    examine,
};

const SQL: &str = "SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS name, current_user::text AS role \
                   FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
                   WHERE c.relkind IN ('r', 'p') AND c.relrowsecurity AND row_security_active(c.oid) ORDER BY 1";

/// The most tables that a sentence names.
const NAMES: usize = 5;

fn examine<'a>(around: &'a mut Surroundings<'_>) -> Examining<'a> {
    Box::pin(async move {
        let rows = around.ask("looking for row security", SQL).await?;
        let mut names = Vec::new();
        let mut role = String::new();
        for row in &rows {
            let read = || Ok::<_, anyhow::Error>((row.get::<&str>("name")?, row.get::<&str>("role")?));
            let (name, by) = read().map_err(failure_of)?;
            names.push(name.to_owned());
            role = identifier(by).into_owned();
        }
        if names.is_empty() {
            return Ok(Examined::ok("no policy hides rows from this role"));
        }
        let mut shown = names.iter().take(NAMES).cloned().collect::<Vec<_>>().join(", ");
        if names.len() > NAMES {
            shown.push_str(&format!(" and {} more", names.len() - NAMES));
        }
        let tables = plural(names.len(), "table");
        let what = format!(
            "policies hide rows of {tables} from {role}: {shown}; verify, seed and backup do not see all"
        );
        let next = format!("as a superuser: ALTER ROLE {role} BYPASSRLS; or work as the owner of the tables");
        Ok(Examined::warn("hidden", what, next).details(names))
    })
}
