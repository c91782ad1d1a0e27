//! Whether a password can be seen by others on the machine: in the arguments or the environment of a process.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// A password that no other process of this machine has, nor any other place in these tests.
pub(crate) fn canary(place: &str) -> String {
    format!("canary{}{place}", std::process::id())
}

/// Looks at the arguments and the environment of every process but two, over and over.
pub(crate) struct Watch {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Seen>,
}

/// What was looked at, and what was found.
#[derive(Default)]
pub(crate) struct Seen {
    /// Where the word was found.
    pub(crate) found: BTreeSet<String>,
    /// The programs of the processes that were looked at.
    pub(crate) programs: BTreeSet<String>,
    /// How often a child of the process that knows the word was looked at.
    pub(crate) children: usize,
}

impl Watch {
    /// Looks for a word. `except` is the process whose caller gave it the word.
    pub(crate) fn start(word: String, except: u32) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut seen = Seen::default();
            while !stopped.load(Ordering::Relaxed) {
                for entry in fs::read_dir("/proc").unwrap().flatten() {
                    let pid = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok());
                    if let Some(pid) = pid.filter(|pid| *pid != except && *pid != std::process::id()) {
                        seen.look(&entry.path(), pid, &word, except);
                    }
                }
            }
            seen
        });
        Self { stop, thread }
    }

    /// Ends the watch.
    pub(crate) fn end(self) -> Seen {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

impl Seen {
    fn look(&mut self, process: &Path, pid: u32, word: &str, parent: u32) {
        let program = fs::read_link(process.join("exe")).unwrap_or_default();
        // What was forked and has not become another program yet is still trueup.
        if program == Path::new(env!("CARGO_BIN_EXE_trueup")) {
            return;
        }
        self.programs.extend(program.file_name().map(|name| name.to_string_lossy().into_owned()));
        self.children += usize::from(is_child(parent, process));
        for file in ["cmdline", "environ"] {
            let bytes = fs::read(process.join(file)).unwrap_or_default();
            let text = String::from_utf8_lossy(&bytes);
            if text.contains(word) {
                self.found.insert(format!("{pid} {file}: {}", text.replace('\0', " ")));
            }
        }
    }
}

fn is_child(parent: u32, process: &Path) -> bool {
    let stat = fs::read_to_string(process.join("stat")).unwrap_or_default();
    let fields = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
    fields.split(' ').nth(1).and_then(|ppid| ppid.parse().ok()) == Some(parent)
}
