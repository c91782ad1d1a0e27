//! `terminal`: how output looks, and whether commands that write can ask.

use super::super::examination::{DoctorExamination, Examined, Examining, TimeLimit};
use super::super::surroundings::Surroundings;

pub(in super::super) const EXAMINATION: DoctorExamination = DoctorExamination {
    name: "terminal",
    help: "Whether standard output is a terminal, whether colours are used, and whether commands that write can ask: without a \
           terminal they need --yes, and in a protected environment --env, too.",
    needs: &[],
    limit: TimeLimit::Of(5),
    is_finished_first: false,
    examine,
};

fn examine<'a>(around: &'a mut Surroundings<'_>) -> Examining<'a> {
    Box::pin(async move {
        let output = &around.settings.output;
        let color = if output.color { "with colours" } else { "without colours" };
        let asks = match output.interactive {
            true => "commands that write can ask",
            false => "commands that write cannot ask: they need --yes",
        };
        let terminal = if output.terminal { "a terminal" } else { "no terminal" };
        Ok(Examined::ok(format!("{terminal}, {color}; {asks}")))
    })
}
