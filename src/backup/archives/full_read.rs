//! Reads an archive in full while it passes by: `pg_restore` decompresses and decodes the table of contents and every
//! row. The table of contents alone proves nothing, because `pg_restore --list` accepts half a file.

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

use super::super::manifest::ProofLevel;
use super::super::programs::Programs;
use super::archive::{RowCounter, TableOfContents};
use crate::error::{ErrorCode, Exit, Failure};

/// The size of one read of a program's output.
const CHUNK: usize = 256 << 10;
/// The size of the pipe to a program: the largest that Linux gives an ordinary user.
const PIPE: i32 = 1 << 20;
/// The number of bytes of a program's error output that are kept.
const WORDS: u64 = 8 << 10;

/// The arguments that print the rows, and as little else as possible.
const DATA: [&str; 6] =
    ["--data-only", "--no-owner", "--no-privileges", "--no-comments", "--no-security-labels", "--file=-"];

/// What reading an archive has found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::backup) struct ArchiveContents {
    /// The table of contents.
    pub(in crate::backup) contents: TableOfContents,
    /// The number of rows by the oid of the table; `None` where only the table of contents was read.
    pub(in crate::backup) rows: Option<BTreeMap<u32, u64>>,
}

/// Two `pg_restore` processes that read the same archive while it arrives.
#[derive(Debug)]
pub(in crate::backup) struct FullRead {
    list: ArchiveReader<String>,
    /// `None` where the rows are not counted.
    data: Option<ArchiveReader<Result<Vec<u64>, usize>>>,
}

/// A program that reads an archive from its standard input.
#[derive(Debug)]
pub(in crate::backup) struct ArchiveReader<T> {
    /// `None` after the program has closed its standard input.
    pub(in crate::backup) input: Option<ChildStdin>,
    output: JoinHandle<io::Result<(T, ExitStatus, String)>>,
}

impl FullRead {
    /// Starts the programs: for the table of contents alone, or for the rows, too.
    ///
    /// # Errors
    /// `pg_restore` does not start.
    pub(in crate::backup) fn start(programs: &Programs, level: ProofLevel) -> Result<Self> {
        let mut list = programs.command("pg_restore");
        list.arg("--list").stdin(Stdio::piped());
        let mut data = programs.command("pg_restore");
        data.args(DATA).stdin(Stdio::piped());
        Self::spawn(list, data, level)
    }

    fn spawn(list: Command, data: Command, level: ProofLevel) -> Result<Self> {
        let list = ArchiveReader::spawn(list, text)?;
        let data = (level >= ProofLevel::Contents).then(|| ArchiveReader::spawn(data, rows)).transpose()?;
        Ok(Self { list, data })
    }

    /// Reads an archive in directory format, which `pg_restore` opens by itself.
    ///
    /// # Errors
    /// Exit 5: the archive cannot be read in full.
    pub(in crate::backup) async fn directory(
        programs: &Programs,
        dir: &Path,
        level: ProofLevel,
    ) -> Result<ArchiveContents> {
        let mut list = programs.command("pg_restore");
        list.arg("--list").arg(dir).stdin(Stdio::null());
        let mut data = programs.command("pg_restore");
        data.args(DATA).arg(dir).stdin(Stdio::null());
        Self::spawn(list, data, level)?.finish().await
    }

    /// The standard inputs of the programs.
    pub(in crate::backup) fn inputs(&mut self) -> Vec<&mut Option<ChildStdin>> {
        let data = self.data.iter_mut().map(|data| &mut data.input);
        [&mut self.list.input].into_iter().chain(data).collect()
    }

    /// Sends the next piece to the programs. [`FullRead::finish`] reports a program that has ended early.
    ///
    /// # Errors
    /// The pipe cannot be written to.
    pub(in crate::backup) async fn feed(&mut self, chunk: &Bytes) -> Result<()> {
        for input in self.inputs() {
            feed(input, chunk).await?;
        }
        Ok(())
    }

    /// Waits for the programs to end, and returns what they have read.
    ///
    /// # Errors
    /// Exit 5: the archive cannot be read in full. The error repeats the message of `pg_restore`.
    pub(in crate::backup) async fn finish(self) -> Result<ArchiveContents> {
        let Self { list, data } = self;
        let (list, status, said) = list.end().await?;
        ended_well(status, &said, "its table of contents")?;
        let contents = TableOfContents::parse(&list);
        let Some(data) = data else { return Ok(ArchiveContents { contents, rows: None }) };
        let (rows, status, said) = data.end().await?;
        ended_well(status, &said, "its rows")?;
        let rows = rows.map_err(|at| broken(&format!("the rows of table number {} have no end", at + 1)))?;
        let tables = contents.data.len();
        if rows.len() != tables {
            let what = format!("it lists the rows of {tables} tables, and has those of {}", rows.len());
            return Err(broken(&what).into());
        }
        // The table of contents and the rows are both in the order of the archive.
        let rows = contents.data.iter().copied().zip(rows).collect();
        Ok(ArchiveContents { contents, rows: Some(rows) })
    }
}

impl ArchiveReader<String> {
    /// Starts a program whose whole output is kept.
    ///
    /// # Errors
    /// The program does not start.
    pub(in crate::backup) fn of_text(command: Command) -> Result<Self> {
        Self::spawn(command, text)
    }

    /// Waits for the program to end, and returns its output.
    ///
    /// # Errors
    /// Exit 5: the archive cannot be read.
    pub(in crate::backup) async fn finish(self, what: &str) -> Result<String> {
        let (text, status, said) = self.end().await?;
        ended_well(status, &said, what)?;
        Ok(text)
    }
}

impl<T: Send + 'static> ArchiveReader<T> {
    fn spawn<F>(mut command: Command, read: impl FnOnce(tokio::process::ChildStdout) -> F) -> Result<Self>
    where
        F: Future<Output = io::Result<T>> + Send + 'static,
    {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let input = child.stdin.take();
        if let Some(input) = &input {
            // With a larger pipe the program is waited for less often.
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
            // A full pipe would block the program: the rest is read and dropped.
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

/// Sends a piece to a program. Does nothing after the program has closed its input.
pub(in crate::backup) async fn feed(input: &mut Option<ChildStdin>, chunk: &Bytes) -> io::Result<()> {
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
    Failure::new(Exit::RolledBack, format!("the archive is damaged: {what}")).code(ErrorCode::BACKUP_DAMAGED)
}
