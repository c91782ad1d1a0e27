//! Parse, run, exit code: nothing else.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::unistd::close;
use trueup::commands;
use trueup::error::Exit;
use trueup::project::ProcessEnv;

/// What the panic hook has to say; `main` says it.
static PANIC: Mutex<Option<String>> = Mutex::new(None);

fn main() -> ExitCode {
    let process_env = ProcessEnv::capture();
    forget_libpq_variables(&process_env);
    panic::set_hook(Box::new(|info| {
        if let Ok(mut said) = PANIC.lock() {
            said.get_or_insert_with(|| describe_panic(info));
        }
    }));
    let args: Vec<OsString> = std::env::args_os().collect();
    let exit = panic::catch_unwind(AssertUnwindSafe(|| run(args.clone(), &process_env)));
    let exit = exit.unwrap_or_else(|_| {
        let said = PANIC.lock().ok().and_then(|mut said| said.take());
        commands::broke(&args, &said.unwrap_or_else(|| "trueup broke".to_owned()))
    });
    // What was found was said to nobody: that must not look as if there had been nothing to say.
    let unheard = exit == Exit::Clean && STDOUT_WAS_CLOSED.load(Ordering::Relaxed);
    ExitCode::from(if unheard { Exit::CannotTell } else { exit }.code())
}

/// How many files, connections and pipes a command may have open at the same time.
const DESCRIPTORS: i32 = 64;

fn run(args: Vec<OsString>, process_env: &ProcessEnv) -> Exit {
    // Where it gets none, the runtime panics in the middle of the work.
    if let Err(error) = enough_descriptors().and_then(|()| one_more_thread()) {
        return commands::cannot_start(&args, error);
    }
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return commands::cannot_start(&args, error),
    };
    let exit = runtime.block_on(commands::run(args, process_env));
    // A name that is still being resolved must not hold the process up.
    runtime.shutdown_background();
    exit
}

/// Whether this process may open as many files as a command needs: one with the highest number that this takes.
fn enough_descriptors() -> io::Result<()> {
    let one = File::open("/dev/null")?;
    let highest = FcntlArg::F_DUPFD_CLOEXEC(DESCRIPTORS - 1);
    match fcntl(&one, highest) {
        // The number is above the limit.
        Err(Errno::EINVAL) => Err(Errno::EMFILE.into()),
        Err(error) => Err(error.into()),
        Ok(number) => Ok(close(number)?),
    }
}

/// Whether this user may start another thread: names of hosts are resolved on one.
fn one_more_thread() -> io::Result<()> {
    let thread = std::thread::Builder::new().spawn(|| ())?;
    // It does nothing that could panic.
    let _ = thread.join();
    Ok(())
}

/// Where it broke. A message that was put together at run time may hold data of a database, or a password: it is
/// withheld.
fn describe_panic(info: &PanicHookInfo<'_>) -> String {
    let place =
        info.location().map_or_else(String::new, |place| format!(" at {}:{}", place.file(), place.line()));
    let message = info.payload().downcast_ref::<&'static str>().copied();
    format!("trueup {} broke{place}: {}", env!("CARGO_PKG_VERSION"), message.unwrap_or("(message withheld)"))
}

/// Takes every `PG*` variable out of the environment: sqlx would let some of them (`PGOPTIONS`, `PGSSLROOTCERT`, ...)
/// change a connection and has no other way to be told not to, and children have no use for `PGPASSWORD`. What may
/// supply a password is in `process_env` already.
#[allow(unsafe_code)]
fn forget_libpq_variables(process_env: &ProcessEnv) {
    for name in process_env.libpq_variables() {
        // SAFETY: no other thread exists yet: this runs first thing in `main`, before the runtime is built.
        unsafe { std::env::remove_var(name) };
    }
}

/// Whether standard output was closed (`>&-`) when the process started.
static STDOUT_WAS_CLOSED: AtomicBool = AtomicBool::new(false);

/// Rust's runtime opens `/dev/null` in place of a closed standard output before `main`, and every write then succeeds.
/// The dynamic loader runs this one before the runtime (System V ABI, "Initialization and Termination Functions").
#[cfg(target_os = "linux")]
#[allow(unsafe_code)]
// SAFETY: an entry of this section is a function without arguments that is called once, on the only thread; this one
// only makes system calls that need nothing of Rust's runtime.
#[used]
#[unsafe(link_section = ".init_array")]
static LOOK_AT_STDOUT: extern "C" fn() = look_at_stdout;

#[cfg(target_os = "linux")]
extern "C" fn look_at_stdout() {
    use std::path::Path;

    // Without /proc nothing is known, and nothing is claimed.
    let closed =
        Path::new("/proc/self/fd").is_dir() && Path::new("/proc/self/fd/1").symlink_metadata().is_err();
    STDOUT_WAS_CLOSED.store(closed, Ordering::Relaxed);
}
