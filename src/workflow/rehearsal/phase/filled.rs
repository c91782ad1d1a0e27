//! Made rows before a migration that requires data checks: the fixes of the checks are run on them, as an operator would do it.

use std::pin::Pin;

use anyhow::Result;

use crate::changes::executor::StepGuard;
use crate::changes::plan::Step;
use crate::data::checks::{self, Action, Check, ValidatedCheck, ValidatedFix};
use crate::postgres::connection::Target;
use crate::postgres::sql::identifier;
use crate::project::Settings;
use crate::workflow::data_checks;

/// The checks of the project. Whether they find rows says nothing: the rows are made.
pub(super) struct FilledRows<'r> {
    pub(super) settings: &'r Settings,
    pub(super) target: &'r Target,
}

impl StepGuard for FilledRows<'_> {
    fn pass<'g>(&'g self, step: &'g Step) -> Pin<Box<dyn Future<Output = Result<()>> + Send + 'g>> {
        Box::pin(self.fill(step))
    }
}

impl FilledRows<'_> {
    async fn fill(&self, step: &Step) -> Result<()> {
        let wanted = &step.directives.requires_checks;
        if wanted.is_empty() {
            return Ok(());
        }
        let all = data_checks::checks(self.settings, &[])?;
        let required: Vec<Check> = all.into_iter().filter(|check| wanted.contains(&check.name)).collect();
        let application = self.settings.application();
        let mut session = self.target.connect(&application).await?;
        let options = data_checks::options(self.settings, self.target, &application, 0, 1);
        let validated = checks::validate(&mut session, required, &options).await?;
        session.execute("ROLLBACK").await?;
        for check in &validated {
            for statement in check.fixes.iter().filter_map(|fix| update(check, fix)) {
                session.execute(statement).await?;
            }
        }
        session.close().await;
        Ok(())
    }
}

/// The statement that sets what a fix proposes, in one go.
fn update(check: &ValidatedCheck, fix: &ValidatedFix) -> Option<String> {
    let table = check.table.as_ref().filter(|_| fix.fix.action == Action::Update)?;
    let equal = |name: &str| format!("{0} = q.{0}", identifier(name));
    let sets: Vec<String> = fix.sets.iter().map(|name| equal(name)).collect();
    let key = check.check.key.iter().map(|column| format!("t.{}", equal(&column.name)));
    Some(format!(
        "UPDATE {} AS t SET {} FROM {} AS q WHERE {}",
        table.qualified(),
        sets.join(", "),
        fix.fix.query.wrapped(),
        key.collect::<Vec<_>>().join(" AND ")
    ))
}
