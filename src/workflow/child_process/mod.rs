//! What a program that trueup runs prints, and its end. Passwords in connection strings are taken out of every line.

use std::cell::RefCell;
use std::pin::Pin;
use std::process::ExitStatus;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process;

use crate::output;
use crate::text::{one_line, without_passwords};

/// How long the output of a program is read after it has ended: a process that it has left behind may hold the pipe open.
pub(crate) const DRAIN: Duration = Duration::from_secs(1);
/// The longest line that is passed on, in characters.
const LONGEST: usize = 500;
/// The most that is kept of one line, in bytes.
const LINE: usize = 4 * 1024;
/// The most that is kept of the output, in bytes: the end of it.
const KEPT: usize = 64 * 1024;

/// Reads the output until the process has ended, and what is left of it for a short time afterwards.
pub(crate) async fn until_end(
    child: &mut process::Child,
    mut reading: Pin<&mut impl Future>,
) -> std::io::Result<ExitStatus> {
    let status = tokio::select! {
        status = child.wait() => status?,
        _ = reading.as_mut() => return child.wait().await,
    };
    let _ = tokio::time::timeout(DRAIN, reading).await;
    Ok(status)
}

/// The output: kept without passwords, and passed on line by line where somebody wants to see it. The oldest lines are
/// forgotten.
pub(crate) struct ChildOutput {
    shown: bool,
    kept: RefCell<String>,
}

impl ChildOutput {
    /// Nothing yet. What comes is passed on to standard error where `shown` is true.
    pub(crate) fn new(shown: bool) -> Self {
        Self { shown, kept: RefCell::default() }
    }

    /// Reads a stream to its end.
    pub(crate) async fn read(&self, from: Option<impl AsyncRead + Unpin>) {
        let Some(mut from) = from else { return };
        let (mut line, mut piece) = (Vec::new(), vec![0; 8 * 1024]);
        while let Ok(read @ 1..) = from.read(&mut piece).await {
            for part in piece[..read].split_inclusive(|byte| *byte == b'\n') {
                let room = LINE.saturating_sub(line.len());
                line.extend_from_slice(&part[..part.len().min(room)]);
                if part.ends_with(b"\n") {
                    self.keep(&mut line);
                }
            }
        }
        if !line.is_empty() {
            self.keep(&mut line);
        }
    }

    /// What was kept: the end of it.
    pub(crate) fn end(&self) -> String {
        end_of(&self.kept.borrow()).to_owned()
    }

    fn keep(&self, line: &mut Vec<u8>) {
        let text = String::from_utf8_lossy(line);
        let text = without_passwords(text.trim_end_matches(['\r', '\n'])).into_owned();
        line.clear();
        if self.shown {
            let indent = text.len() - text.trim_start_matches(' ').len();
            let shown = format!("{:indent$}{}", "", one_line(&text, LONGEST));
            output::err(&format!("{}\n", output::escape(&shown)));
        }
        let mut kept = self.kept.borrow_mut();
        kept.push_str(&text);
        kept.push('\n');
        // Seldom, because everything behind it is moved.
        if kept.len() > 2 * KEPT {
            *kept = end_of(&kept).to_owned();
        }
    }
}

fn end_of(output: &str) -> &str {
    &output[output.ceil_char_boundary(output.len().saturating_sub(KEPT))..]
}
