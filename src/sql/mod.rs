//! SQL as text: names quoted in one place, and scripts split into statements. It knows no database.

mod file;
mod quote;
mod split;

pub use file::{LARGEST_FILE, read_file};
pub use quote::{identifier, literal, split_qualified, words_of};
pub use split::{Comment, Part, SplitError, Statement, comments, split, without_bom};
