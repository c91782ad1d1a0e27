//! SQL as text: names quoted in one place, durations in PostgreSQL's units, scripts split into statements, and two texts side
//! by side. It knows no database.

mod brief;
mod covered;
mod duration;
mod expression;
mod file;
mod meaning;
mod printing;
mod quote;
mod setting;
mod split;
mod unified;

pub use brief::brief_query;
pub use covered::covers_alike;
pub use duration::{DURATION, age, duration};
pub use expression::{is_query, one_expression};
pub use file::{LARGEST_FILE, read_file, read_file_in};
pub use meaning::{MEANING, portable, reset_meaning, set_meaning};
pub use printing::prints_alike;
pub use quote::{
    ChosenHistory, QualifiedTable, identifier, literal, names_in, qualified, replace_name, schemas_of_path,
    split_qualified, words_of,
};
pub use setting::{Assignment, newer_setting};
pub use split::{
    Comment, LONGEST_NAME, Part, Position, SplitError, SplitErrorKind, Statement, comments, split, split_all,
    without_bom,
};
pub use unified::unified;
