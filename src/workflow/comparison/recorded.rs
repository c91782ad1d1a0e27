//! What trueup recorded in the database, as far as the diagnosis needs it.

use crate::migrations::Migration;
use crate::model::diagnosis::{Accepted, Edit, RecordedState, Unfinished};
use crate::model::{self, CompiledMigration};
use crate::snapshot::{AcceptedRecord, InternalState, StepAction, StepState, UnfinishedStep};

/// What trueup recorded in the database, as far as the diagnosis needs it.
pub(super) fn recorded_state(
    internal: &InternalState,
    migrations: &[Migration],
    notes: &mut Vec<String>,
) -> RecordedState {
    let file = |version: i64| {
        let found = migrations.binary_search_by_key(&version, |migration| migration.version);
        found.ok().map(|index| &migrations[index])
    };
    let mut state = RecordedState::default();
    for (version, recorded) in &internal.recorded {
        match (file(*version), &recorded.effects) {
            (Some(migration), _) => {
                let edit = Edit { applied: recorded.sql.clone(), file: migration.sql.clone() };
                state.edits.insert(*version, edit);
            }
            (None, Some(effects)) => match model::effects_from_text(effects) {
                Ok(effects) => state.ahead.push(CompiledMigration {
                    version: *version,
                    name: recorded.name.clone(),
                    revision: None,
                    parents: Vec::new(),
                    dependencies: Vec::new(),
                    file: None,
                    contract: false,
                    footprints: Vec::new(),
                    down: None,
                    effects,
                }),
                Err(why) => notes.push(format!(
                    "what V{version}__{} did is recorded in a way that this trueup does not read ({why})",
                    recorded.name
                )),
            },
            (None, None) => {}
        }
    }
    state.unfinished = internal.unfinished.iter().map(|step| unfinished(internal, step)).collect();
    match internal.accepted.as_ref().map(accepted).transpose() {
        Ok(accepted) => state.accepted = accepted,
        Err(why) => notes.push(format!(
            "what was accepted when the database was adopted is recorded in a way that this trueup does not read ({why})"
        )),
    }
    state
}

fn accepted(record: &AcceptedRecord) -> Result<Accepted, String> {
    Ok(Accepted {
        objects: model::effects_from_text(&record.objects)?,
        versions: record.versions.clone(),
        by: format!("{}@{}", record.os_user, record.os_host),
        at: record.accepted_at.clone(),
    })
}

fn unfinished(internal: &InternalState, step: &UnfinishedStep) -> Unfinished {
    Unfinished {
        version: step.version,
        name: step.name.clone(),
        reverts: step.action == StepAction::Revert,
        run: step.run.clone(),
        running: internal.running(&step.run).is_some(),
        started_at: step.started_at.clone(),
        statement: step.statement,
        text: step.text.clone(),
        done: step.state == StepState::Done,
        detail: step.detail.clone(),
    }
}
