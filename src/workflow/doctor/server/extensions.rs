//! `extensions`: those that the declared schema wants, and what the server has.

use std::collections::BTreeMap;

use super::super::examination::{DoctorExamination, Examined, Examining, Grade, TimeLimit};
use super::super::surroundings::{Surroundings, failure_of};
use crate::model::Lock;
use crate::postgres::catalog::Kind;
use crate::postgres::sql::literal;
use crate::text::plural;

pub(in super::super) const EXAMINATION: DoctorExamination = DoctorExamination {
    name: "extensions",
    help: "The extensions that trueup.lock declares: whether each is created in the database, or at least installed on the \
           server (pg_available_extensions).",
    needs: &["project", "authentication"],
    limit: TimeLimit::Of(10),
    is_finished_first: false,
    examine,
};

/// What every database has from the beginning.
const BUILT_IN: &str = "plpgsql";

fn examine<'a>(around: &'a mut Surroundings<'_>) -> Examining<'a> {
    Box::pin(async move {
        let path = around.settings.project.lock_path.clone();
        let reading = tokio::task::spawn_blocking(move || Lock::load(&path));
        let lock = reading.await.map_err(|error| failure_of(error.into()))?;
        let Some(lock) = lock? else {
            return Ok(Examined::not_asked("trueup.lock is missing: it says which are wanted"));
        };
        let objects = lock.model.objects.iter().filter(|object| object.id.kind == Kind::Extension);
        let wanted: Vec<String> =
            objects.map(|object| object.id.name.to_string()).filter(|name| name != BUILT_IN).collect();
        if wanted.is_empty() {
            return Ok(Examined::ok("none is declared"));
        }
        let names: Vec<String> = wanted.iter().map(|name| literal(name)).collect();
        let sql = format!(
            "SELECT name, installed_version IS NOT NULL AS created FROM pg_available_extensions WHERE name IN ({})",
            names.join(", ")
        );
        let mut available = BTreeMap::new();
        for row in around.ask("looking for extensions", sql).await? {
            let read =
                || Ok::<_, anyhow::Error>((row.get::<&str>("name")?.to_owned(), row.get::<bool>("created")?));
            let (name, created) = read().map_err(failure_of)?;
            available.insert(name, created);
        }
        Ok(judge(&wanted, &available))
    })
}

/// `available` says of each extension of the server whether it is created in the database.
fn judge(wanted: &[String], available: &BTreeMap<String, bool>) -> Examined {
    let of = |state: Option<bool>| {
        let names = wanted.iter().filter(|name| available.get(*name).copied() == state);
        names.cloned().collect::<Vec<_>>()
    };
    let (created, waiting, missing) = (of(Some(true)), of(Some(false)), of(None));
    let mut what = match waiting.is_empty() {
        true => format!("{} declared, created: {}", plural(wanted.len(), "extension"), created.join(", ")),
        false => format!("not created yet, and installed on the server: {}", waiting.join(", ")),
    };
    if created.is_empty() && waiting.is_empty() {
        what.clear();
    }
    let examined = Examined::ok(what);
    match missing.as_slice() {
        [] => examined,
        missing => {
            let names = missing.join(", ");
            let what = format!("the server does not have {names}, which the declared schema wants");
            let next = format!(
                "install the package of {names} on the server; a managed server has a list of what it allows"
            );
            examined.and(Grade::Fail, "missing", what, next)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_server_does_not_have_fails() {
        let judged = |wanted: &[&str], available: &[(&str, bool)]| {
            let wanted: Vec<String> = wanted.iter().map(|name| (*name).to_owned()).collect();
            judge(&wanted, &available.iter().map(|(name, created)| ((*name).to_owned(), *created)).collect())
        };
        assert_eq!(judged(&["citext"], &[("citext", true)]).what, "1 extension declared, created: citext");
        let waiting = judged(&["citext", "ltree"], &[("citext", true), ("ltree", false)]);
        assert_eq!(
            (waiting.grade(), waiting.what.as_str()),
            (Grade::Ok, "not created yet, and installed on the server: ltree")
        );
        let missing = judged(&["postgis"], &[]);
        assert_eq!(missing.grade(), Grade::Fail);
        assert!(missing.problems[0].what.contains("postgis"));
    }
}
