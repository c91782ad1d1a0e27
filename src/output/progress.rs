//! What happens during a run, on standard error: a line that is drawn over at a terminal, and lines that stay.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::console;
use super::escape::escape;
use crate::backup::{BackupObserver, BackupProgress};
use crate::text::size;
use crate::writer::{Event, Watch, named, seconds};

/// Where there is no terminal, how often the same news is told again.
const AGAIN: Duration = Duration::from_secs(10);

/// Shows events.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    terminal: bool,
    quiet: bool,
    last: Option<(String, Instant)>,
    /// Since when a backup is told of; where there is no terminal, since when it was told last.
    since: Option<Instant>,
}

impl Progress {
    /// `terminal` says whether standard error is one; `quiet` shows nothing.
    pub fn new(terminal: bool, quiet: bool) -> Self {
        let target =
            if terminal && !quiet { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(None, target);
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
            bar.set_style(style);
        }
        Self { bar, terminal, quiet, last: None, since: None }
    }

    /// A line that stays.
    fn line(&mut self, text: &str) {
        let text = escape(text);
        if self.quiet {
        } else if self.terminal {
            self.bar.suspend(|| console::err(&format!("{text}\n")));
        } else {
            console::err(&format!("{text}\n"));
        }
    }

    /// A line that the next one replaces; `key` tells whether it is news.
    fn passing(&mut self, key: &str, text: &str) {
        if self.terminal {
            self.bar.set_message(escape(text).into_owned());
            self.bar.tick();
            return;
        }
        let news = match &self.last {
            Some((told, at)) => told != key || at.elapsed() >= AGAIN,
            None => true,
        };
        if news {
            self.last = Some((key.to_owned(), Instant::now()));
            self.line(text);
        }
    }

    /// Takes the passing line away.
    pub fn clear(&mut self) {
        self.bar.finish_and_clear();
    }
}

impl Watch for Progress {
    fn tell(&mut self, event: &Event<'_>) {
        match event {
            Event::LockHeld { holder, waited } => {
                let who = holder.map_or_else(|| "another session".to_owned(), ToString::to_string);
                let text = format!("waiting for another run of trueup ({}): {who}", seconds(*waited));
                self.passing(&who, &text);
            }
            Event::Begun { what, number, of } => {
                if self.terminal {
                    self.bar.set_message(escape(&format!("{number}/{of} {what}")).into_owned());
                    self.bar.tick();
                }
            }
            Event::Blocked { what, blockers, waited } => {
                let who = named(blockers);
                self.passing(&who, &format!("{what}: waiting for a lock ({}): {who}", seconds(*waited)));
            }
            Event::Again { what, why, pause } => {
                self.line(&format!("{what}: {why}: rolled back, tried again in {}", seconds(*pause)));
            }
            Event::Progress { phase, done, total } => {
                let part = if *total > 0 { format!(" {}%", done * 100 / total) } else { String::new() };
                self.passing(phase, &format!("{phase}{part}"));
            }
            Event::Rows { what, done, total, rate } => {
                let left = total.saturating_sub(*done) as f64 / rate.max(0.001);
                let left = seconds(Duration::from_secs_f64(left.min(1e7)));
                let text = format!("{what}: {done} of {total} rows, {rate:.0} rows/s, {left} left");
                self.passing(what, &text);
            }
            Event::Paused { why } => self.passing(why, &format!("paused: {why}")),
            // At a terminal the report that follows says it.
            Event::Done { .. } if self.terminal => {}
            Event::Done { what, took } => self.line(&format!("{what}: done in {}", seconds(*took))),
            Event::Reconnecting { why } => {
                self.line(&format!("the connection was lost ({why}): connecting again"));
            }
            Event::Stopping { signal } => {
                self.line(&format!("{signal}: rolling back what is begun; it goes on with the same command"));
            }
        }
    }
}

impl BackupObserver for Progress {
    fn progress(&mut self, progress: &BackupProgress) {
        let BackupProgress { doing, table, tables: (begun, all), bytes } = progress;
        let mut parts = Vec::new();
        if *bytes > 0 {
            parts.push(size(*bytes));
        }
        if !table.is_empty() {
            parts.push(format!("table {begun} of {all}: {table}"));
        }
        let mut text = doing.to_string();
        if !parts.is_empty() {
            text.push_str(&format!(": {}", parts.join(", ")));
        }
        if self.terminal {
            let since = *self.since.get_or_insert_with(Instant::now);
            if *bytes > 0 {
                let rate = *bytes as f64 / since.elapsed().as_secs_f64().max(0.001);
                text.push_str(&format!(" ({}/s)", size(rate as u64)));
            }
            self.bar.set_message(escape(&text).into_owned());
            self.bar.tick();
        } else if self.since.get_or_insert_with(Instant::now).elapsed() >= AGAIN {
            self.since = Some(Instant::now());
            self.line(&text);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}
