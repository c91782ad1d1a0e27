//! An archive read in full while it passes by: its table of contents and every row, by `pg_restore`, which decompresses
//! and decodes all of it. A table of contents alone proves nothing: `pg_restore --list` accepts half a file.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::process::{ExitStatus, Stdio};

use anyhow::Result;
use bytes::Bytes;
use nix::fcntl::{FcntlArg, fcntl};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStdin, Command};
use tokio::task::JoinHandle;

use super::archive::{Contents, RowCounter};
use super::client::Programs;
use super::manifest::Level;
use crate::error::{Exit, Failure};

/// How much of a program's output is looked at at once.
const CHUNK: usize = 256 << 10;
/// What a pipe to a program may hold: what Linux gives an ordinary user at the most.
const PIPE: i32 = 1 << 20;
/// How much of what a program says about itself is kept.
const WORDS: u64 = 8 << 10;

/// Rows, and as little else as can be.
const DATA: [&str; 6] =
    ["--data-only", "--no-owner", "--no-privileges", "--no-comments", "--no-security-labels", "--file=-"];

/// What was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// The table of contents.
    pub(super) contents: Contents,
    /// Rows by the table's oid; `None` where only the table of contents was read.
    pub(super) rows: Option<BTreeMap<u32, u64>>,
}

/// Two readers of one archive that comes in pieces.
#[derive(Debug)]
pub(super) struct FullRead {
    list: Reader<String>,
    /// `None` when nobody asks for the rows.
    data: Option<Reader<Result<Vec<u64>, usize>>>,
}

/// A program that is fed an archive.
#[derive(Debug)]
pub(super) struct Reader<T> {
    /// `None` when it wants no more.
    pub(super) input: Option<ChildStdin>,
    output: JoinHandle<io::Result<(T, ExitStatus, String)>>,
}

impl FullRead {
    /// Starts the readers: of the table of contents alone, or also of the rows.
    ///
    /// # Errors
    /// When `pg_restore` does not start.
    pub(super) fn start(programs: &Programs, level: Level) -> Result<Self> {
        let mut list = programs.bare("pg_restore");
        list.arg("--list").stdin(Stdio::piped());
        let mut data = programs.bare("pg_restore");
        data.args(DATA).stdin(Stdio::piped());
        Self::spawn(list, data, level)
    }

    fn spawn(list: Command, data: Command, level: Level) -> Result<Self> {
        let list = Reader::spawn(list, text)?;
        let data = (level >= Level::Contents).then(|| Reader::spawn(data, rows)).transpose()?;
        Ok(Self { list, data })
    }

    /// The same of an archive in a directory, which the program reads by itself.
    ///
    /// # Errors
    /// Exit 5 when it cannot be read in full.
    pub(super) async fn directory(programs: &Programs, dir: &Path, level: Level) -> Result<Found> {
        let mut list = programs.bare("pg_restore");
        list.arg("--list").arg(dir).stdin(Stdio::null());
        let mut data = programs.bare("pg_restore");
        data.args(DATA).arg(dir).stdin(Stdio::null());
        Self::spawn(list, data, level)?.finish().await
    }

    /// Where the archive goes.
    pub(super) fn inputs(&mut self) -> Vec<&mut Option<ChildStdin>> {
        let data = self.data.iter_mut().map(|data| &mut data.input);
        [&mut self.list.input].into_iter().chain(data).collect()
    }

    /// Hands on the next piece. A reader that has ended by itself is found out about at the end.
    ///
    /// # Errors
    /// What the system says of the pipe.
    pub(super) async fn feed(&mut self, chunk: &Bytes) -> Result<()> {
        for input in self.inputs() {
            feed(input, chunk).await?;
        }
        Ok(())
    }

    /// Waits for the readers to come to the end.
    ///
    /// # Errors
    /// Exit 5: the archive cannot be read in full, and what `pg_restore` says of it.
    pub(super) async fn finish(self) -> Result<Found> {
        let Self { list, data } = self;
        let (list, status, said) = list.end().await?;
        ended_well(status, &said, "its table of contents")?;
        let contents = Contents::parse(&list);
        let Some(data) = data else { return Ok(Found { contents, rows: None }) };
        let (rows, status, said) = data.end().await?;
        ended_well(status, &said, "its rows")?;
        let rows = rows.map_err(|at| broken(&format!("the rows of table number {} have no end", at + 1)))?;
        let tables = contents.data.len();
        if rows.len() != tables {
            let what = format!("it lists the rows of {tables} tables, and has those of {}", rows.len());
            return Err(broken(&what).into());
        }
        // Both are in the order of the archive.
        let rows = contents.data.iter().copied().zip(rows).collect();
        Ok(Found { contents, rows: Some(rows) })
    }
}

impl Reader<String> {
    /// A program of whose output all is kept.
    ///
    /// # Errors
    /// When it does not start.
    pub(super) fn of_text(command: Command) -> Result<Self> {
        Self::spawn(command, text)
    }

    /// All that it printed.
    ///
    /// # Errors
    /// Exit 5: the archive cannot be read.
    pub(super) async fn finish(self, what: &str) -> Result<String> {
        let (text, status, said) = self.end().await?;
        ended_well(status, &said, what)?;
        Ok(text)
    }
}

impl<T: Send + 'static> Reader<T> {
    fn spawn<F>(mut command: Command, read: impl FnOnce(tokio::process::ChildStdout) -> F) -> Result<Self>
    where
        F: Future<Output = io::Result<T>> + Send + 'static,
    {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let input = child.stdin.take();
        if let Some(input) = &input {
            // It need not be waited for while it works.
            let _ = fcntl(input, FcntlArg::F_SETPIPE_SZ(PIPE));
        }
        let output = child.stdout.take().ok_or_else(|| io::Error::other("no standard output"))?;
        let output = read(output);
        Ok(Self { input, output: tokio::spawn(wait(child, output)) })
    }

    async fn end(mut self) -> Result<(T, ExitStatus, String)> {
        drop(self.input.take());
        Ok(self.output.await??)
    }
}

async fn wait<T>(
    mut child: Child,
    output: impl Future<Output = io::Result<T>>,
) -> io::Result<(T, ExitStatus, String)> {
    let stderr = child.stderr.take();
    let words = async {
        let mut said = Vec::new();
        if let Some(mut stderr) = stderr {
            let _ = (&mut stderr).take(WORDS).read_to_end(&mut said).await;
            // A pipe that nobody empties would stop the program.
            let _ = tokio::io::copy(&mut stderr, &mut tokio::io::sink()).await;
        }
        String::from_utf8_lossy(&said).into_owned()
    };
    let (output, said) = tokio::join!(output, words);
    Ok((output?, child.wait().await?, said))
}

async fn text(mut output: tokio::process::ChildStdout) -> io::Result<String> {
    let mut bytes = Vec::new();
    output.read_to_end(&mut bytes).await?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

async fn rows(mut output: tokio::process::ChildStdout) -> io::Result<Result<Vec<u64>, usize>> {
    let mut counter = RowCounter::default();
    let mut chunk = vec![0; CHUNK];
    loop {
        match output.read(&mut chunk).await? {
            0 => return Ok(counter.finish()),
            read => counter.update(&chunk[..read]),
        }
    }
}

/// Hands a piece to a program, until it wants no more.
pub(super) async fn feed(input: &mut Option<ChildStdin>, chunk: &Bytes) -> io::Result<()> {
    let Some(pipe) = input else { return Ok(()) };
    match pipe.write_all(chunk).await {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
            *input = None;
            Ok(())
        }
        Err(error) => Err(error),
    }
}

fn ended_well(status: ExitStatus, said: &str, what: &str) -> Result<(), Failure> {
    if status.success() {
        return Ok(());
    }
    let said: Vec<&str> = said.lines().take(3).collect();
    let said = if said.is_empty() { status.to_string() } else { said.join("; ") };
    Err(broken(&format!("{what} cannot be read to the end: {said}")))
}

fn broken(what: &str) -> Failure {
    Failure::new(Exit::RolledBack, format!("the archive is damaged: {what}"))
}
