//! A program at a pseudo-terminal: what it shows can be waited for, and keys can be pressed.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::pty::{Winsize, openpty};
use nix::sys::signal::Signal;

use super::program::{Program, Ran, Running};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Ctrl-C.
pub(crate) const INTERRUPT: &str = "\x03";
/// Ctrl-D.
pub(crate) const END_OF_INPUT: &str = "\x04";

/// Starts a program at a terminal of so many columns, after these keys were pressed. The terminal is gone when the file,
/// which is its other end, is closed.
pub(crate) fn begin(program: Program, columns: u16, keys: &str) -> (Running, File) {
    let size = Winsize { ws_row: 40, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    let terminal = openpty(&size, None).unwrap();
    fcntl(&terminal.master, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).unwrap();
    let mut screen = File::from(terminal.master);
    screen.write_all(keys.as_bytes()).unwrap();
    let end = || terminal.slave.try_clone().unwrap();
    let session = program.through("setsid", &["--ctty"]);
    (session.stdin(end()).stdout(end()).stderr(end()).start(), screen)
}

/// A program that was started at a terminal of its own.
pub(crate) struct Terminal {
    program: Running,
    keys: File,
    shown: Arc<Mutex<String>>,
    reader: std::thread::JoinHandle<()>,
}

impl Terminal {
    /// Starts it at a terminal of so many columns.
    pub(crate) fn start(program: Program, columns: u16) -> Self {
        Self::start_after(program, columns, "")
    }

    /// The same, after these keys were pressed.
    pub(crate) fn start_after(program: Program, columns: u16, keys: &str) -> Self {
        let (program, mut screen) = begin(program, columns, keys);
        let keys = screen.try_clone().unwrap();
        let shown = Arc::new(Mutex::new(String::new()));
        let written = Arc::clone(&shown);
        let reader = std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            // The terminal's other end is gone with EIO (Linux) or an end of file.
            while let Ok(count @ 1..) = screen.read(&mut bytes) {
                written.lock().unwrap().push_str(&String::from_utf8_lossy(&bytes[..count]));
            }
        });
        Self { program, keys, shown, reader }
    }

    /// What was shown until now.
    pub(crate) fn shown(&self) -> String {
        self.shown.lock().unwrap().clone()
    }

    /// Waits until this is shown.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, text: &str) -> &mut Self {
        let began = Instant::now();
        while !self.shown().contains(text) {
            let ended = self.program.has_ended();
            // What was written last may not have been read yet.
            let is_late = began.elapsed() > PATIENCE || ended && began.elapsed() > PATIENCE / 10;
            assert!(!is_late, "{text:?} is not shown: {}", self.shown());
            std::thread::sleep(Duration::from_millis(5));
        }
        self
    }

    /// Presses keys.
    pub(crate) fn press(&mut self, keys: &str) -> &mut Self {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self
    }

    /// It goes on waiting for so long.
    #[track_caller]
    pub(crate) fn waits(&mut self, time: Duration) -> &mut Self {
        std::thread::sleep(time);
        assert!(!self.program.has_ended(), "it ended: {}", self.shown());
        self
    }

    /// Waits for its end: what was shown is its standard output.
    #[track_caller]
    pub(crate) fn end(mut self) -> Ran {
        let began = Instant::now();
        while !self.program.has_ended() {
            if began.elapsed() > PATIENCE {
                self.program.send(Signal::SIGKILL);
                panic!("it does not end: {}", self.shown());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let ran = self.program.ended();
        drop(self.keys);
        self.reader.join().unwrap();
        let shown = self.shown.lock().unwrap().clone();
        ran.showing(shown)
    }
}
