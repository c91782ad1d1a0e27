//! How far a long piece of work is, on standard error at a terminal and nowhere else.

use indicatif::ProgressBar;

use super::bar;
use super::escape::escape;

/// A line that is drawn over, and gone when this is dropped.
#[derive(Debug)]
pub struct Meter(ProgressBar);

impl Meter {
    /// `shown` says whether there is a terminal to draw on, `ascii` whether it has no other characters.
    pub fn new(shown: bool, ascii: bool) -> Self {
        let bar = bar::bar(shown);
        if shown {
            bar.set_style(bar::style("{bar:20} {pos}/{len} {wide_msg}", ascii));
        }
        Self(bar)
    }

    /// So many of so many are done, and `what` is in work.
    pub fn set(&self, what: &str, done: usize, total: usize) {
        if self.0.is_hidden() {
            return;
        }
        self.0.set_length(total as u64);
        self.0.set_message(escape(what).into_owned());
        self.0.set_position(done as u64);
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
