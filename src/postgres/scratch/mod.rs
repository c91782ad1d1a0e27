//! Throwaway servers: where a declared model is loaded and migrations are replayed.
//!
//! A server is either a local one, started from a cached data directory on a private socket, or one that somebody
//! gave (`--scratch-url`), on which databases of its own are made. Nothing of either outlives the [`Scratch`]: it is
//! removed by [`Scratch::stop`], by drop, by a watchdog when the process is killed, and by the next start when the
//! watchdog was killed too. This room installs no binaries and knows nothing of what is loaded.

mod account;
mod dump;
mod find;
mod given;
mod log;
mod server;
mod sweep;
mod template;
mod workspace;

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use self::account::Account;
pub use self::given::left_behind;
use self::given::{Given, drop_database};
use self::server::{Local, SUPERUSER};
pub use self::workspace::{in_temporary_place, temporary_places};
use crate::error::{ErrorCode, Failure};
use crate::postgres::connection::{OBSERVED_SESSION, ServerVersion, Session, Target};
use crate::postgres::programs::Places;
use crate::postgres::sql::{identifier, literal};

/// What the server's activity view calls its sessions.
const APPLICATION: &str = concat!("trueup/", env!("CARGO_PKG_VERSION"), " scratch");

/// Which server to use.
#[derive(Clone, Default)]
pub struct ScratchOptions {
    /// A server that somebody gave (`--scratch-url`), instead of a local one.
    pub url: Option<String>,
    /// Where `initdb` and `postgres` are (`--pg-bin`, `TRUEUP_PG_BIN`); else they are looked for.
    pub bin_dir: Option<PathBuf>,
    /// The major that it must be (`[compile] server_version`).
    pub major: Option<u32>,
    /// Whether programs reach a local server over the loopback interface: their driver knows no sockets.
    pub loopback: bool,
    /// How many bytes the rows take that it is given. With them, a local server lies on a disk that has so much free, and not in
    /// memory.
    pub rows: Option<u64>,
}

impl fmt::Debug for ScratchOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The URL may hold a password.
        f.debug_struct("ScratchOptions")
            .field("url", &self.url.as_ref().map(|_| "..."))
            .field("bin_dir", &self.bin_dir)
            .field("major", &self.major)
            .field("loopback", &self.loopback)
            .field("rows", &self.rows)
            .finish()
    }
}

/// A database of a scratch server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScratchDatabase {
    name: String,
}

impl ScratchDatabase {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// A throwaway server. Dropping it removes it, with all databases and roles that were made through it.
#[derive(Debug)]
pub struct Scratch {
    // Dropped before the server.
    admin: Session,
    version: ServerVersion,
    superuser: bool,
    made: u32,
    host: Host,
}

#[derive(Debug)]
enum Host {
    Local(Local),
    Given(Box<Given>),
}

impl Scratch {
    /// Starts a local server, or connects to the given one.
    ///
    /// # Errors
    /// When there are no binaries (where it looked, and the ways out), when the server does not start (the end of
    /// its log), when the given one cannot be reached or is of another major than asked for: exit 3.
    pub async fn start(options: &ScratchOptions) -> Result<Self> {
        let host = match &options.url {
            Some(url) => Host::Given(Box::new(Given::new(url)?)),
            None => {
                let ScratchOptions { bin_dir, major, loopback, rows, .. } = options.clone();
                let start = move || {
                    let account = Account::of_process()?;
                    let places = Places::of_process(account.step_down.is_some());
                    let binaries = find::binaries(account, &places, bin_dir.as_deref(), major)?;
                    Local::start(account, &binaries, loopback, rows)
                };
                // On a thread of its own: an interrupt is heard meanwhile. Should nobody wait any more, the
                // server that it returns is dropped.
                Host::Local(tokio::task::spawn_blocking(start).await.context("starting a scratch server")??)
            }
        };
        let target = outside(&host)?;
        let mut admin = target.connect(APPLICATION).await?.unobserved();
        let (version, superuser) = about(&mut admin).await?;
        if options.major.is_some_and(|major| major != version.major())
            || !ServerVersion::SUPPORTED.contains(&version.major())
        {
            let wanted =
                options.major.map_or_else(|| "one of 14 to 18".to_owned(), |major| major.to_string());
            return Err(Failure::cannot_tell(format!(
                "the scratch server's version is {version}, but the major version must be {wanted}"
            ))
            .code(ErrorCode::SCRATCH_UNAVAILABLE)
            .next("give another server with --scratch-url, or omit it to start a local one")
            .into());
        }
        match &host {
            Host::Given(given) => given.sweep(&mut admin).await?,
            Host::Local(server) => {
                if let Some(password) = server.password() {
                    let role = identifier(SUPERUSER);
                    admin.execute(format!("ALTER ROLE {role} PASSWORD {}", literal(password))).await?;
                }
            }
        }
        Ok(Self { admin, version, superuser, made: 0, host })
    }

    /// The server's version.
    pub fn version(&self) -> ServerVersion {
        self.version
    }

    /// Where a local server's programs are: `pg_dump` of the same version, where it is installed with it.
    pub fn bin_dir(&self) -> Option<&Path> {
        match &self.host {
            Host::Local(server) => Some(server.bin_dir()),
            Host::Given(_) => None,
        }
    }

    /// Makes an empty database: UTF-8, locale C, nothing in it that the server's administrator put into `template1`.
    ///
    /// # Errors
    /// When the given server's role may not (exit 3).
    pub async fn create_database(&mut self) -> Result<ScratchDatabase> {
        self.create(None).await
    }

    /// Makes a database that has all that another one has, in which no session is.
    ///
    /// # Errors
    /// As [`Self::create_database`].
    pub async fn copy_database(&mut self, of: &ScratchDatabase) -> Result<ScratchDatabase> {
        self.create(Some(of)).await
    }

    /// A name for a database that another part of trueup makes on this server. It is removed with the others.
    pub fn new_name(&mut self) -> ScratchDatabase {
        self.made += 1;
        let name = match &mut self.host {
            Host::Local(_) => format!("scratch_{:04}", self.made),
            Host::Given(given) => given.new_name(),
        };
        ScratchDatabase { name }
    }

    /// Notes a name that another part of trueup gives a database on this server for a while. It is removed with the others.
    pub fn note_database(&mut self, name: &str) {
        if let Host::Given(given) = &mut self.host {
            given.note_database(name);
        }
    }

    async fn create(&mut self, template: Option<&ScratchDatabase>) -> Result<ScratchDatabase> {
        let ScratchDatabase { name } = self.new_name();
        let from = template.map_or("template0", ScratchDatabase::name);
        let mut sql = format!("CREATE DATABASE {} TEMPLATE {}", identifier(&name), identifier(from));
        match &self.host {
            Host::Local(_) if self.version.major() >= 15 => sql.push_str(" STRATEGY file_copy"),
            Host::Given(_) if template.is_none() => {
                sql.push_str(" ENCODING 'UTF8' LOCALE 'C'");
                if self.version.major() >= 15 {
                    sql.push_str(" LOCALE_PROVIDER libc");
                }
            }
            Host::Local(_) | Host::Given(_) => {}
        }
        if let Err(why) = self.admin.execute(sql).await {
            if let Host::Given(given) = &mut self.host {
                given.dropped(&name);
            }
            return Err(Failure::cannot_tell(format!(
                "the scratch server cannot create a database: {}",
                words(&why)
            ))
            .code(ErrorCode::SCRATCH_UNAVAILABLE)
            .next("give a --scratch-url whose role has CREATEDB, or omit it to start a local server")
            .into());
        }
        Ok(ScratchDatabase { name })
    }

    /// Connects: as the superuser of a local server, as the role of a given one.
    ///
    /// # Errors
    /// As [`Target::connect`].
    pub async fn connect(&self, database: &ScratchDatabase) -> Result<Session> {
        self.connect_to(match &self.host {
            Host::Local(server) => Target::parse(&local_url(server, &database.name))?,
            Host::Given(given) => given.target().with_database(&database.name),
        })
        .await
    }

    /// Connects to none of the databases that were made: a session keeps its database from being copied.
    ///
    /// # Errors
    /// As [`Target::connect`].
    pub async fn connect_outside(&self) -> Result<Session> {
        self.connect_to(outside(&self.host)?).await
    }

    async fn connect_to(&self, target: Target) -> Result<Session> {
        // The database is dropped, or the server ended, with whoever is connected.
        let mut session = target.connect(APPLICATION).await?.unobserved();
        if let Host::Given(_) = &self.host {
            session.execute(OBSERVED_SESSION).await?;
        }
        Ok(session)
    }

    /// The URL under which the server can be given to whatever else needs one ([`ScratchOptions::url`]). It may hold a password:
    /// never print it.
    pub fn server_url(&self) -> String {
        match &self.host {
            Host::Local(_) => self.url(&ScratchDatabase { name: "postgres".to_owned() }),
            Host::Given(given) => given.url(given.target().database()),
        }
    }

    /// The URL of a database, for programs beside trueup. It may hold a password: never print it.
    pub fn url(&self, database: &ScratchDatabase) -> String {
        match &self.host {
            Host::Local(server) => match server.password() {
                Some(password) => {
                    let port = server.port();
                    format!("postgresql://{SUPERUSER}:{password}@127.0.0.1:{port}/{}", database.name)
                }
                None => local_url(server, &database.name),
            },
            Host::Given(given) => given.url(&database.name),
        }
    }

    /// Makes a role that DDL names, without login, unless it exists. On a given server it is dropped afterwards.
    ///
    /// # Errors
    /// When the given server's role may not (exit 3).
    pub async fn create_role(&mut self, name: &str) -> Result<()> {
        let mut exists = false;
        let question = format!("SELECT 1 FROM pg_catalog.pg_roles WHERE rolname = {}", literal(name));
        self.admin
            .message(question, |_, _| {
                exists = true;
                Ok(())
            })
            .await?;
        if exists {
            return Ok(());
        }
        let role = identifier(name);
        let mut sql = format!("CREATE ROLE {role} NOLOGIN");
        if matches!(self.host, Host::Local(_)) {
            // Nobody else has an event trigger or a foreign-data wrapper, which a dump makes over to its owner.
            sql.push_str(" SUPERUSER");
        }
        if !self.superuser {
            // Only a member may make objects over to a role.
            sql.push_str(&format!("; GRANT {role} TO CURRENT_USER"));
        }
        if let Err(why) = self.admin.execute(sql).await {
            return Err(Failure::cannot_tell(format!(
                "the scratch server cannot create the role {role}: {}",
                words(&why)
            ))
            .code(ErrorCode::SCRATCH_UNAVAILABLE)
            .next("give a --scratch-url whose role has CREATEROLE, or omit it to start a local server")
            .into());
        }
        if let Host::Given(given) = &mut self.host {
            given.role_made(name);
        }
        Ok(())
    }

    /// Drops a database; sessions in it are ended.
    ///
    /// # Errors
    /// The server's.
    pub async fn drop_database(&mut self, database: ScratchDatabase) -> Result<()> {
        self.admin.execute(drop_database(&database.name)).await?;
        if let Host::Given(given) = &mut self.host {
            given.dropped(&database.name);
        }
        Ok(())
    }

    /// Stops the local server; on a given one, drops what was made there.
    ///
    /// # Errors
    /// When something stays on a given server: what, and the statements that remove it (exit 3).
    pub async fn stop(self) -> Result<()> {
        self.admin.close().await;
        match self.host {
            Host::Local(server) => {
                drop(server);
                Ok(())
            }
            Host::Given(given) => given.stop().await,
        }
    }
}

/// A database of the server that was not made here.
fn outside(host: &Host) -> Result<Target> {
    match host {
        Host::Local(server) => Ok(Target::parse(&local_url(server, "postgres"))?),
        Host::Given(given) => Ok(given.target().clone()),
    }
}

fn local_url(server: &Local, database: &str) -> String {
    // Both libpq and sqlx take `host` from the query; the port is named because PGPORT would else be read.
    let (dir, port) = (server.socket_dir().display(), server.port());
    format!("postgresql://{SUPERUSER}@localhost:{port}/{database}?host={dir}")
}

/// The server's own words: the display of [`sqlx::Error`] adds a line number of PostgreSQL's C source.
fn words(error: &anyhow::Error) -> String {
    match error.downcast_ref::<sqlx::Error>() {
        Some(sqlx::Error::Database(told)) => told.message().to_owned(),
        _ => format!("{error:#}"),
    }
}

/// The server's version, and whether the session's role is a superuser.
async fn about(admin: &mut Session) -> Result<(ServerVersion, bool)> {
    let mut answer = None;
    let question =
        "SELECT pg_catalog.current_setting('server_version_num'), pg_catalog.current_setting('is_superuser')";
    admin
        .message(question.to_owned(), |_, row| {
            let version = row.text(0).context("a version")?.parse()?;
            answer = Some((ServerVersion(version), row.text(1) == Some("on")));
            Ok(())
        })
        .await?;
    answer.context("the server did not report its version")
}
