//! What happens during a run, on standard error.
//!
//! Every step has two lines that stay: one when it begins, one when it is done. What happens in between is at a terminal
//! one line below them, which is drawn over and taken away; elsewhere it is a line every ten seconds at the most.

use std::time::{Duration, Instant};

use indicatif::ProgressBar;

use super::bar::{self, Shape};
use super::console;
use super::escape::escape;
use super::wrap::{cut, wrap};
use crate::backup::{BackupObserver, BackupProgress};
use crate::text::{duration, size};
use crate::writer::{Blocker, Event, Watch, name_blockers};

/// How often news come where there is no terminal, at the most.
const INTERVAL: Duration = Duration::from_secs(10);
/// How often the line is drawn again while nothing is heard of a program.
const TICK: Duration = Duration::from_millis(250);

/// Where progress goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProgressMode {
    /// A terminal, whose last line can be drawn over.
    Terminal {
        /// Whether it shows ASCII alone.
        ascii: bool,
    },
    /// A file, a pipe, or a terminal that can only add lines.
    Lines,
    /// Nowhere.
    Hidden,
}

/// Shows events.
#[derive(Debug)]
pub struct Progress {
    mode: ProgressMode,
    /// What names the role that works.
    role_setting: &'static str,
    /// What is drawn over, and its shape, from the first news on. Without a terminal it computes the figures.
    bar: Option<(ProgressBar, Shape)>,
    /// The step in work, and its place among the steps: `2/3 `, or nothing where it is the only one.
    step: Option<(String, String)>,
    /// What a program is doing to a backup, and since when.
    phase: Option<(&'static str, Instant)>,
    /// When the last line was written, and whether it was about something between the beginning of a step and its end.
    last: Option<(Instant, bool)>,
    /// The process that holds the lock for which this run waits, once it was named.
    holder: Option<Option<i32>>,
}

/// How far something is.
#[derive(Debug, Clone, Copy)]
struct Figures {
    shape: Shape,
    done: u64,
    total: u64,
}

impl Progress {
    /// Nothing is drawn before the first event.
    pub fn new(mode: ProgressMode) -> Self {
        Self { mode, role_setting: "", bar: None, step: None, phase: None, last: None, holder: None }
    }

    /// What names the role that works, where another one is to be advised.
    #[must_use]
    pub fn naming_roles_by(mut self, role_setting: &'static str) -> Self {
        self.role_setting = role_setting;
        self
    }

    /// Writes text that stays.
    fn line(&mut self, text: &str) {
        let text = match self.mode {
            ProgressMode::Hidden => return,
            ProgressMode::Lines => format!("{}\n", escape(text)),
            ProgressMode::Terminal { .. } => format!("{}\n", wrap(&escape(text), usize::from(width()), 0)),
        };
        match &self.bar {
            Some((bar, _)) => bar.suspend(|| console::err(&text)),
            None => console::err(&text),
        }
    }

    /// Writes that something begins: at a terminal it is one line, whatever is in it.
    fn begin(&mut self, text: &str, news: bool) {
        self.clear();
        let text = match self.mode {
            ProgressMode::Terminal { ascii } => cut(&escape(text), width(), ascii),
            ProgressMode::Lines | ProgressMode::Hidden => text.to_owned(),
        };
        self.line(&text);
        self.last = Some((Instant::now(), news));
    }

    /// Shows news that the next ones replace. Without a terminal, `at_once` says whether the first of them is told before
    /// the interval is over.
    fn news(&mut self, at_once: bool, figures: Option<Figures>, text: &str) {
        match self.mode {
            ProgressMode::Hidden => {}
            ProgressMode::Terminal { .. } => {
                let bar = self.drawn(figures);
                bar.set_message(escape(text).into_owned());
                bar.tick();
            }
            ProgressMode::Lines => {
                let text = match figures {
                    Some(figures) => format!("{text}: {}", in_words(self.drawn(Some(figures)), figures)),
                    None => text.to_owned(),
                };
                let due = match self.last {
                    None => true,
                    Some((_, false)) if at_once => true,
                    Some((at, _)) => at.elapsed() >= INTERVAL,
                };
                if due {
                    self.line(&text);
                    self.last = Some((Instant::now(), true));
                }
            }
        }
    }

    /// The bar of the shape that the figures want, and set to them.
    fn drawn(&mut self, figures: Option<Figures>) -> &ProgressBar {
        let shape = figures.map_or(Shape::Spinner, |figures| figures.shape);
        let (terminal, ascii) = match self.mode {
            ProgressMode::Terminal { ascii } => (true, ascii),
            ProgressMode::Lines | ProgressMode::Hidden => (false, true),
        };
        let (bar, before) = self.bar.get_or_insert_with(|| {
            let bar = bar::bar(terminal);
            bar.set_style(shape.style(width(), ascii));
            (bar, shape)
        });
        if *before != shape {
            bar.set_style(shape.style(width(), ascii));
            *before = shape;
        }
        if let Some(Figures { shape, done, total }) = figures {
            match shape {
                Shape::OpenBytes | Shape::Spinner => bar.unset_length(),
                Shape::Share | Shape::Rows | Shape::Bytes => bar.set_length(total),
            }
            bar.set_position(done);
        }
        bar
    }

    /// So many of so many are done, and `what` is in work. Without a terminal, nothing is said before the interval is over.
    pub fn counted(&mut self, what: &str, done: usize, total: usize) {
        if done == total {
            return self.clear();
        }
        let figures = Figures { shape: Shape::Share, done: done as u64, total: total as u64 };
        self.last.get_or_insert_with(|| (Instant::now(), true));
        self.news(false, Some(figures), &format!("{what} ({done} of {total})"));
    }

    /// Ends what a program did to a backup: with its last line when it succeeded.
    pub fn end(&mut self, succeeded: bool) {
        if let Some((doing, since)) = self.phase.take().filter(|_| succeeded) {
            self.done(doing, since.elapsed());
        }
        self.clear();
    }

    fn done(&mut self, what: &str, took: Duration) {
        self.clear();
        self.line(&format!("{what}: done in {}", duration(took)));
        self.last = Some((Instant::now(), false));
    }

    /// Takes the line away that is drawn over.
    pub fn clear(&mut self) {
        if let Some((bar, _)) = self.bar.take() {
            bar.finish_and_clear();
        }
        self.phase = None;
    }

    /// News about a step: `V9__slow: ...`. At a terminal the line above names it.
    fn about(&self, what: &str, text: &str) -> String {
        match (&self.step, self.mode) {
            (Some((_, place)), ProgressMode::Terminal { .. }) => format!("{place}{text}"),
            (Some((step, _)), _) => format!("{step}: {text}"),
            (None, _) => format!("{what}: {text}"),
        }
    }

    /// Another run holds the lock. Its name stays.
    fn waits_for(&mut self, holder: Option<&Blocker>, waited: Duration) {
        let pid = holder.and_then(|holder| holder.pid);
        let who = holder.map_or_else(|| "another session".to_owned(), ToString::to_string);
        if self.holder != Some(pid) {
            self.begin(&format!("waiting for another run of trueup: {who}"), true);
            self.holder = Some(pid);
        }
        let text = match self.mode {
            // The line above names it.
            ProgressMode::Terminal { .. } => format!("waiting for {}", duration(waited)),
            _ => format!("waiting for another run of trueup ({}): {who}", duration(waited)),
        };
        self.news(false, None, &text);
    }
}

impl Watch for Progress {
    fn observe(&mut self, event: &Event<'_>) {
        match event {
            Event::LockHeld { holder, waited } => self.waits_for(*holder, *waited),
            Event::FirstRunOfSuperuser => self.line(&format!(
                "note: this role is a superuser, so all SQL of the project runs with all rights; {} names a weaker role for it",
                self.role_setting
            )),
            Event::Begun { doing, what, number, of } => {
                self.begin(&format!("{doing} {what} ..."), false);
                self.holder = None;
                let place = if *of > 1 { format!("{number}/{of} ") } else { String::new() };
                self.step = Some(((*what).to_owned(), place));
            }
            Event::Running { what, since } => {
                // What counts its rows says more.
                if !matches!(self.bar, Some((_, Shape::Rows))) {
                    let text = self.about(what, &format!("running for {}", duration(*since)));
                    self.news(false, None, &text);
                }
            }
            Event::Blocked { what, blockers, waited } => {
                let text = self.about(
                    what,
                    &format!("waiting for a lock ({}): {}", duration(*waited), name_blockers(blockers)),
                );
                self.news(true, None, &text);
            }
            Event::Again { what, why, pause } => {
                self.line(&format!("{what}: {why}: rolled back, tried again in {}", duration(*pause)));
            }
            Event::Progress { what, phase, done, total } => {
                let text = self.about(what, phase);
                let figures = Figures { shape: Shape::Share, done: *done, total: *total };
                self.news(false, Some(figures).filter(|_| *total > 0), &text);
            }
            Event::Rows { what, done, total } => {
                let figures = Figures { shape: Shape::Rows, done: *done, total: *total };
                self.news(false, Some(figures), what);
            }
            Event::Paused { why } => self.news(true, None, &format!("paused: {why}")),
            Event::Done { what, took } => {
                self.done(what, *took);
                self.step = None;
            }
            Event::Reconnecting { why } => {
                self.line(&format!("the connection was lost ({why}): connecting again"));
            }
            Event::Stopping { what, rolls_back } => {
                let verb = if *rolls_back { "rolling back" } else { "cancelling" };
                self.line(&format!("interrupted: {verb} {what}. Run the same command to continue"));
            }
        }
    }
}

impl BackupObserver for Progress {
    fn progress(&mut self, progress: &BackupProgress) {
        let BackupProgress { doing, table, tables: (begun, all), bytes, total } = progress;
        if self.phase.is_none_or(|(before, _)| before != *doing) {
            self.end(true);
            self.begin(&format!("{doing} ..."), false);
            self.phase = Some((*doing, Instant::now()));
        }
        let text = match table.as_str() {
            "" => (*doing).to_owned(),
            table => format!("{doing}: table {begun} of {all}: {table}"),
        };
        let figures = match (*bytes, *total) {
            // The table that was begun last is not done.
            (0, _) => {
                Figures { shape: Shape::Share, done: begun.saturating_sub(1) as u64, total: *all as u64 }
            }
            (done, 0) => Figures { shape: Shape::OpenBytes, done, total: 0 },
            (done, total) => Figures { shape: Shape::Bytes, done, total },
        };
        let is_first = self.bar.is_none();
        self.news(false, Some(figures).filter(|figures| figures.done > 0), &text);
        if let (ProgressMode::Terminal { .. }, Some((bar, _)), true) = (self.mode, &self.bar, is_first) {
            // A program may be silent for long.
            bar.enable_steady_tick(TICK);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}

/// The columns of the terminal that standard error is.
fn width() -> u16 {
    ::console::Term::stderr().size().1
}

/// The figures where there is no bar: `1200 of 5000 rows (24%), 340 rows/s, 11 s left`.
fn in_words(bar: &ProgressBar, Figures { shape, done, total }: Figures) -> String {
    let mut fraction = 0.0;
    bar.update(|state| fraction = state.fraction() * 100.0);
    let (rate, left) = (bar.per_sec(), duration(bar.eta()));
    match shape {
        Shape::Spinner => String::new(),
        Shape::Share => format!("{fraction:.0}%, {left} left"),
        Shape::Rows => format!("{done} of {total} rows ({fraction:.0}%), {rate:.0} rows/s, {left} left"),
        Shape::Bytes => {
            format!(
                "{} of {} ({fraction:.0}%), {}/s, {left} left",
                size(done),
                size(total),
                size(rate as u64)
            )
        }
        Shape::OpenBytes => format!("{}, {}/s", size(done), size(rate as u64)),
    }
}
