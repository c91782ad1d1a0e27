//! The rules of `trueup lint` as a project sets them, for `lint` and for `gate`.

use std::collections::BTreeMap;

use crate::changes::lint::{RULES, rule};
use crate::error::{ErrorCode, Failure};
use crate::findings::Severity;
use crate::project::Settings;
use crate::toml_table::nearest;

/// `[lint] rules`, its codes known to exist.
///
/// # Errors
/// Exit 2: there is no rule of a name.
pub(crate) fn levels(settings: &Settings) -> Result<BTreeMap<String, Option<Severity>>, Failure> {
    let levels = settings.lint.rules.iter().map(|(code, wanted)| {
        if rule(code).is_some() {
            return Ok((code.clone(), wanted.severity));
        }
        let file = settings.project.settings_path.display();
        let nearest = nearest(code, RULES.iter().map(|rule| rule.code));
        Err(Failure::usage(format!("{file}:{}: [lint] rules: there is no rule {code:?}", wanted.line))
            .code(ErrorCode::PROJECT_FILE_INVALID)
            .next(nearest.map_or_else(
                || "trueup explain lists all rules".to_owned(),
                |nearest| format!("did you mean {nearest:?}?"),
            )))
    });
    Failure::collect(levels).map(|levels| levels.into_iter().collect())
}
