//! Proves that files give the catalog of a database.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;

use super::change::FileChanges;
use super::{MOST_SHOWN, first_of};
use crate::error::{ErrorCode, Exit, Failure};
use crate::migrations::checksum;
use crate::model::diagnosis::{self, Deviation, Facts, RecordedState};
use crate::model::{Lock, Sources};
use crate::postgres::catalog::Catalog;
use crate::postgres::scratch::Scratch;
use crate::project::Settings;
use crate::snapshot::DatabaseSnapshot;
use crate::text::plural;
use crate::workflow::comparison::{in_scope, named};
use crate::workflow::project_model::{compile_on, unreadable_bodies};

/// What is not seen or not modeled would be missing in the files.
pub(super) fn refuse_incomplete(settings: &Settings, snapshot: &DatabaseSnapshot) -> Result<(), Failure> {
    let unmodeled = snapshot.catalog.unmodeled.iter();
    let unmodeled: Vec<String> = unmodeled
        .filter(|other| !settings.database.ignore.matches(&other.object))
        .map(|other| format!("{} {}", other.kind, other.object))
        .collect();
    let database = &snapshot.identity.database;
    let (what, next) = if !snapshot.invisible.is_empty() {
        (
            format!("this role cannot see all of database {database}:{}", first_of(&snapshot.invisible)),
            "run it as a role that may read these",
        )
    } else if !unmodeled.is_empty() {
        (
            format!("database {database} has objects that trueup cannot declare:{}", first_of(&unmodeled)),
            "name those that may be left out of schema/ in trueup.toml: [database] ignore",
        )
    } else {
        return Ok(());
    };
    Err(Failure::cannot_tell(format!("{what}\nnothing was written")).next(next))
}

/// Loads the files, and replays the baseline: both must give the catalog of the database.
///
/// # Errors
/// Exit 2: they do not, or are refused by the scratch server.
pub(super) async fn prove(
    settings: &Settings,
    change: &mut FileChanges,
    snapshot: &DatabaseSnapshot,
    scratch: &mut Scratch,
) -> Result<Lock> {
    let database = &snapshot.identity.database;
    let (server, own) = (snapshot.version, scratch.version());
    let edited = change.edited.join(", ");
    let advice = match server.major() == own.major() {
        true if !edited.is_empty() => format!(
            "{edited}: other statements of these files were kept, and make something else: correct them by hand \
             (`trueup check` says what differs), or move these files out of schema/, and run the same command again"
        ),
        true => "name in trueup.toml what may be left out: [database] ignore".to_owned(),
        false => format!(
            "the database is on PostgreSQL {server}, the scratch server is {own}: use one of the same major \
             ([compile] server_version, or --scratch-url)"
        ),
    };
    let not_proved = |what: String| Failure::usage(what).code(ErrorCode::SCHEMA_NOT_PROVED).next(advice);
    let lock = match compiled(settings, change, scratch).await {
        Ok(lock) => lock,
        Err(error) => {
            let Failure { exit, what, next, code, at } = error.downcast::<Failure>()?;
            let failure = not_proved(format!(
                "what {database} has cannot be created in a scratch server; nothing was written\n{what}"
            ));
            let next = [next, failure.next]
                .into_iter()
                .filter(|next| !next.is_empty())
                .collect::<Vec<_>>()
                .join("\n");
            return Err(Failure { exit, code: code.or(failure.code), what: failure.what, next, at }.into());
        }
    };
    let last = match change.baseline {
        Some(_) => lock.state_after(|_| true),
        None => lock.model.clone(),
    };
    let differing = deviations(settings, &lock, &last, snapshot);
    if differing.is_empty() {
        refuse_loss(change, &lock)?;
        return Ok(lock);
    }
    let ids = differing.iter().filter_map(|one| one.live.as_ref().or(one.declared.as_ref()));
    let ids: Vec<String> =
        ids.map(|object| serde_json::Value::from(object.id.to_string()).to_string()).collect();
    let words: Vec<String> = differing.into_iter().map(|one| one.words).collect();
    let failure = not_proved(format!(
        "created in a scratch server, {} of {database} would not be as in the database; nothing was written:{}",
        plural(words.len(), "object"),
        first_of(&words)
    ));
    // With another major, or with statements of a person, something else is to be done first.
    let can_be_left_out =
        change.edited.is_empty() && server.major() == own.major() && ids.len() <= MOST_SHOWN;
    let next =
        format!("to leave these out of schema/, in trueup.toml: [database] ignore = [{}]", ids.join(", "));
    Err(if can_be_left_out { failure.next(next) } else { failure }.into())
}

/// What the project leaves out of comparisons is in no file that is written: what a statement that is replaced declares of
/// it would be lost.
fn refuse_loss(change: &FileChanges, lock: &Lock) -> Result<(), Failure> {
    let lost = change.left_out.iter().filter(|id| lock.model.get(id).is_none());
    let lost: Vec<String> = lost.map(|id| format!("{} {id}", id.kind.spoken())).collect();
    if lost.is_empty() {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "schema/ declares these together with what differs from the database, and trueup.toml leaves them out \
         ([database] ignore, schemas): they would be lost; nothing was written:{}",
        first_of(&lost)
    ))
    .code(ErrorCode::SCHEMA_FILE_FOREIGN)
    .next("correct the statements by hand: `trueup check` says what differs"))
}

/// Compiles the project as it will be. Legacy databases have functions that name what is gone: such a body is left unread.
async fn compiled(settings: &Settings, change: &mut FileChanges, scratch: &mut Scratch) -> Result<Lock> {
    let failure = match compile_on(settings, &change.sources(), scratch).await {
        Err(error) => error.downcast::<Failure>()?,
        compiled => return compiled,
    };
    if failure.code != Some(ErrorCode::SCHEMA_INVALID) {
        return Err(failure.into());
    }
    match unreadable_bodies(settings, &change.sources(), scratch).await {
        Ok(unreadable) if !unreadable.is_empty() => {
            change.leave_unread(&unreadable);
            compile_on(settings, &change.sources(), scratch).await
        }
        _ => Err(failure.into()),
    }
}

/// What the database has otherwise than the model of a lock, or than the state `last` of its migrations.
pub(super) fn deviations(
    settings: &Settings,
    lock: &Lock,
    last: &Catalog,
    snapshot: &DatabaseSnapshot,
) -> Vec<Deviation> {
    with_facts(settings, lock, last, snapshot, diagnosis::deviations)
}

/// Another database than that of the project would take the place of all that the project declares, in `schema/` or by its
/// migrations. A history of these migrations proves that it is the project's.
///
/// # Errors
/// Exit 4.
pub(super) fn refuse_other(
    settings: &Settings,
    sources: &Sources,
    lock: &Lock,
    snapshot: &DatabaseSnapshot,
) -> Result<(), Failure> {
    let unchanged = checksum::unchanged(&sources.migrations, snapshot.history.as_deref().unwrap_or_default());
    let is_other = with_facts(settings, lock, &lock.model, snapshot, |facts| {
        let history = snapshot.history.as_deref();
        diagnosis::is_other(&Facts { history, unchanged: &unchanged, ..*facts })
    });
    if !is_other {
        return Ok(());
    }
    let (database, source) = (&snapshot.identity.database, settings.url_source());
    let project = &settings.project;
    let migrations = project.display(&project.migrations_dir);
    let (declares, away) = match (sources.schema.is_empty(), sources.migrations.is_empty()) {
        (true, _) => (format!("the migrations in {migrations}/ build"), format!("{migrations}/")),
        (false, true) => ("schema/ declares".to_owned(), "schema/".to_owned()),
        (false, false) => ("schema/ declares".to_owned(), format!("schema/ and {migrations}/")),
    };
    let what = format!(
        "database {database} has little of what {declares}: it is empty, or another application's; nothing was written"
    );
    Err(Failure::new(Exit::Refused, what).code(ErrorCode::DATABASE_OTHER).next(format!(
        "look at {source}, the URL that this database was reached by; if it is right, and the project is to take it \
         in all the same, move all files out of {away} and run the same command again"
    )))
}

fn with_facts<T>(
    settings: &Settings,
    lock: &Lock,
    last: &Catalog,
    snapshot: &DatabaseSnapshot,
    judge: impl FnOnce(&Facts<'_>) -> T,
) -> T {
    judge(&Facts {
        database: &snapshot.identity.database,
        server: snapshot.version,
        live: &snapshot.catalog,
        history: None,
        assumed: false,
        others: &[],
        recorded: &RecordedState::default(),
        lock,
        last,
        unchanged: &BTreeSet::new(),
        in_scope: &|id| in_scope(settings, id),
        ignored: &|id| named(&settings.database.ignore, id),
        partly_squashed: None,
        malformed_history: None,
        history_hidden: false,
        severities: &BTreeMap::new(),
    })
}
