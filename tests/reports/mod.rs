//! What public reports about tools of this kind say went wrong, tried on trueup.

pub(crate) mod case;
mod cases;
mod numbering;
mod reloaded;
