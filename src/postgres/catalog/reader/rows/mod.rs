//! What the rows of single sections become.

pub(super) mod constraints;
pub(super) mod indexes;
pub(super) mod privileges;
pub(super) mod relations;
