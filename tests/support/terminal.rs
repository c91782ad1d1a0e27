//! A command at a pseudo-terminal: what it shows can be waited for, and keys can be pressed.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::pty::{Winsize, openpty};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Ctrl-C.
pub(crate) const INTERRUPT: &str = "\x03";
/// Ctrl-D.
pub(crate) const END_OF_INPUT: &str = "\x04";

/// A command that was started at a terminal of its own.
pub(crate) struct Terminal {
    child: Child,
    keys: File,
    shown: Arc<Mutex<String>>,
    reader: std::thread::JoinHandle<()>,
}

impl Terminal {
    /// Starts it at a terminal of so many columns.
    pub(crate) fn start(command: &Command, columns: u16) -> Self {
        Self::start_after(command, columns, "")
    }

    /// The same, after these keys were pressed.
    pub(crate) fn start_after(command: &Command, columns: u16, keys: &str) -> Self {
        let size = Winsize { ws_row: 40, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        let terminal = openpty(&size, None).unwrap();
        fcntl(&terminal.master, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).unwrap();
        let mut pressed = File::from(terminal.master.try_clone().unwrap());
        pressed.write_all(keys.as_bytes()).unwrap();
        let mut session = Command::new("setsid");
        session.arg("--ctty").arg(command.get_program()).args(command.get_args());
        session.env_clear().envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        session.current_dir(command.get_current_dir().unwrap());
        let end = |fd: &OwnedFd| Stdio::from(fd.try_clone().unwrap());
        session.stdin(end(&terminal.slave)).stdout(end(&terminal.slave)).stderr(end(&terminal.slave));
        let child = session.spawn().unwrap();
        drop((session, terminal.slave));
        let shown = Arc::new(Mutex::new(String::new()));
        let (mut screen, written) = (File::from(terminal.master), Arc::clone(&shown));
        let reader = std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            // The terminal's other end is gone with EIO (Linux) or an end of file.
            while let Ok(count @ 1..) = screen.read(&mut bytes) {
                written.lock().unwrap().push_str(&String::from_utf8_lossy(&bytes[..count]));
            }
        });
        Self { child, keys: pressed, shown, reader }
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
            let ended = self.child.try_wait().unwrap();
            // What was written last may not have been read yet.
            let is_late = began.elapsed() > PATIENCE || ended.is_some() && began.elapsed() > PATIENCE / 10;
            assert!(!is_late, "{text:?} is not shown, {ended:?}: {}", self.shown());
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
        assert!(self.child.try_wait().unwrap().is_none(), "it ended: {}", self.shown());
        self
    }

    /// Waits for its end; returns its exit code and all that was shown.
    #[track_caller]
    pub(crate) fn end(mut self) -> (Option<i32>, String) {
        let began = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            if began.elapsed() > PATIENCE {
                self.child.kill().unwrap();
                panic!("it does not end: {}", self.shown());
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        drop(self.keys);
        self.reader.join().unwrap();
        let shown = self.shown.lock().unwrap().clone();
        (status.code(), shown)
    }
}
