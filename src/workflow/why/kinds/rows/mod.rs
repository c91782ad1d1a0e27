//! Errors about a row: a constraint refuses it, or a value is not one of its type. Values of rows are not shown.

pub(super) mod check;
pub(super) mod enum_label;
pub(super) mod existing_rows;
pub(super) mod foreign_key;
pub(super) mod generated;
pub(super) mod not_null;
pub(super) mod out_of_range;
pub(super) mod text_syntax;
pub(super) mod too_long;
pub(super) mod unique;
