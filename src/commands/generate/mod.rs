//! `trueup generate`: the migrations from what `migrations/` builds to what `schema/` declares.

pub(super) mod args;
mod report;

use anyhow::Result;

use crate::error::{ErrorCode, Exit, Failure};
use crate::project::Settings;
use crate::workflow::deliver::deliver;
use crate::workflow::generation::{self, DecisionSource, GenerateRequest, Generation};
use args::GenerateArgs;
use report::GenerateReport;

/// Runs the command.
///
/// # Errors
/// Exit 2: the project's files, or a decision that nobody has taken. Exit 3: no server to compile in.
pub(super) async fn run(settings: &Settings, args: &GenerateArgs) -> Result<Exit> {
    if let Some(tool) = settings.migrations.tool {
        return Err(Failure::usage(format!("generate writes migrations as trueup has them, and {tool} keeps those of this project"))
            .code(ErrorCode::USAGE_ARGUMENTS)
            .next("trueup check shows the SQL of each difference; trueup init --from has trueup take the migrations over")
            .into());
    }
    let generation = match args.name.as_deref().filter(|_| args.empty) {
        Some(name) => Generation { files: generation::empty(settings, name)?, ..Generation::default() },
        None => {
            let editor = if args.edit { Some(editor(settings)?) } else { None };
            let wanted = GenerateRequest {
                name: args.name.as_deref(),
                decisions: DecisionSource { given: &args.decide },
                editor: editor.as_deref(),
                rows: args.rows,
                keep_dropped: args.keep_dropped,
            };
            generation::generate(settings, wanted).await?
        }
    };
    let report = GenerateReport::new(settings, generation, args.empty);
    deliver(&settings.output, &report)?;
    Ok(report.exit)
}

/// The program of VISUAL or EDITOR, with its arguments.
fn editor(settings: &Settings) -> Result<Vec<String>, Failure> {
    let words: Vec<String> =
        settings.editor.as_deref().unwrap_or_default().split_whitespace().map(str::to_owned).collect();
    if words.is_empty() || !settings.output.interactive {
        return Err(Failure::usage("--edit needs a terminal, and an editor in VISUAL or EDITOR")
            .code(ErrorCode::USAGE_ARGUMENTS)
            .next("set EDITOR, or change the files after they are written and run `trueup compile`"));
    }
    Ok(words)
}
