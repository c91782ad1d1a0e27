//! The environment mark of a database held against what was asked for.

use crate::error::{ErrorCode, Exit, Failure};
use crate::postgres::connection::Target;
use crate::project::{NamedEnvironment, Settings, called};
use crate::writer::Mark;

/// Refuses a database that is marked as another environment's, or another project's, than `--env` asks for.
///
/// # Errors
/// Exit 4.
pub(crate) fn expect(settings: &Settings, mark: Option<&Mark>, database: &str) -> Result<(), Failure> {
    let (Some(environment), Some(mark)) = (&settings.environment, mark) else { return Ok(()) };
    let asked = &environment.name;
    let refused = |code: ErrorCode, marked: String| {
        let source = settings.url_source();
        Failure::new(Exit::Refused, format!("database {database} is marked as {marked}; refused")).code(code).next(format!(
            "look at {source}, the URL that this database was reached by; if it is a copy that was given another \
             purpose: trueup environment set {asked}"
        ))
    };
    refuse_foreign(settings, Some(mark), database)?;
    match &mark.environment {
        Some(marked) if marked != asked => Err(refused(
            ErrorCode::DATABASE_WRONG_ENVIRONMENT,
            format!("environment {marked}, not {asked}, which --env asks for"),
        )),
        _ => Ok(()),
    }
}

/// Refuses a database that is marked as another project's.
///
/// # Errors
/// Exit 4.
pub(crate) fn refuse_foreign(
    settings: &Settings,
    mark: Option<&Mark>,
    database: &str,
) -> Result<(), Failure> {
    let foreign = mark.filter(|mark| !settings.project.owns(mark.project.as_deref()));
    let Some(marked) = foreign.and_then(|mark| mark.project.as_deref()) else { return Ok(()) };
    let (this, source) = (settings.project.called(), settings.url_source());
    let what = format!(
        "the database {database} is marked as project {marked:?}'s, and this is {this}; nothing was changed"
    );
    let give = "to give the database to this project, at a terminal: trueup environment set NAME";
    let name = serde_json::Value::from(marked);
    let next = match settings.project.name {
        // Most often a project that never had a name, in a directory of another name.
        None => format!(
            "if it is this project's database, name the project: name = {name} under [project] in trueup.toml; \
             else look at {source}, the URL that this database was reached by\n{give}"
        ),
        Some(_) => format!(
            "look at {source} and --project; if this project was renamed, restore its name: name = {name} under \
             [project] in trueup.toml\n{give}"
        ),
    };
    Err(Failure::new(Exit::Refused, what).code(ErrorCode::DATABASE_WRONG_PROJECT).next(next))
}

/// What is worth saying of a mark when no environment was asked for: another project's, or that of an environment whose
/// address is another one, as of a copy that was restored elsewhere.
pub(crate) fn note(settings: &Settings, target: &Target, mark: Option<&Mark>) -> Option<String> {
    let mark = mark?;
    if !settings.project.owns(mark.project.as_deref()) {
        let marked = called(mark.project.as_deref());
        return Some(format!(
            "the database is marked as {marked}'s, and this is {}",
            settings.project.called()
        ));
    }
    let environment = marked(settings, mark)?;
    let elsewhere = environment.expect(target, settings.url_source()).err()?;
    Some(format!(
        "the database is marked as environment {}, and {}: is it a copy? (trueup environment set NAME)",
        environment.name, elsewhere.what
    ))
}

/// The environment of the mark, as `trueup.toml` describes it.
pub(crate) fn marked(settings: &Settings, mark: &Mark) -> Option<NamedEnvironment> {
    let name = mark.environment.clone()?;
    let described = settings.environments.get(&name)?.clone();
    Some(NamedEnvironment { name, settings: described })
}

/// The environment that the mark names, else the one that was asked for.
pub(crate) fn environment(settings: &Settings, mark: Option<&Mark>) -> Option<String> {
    let asked = settings.environment.as_ref().map(|environment| environment.name.clone());
    mark.and_then(|mark| mark.environment.clone()).or(asked)
}

/// The protected environment that a change is made in: the one that was asked for, else the one that the database is
/// marked as. `None` when it is not protected.
pub(crate) fn protected(settings: &Settings, mark: Option<&Mark>) -> Option<NamedEnvironment> {
    environment_of(settings, mark).filter(|environment| environment.settings.protected)
}

/// The environment that was asked for, else the one that the database is marked as.
pub(crate) fn environment_of(settings: &Settings, mark: Option<&Mark>) -> Option<NamedEnvironment> {
    settings.environment.clone().or_else(|| mark.and_then(|mark| marked(settings, mark)))
}
