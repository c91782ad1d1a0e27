//! Leftovers: directories whose trueup is gone and whose watchdog did not get to its work, and templates whose
//! binaries have been removed.

use std::path::Path;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::server::pause;
use super::workspace::{Home, open_dir};
use super::{template, workspace};

/// Ends the servers in directories that nobody has locked, and removes those directories. What cannot be removed
/// stays for the next time: a leftover must not keep anybody from working.
pub(super) fn leftovers(home: &Home) {
    let Ok(_sweeping) = home.lock() else { return };
    let Ok(entries) = std::fs::read_dir(&home.path) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        let name = entry.file_name();
        if name.as_encoded_bytes().starts_with(template::PREFIX.as_bytes()) {
            if template::is_orphan(&path) {
                let _ = std::fs::remove_dir_all(&path);
            }
            continue;
        }
        if !name.as_encoded_bytes().starts_with(workspace::PREFIX.as_bytes()) {
            continue;
        }
        let Ok(dir) = open_dir(&path) else { continue };
        if dir.try_lock().is_ok() {
            end_server(&path.join("data"));
            let _ = std::fs::remove_dir_all(&path);
        }
    }
}

/// Ends the postmaster of a data directory. Its pid file outlives it and the number may be another process's by
/// now: only a process that works in this very directory is ended.
fn end_server(data: &Path) {
    let Some(pid) = std::fs::read_to_string(data.join("postmaster.pid"))
        .ok()
        .and_then(|text| text.lines().next()?.trim().parse::<i32>().ok())
        .filter(|pid| *pid > 1)
    else {
        return;
    };
    let working_dir = format!("/proc/{pid}/cwd");
    let runs = || std::fs::read_link(&working_dir).is_ok_and(|dir| dir == data);
    for (signal, patience) in [(Signal::SIGQUIT, 5), (Signal::SIGKILL, 1)] {
        let asked = Instant::now();
        while runs() {
            if asked.elapsed() > Duration::from_secs(patience) {
                break;
            }
            let _ = kill(Pid::from_raw(pid), signal);
            pause(10);
        }
    }
}
