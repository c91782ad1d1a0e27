//! `2BP01`, `0A000`: something cannot be dropped or changed, because other objects are built on it.

use super::super::super::case::Case;
use super::super::super::explanation::Explanation;
use super::super::ErrorKind;

pub(in super::super) const KIND: ErrorKind = ErrorKind {
    condition: "dependent_objects_still_exist",
    sqlstate: "2BP01",
    patterns: &[
        r"cannot drop [^\n]+? because (?:other objects depend on it|it is required by [^\n]+)",
        "cannot drop desired object",
        "cannot alter type of a column used by a view or rule",
    ],
    follows: false,
    meaning: "A statement drops or changes an object that other objects are built on.",
    asks: &[],
    judge,
};

fn judge(_: &Case<'_>) -> Explanation {
    Explanation::elsewhere(
        "nothing was changed: DETAIL of the message lists the objects that are built on it",
        "drop these first and create them again in the same migration (CASCADE drops them for good); trueup check tells which of \
         them schema/ does not declare",
    )
}
