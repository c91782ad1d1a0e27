//! The arguments of `trueup serve` and its help.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use clap::Args;

use crate::cli::{CommandHelp, Documented, waiting_time};
use crate::error::{ErrorCode, Failure};
use crate::project::CommandArgs;
use crate::workflow::monitoring::Pace;

/// `trueup serve`
#[derive(Debug, Clone, Args)]
pub(crate) struct ServeArgs {
    /// The address to listen on. Anything but a loopback address lets other machines ask: 0.0.0.0:8642
    #[arg(long, value_name = "IP:PORT", value_parser = address, default_value = "127.0.0.1:8642")]
    pub(crate) listen: SocketAddr,

    /// How often to look whether the database is ready
    #[arg(long, value_name = "TIME", value_parser = waiting_time, default_value = "5s")]
    interval: Duration,

    /// How often to compare the schema, run the data checks and list the backups; less often where that takes more than a
    /// tenth of the time
    #[arg(long, value_name = "TIME", value_parser = waiting_time, default_value = "5m")]
    check_interval: Duration,

    /// How old the last answer about readiness may be while the database does not answer; /readyz answers 503 after that
    #[arg(long, value_name = "TIME", value_parser = waiting_time, default_value = "1m")]
    max_age: Duration,
}

impl ServeArgs {
    /// Refuses an age that an answer has before the next one can come.
    ///
    /// # Errors
    /// Exit 2.
    pub(super) fn check(&self) -> Result<(), Failure> {
        if self.max_age >= self.interval * 2 {
            return Ok(());
        }
        Err(Failure::usage("--max-age must be at least twice as long as --interval")
            .code(ErrorCode::USAGE_ARGUMENTS)
            .next("give a longer --max-age, or a shorter --interval"))
    }

    /// How often the database is read.
    pub(super) fn pace(&self) -> Pace {
        Pace { readiness: self.interval, everything: self.check_interval, max_age: self.max_age }
    }
}

/// Reads an address and a port.
fn address(text: &str) -> Result<SocketAddr, String> {
    let local = text.strip_prefix("localhost:").and_then(|port| port.parse().ok());
    let local = local.map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    local.or_else(|| text.parse().ok()).ok_or_else(|| {
        "expected an IP address and a port, such as 127.0.0.1:8642, [::1]:8642 or 0.0.0.0:8642".to_owned()
    })
}

impl Documented for ServeArgs {
    const HELP: CommandHelp = CommandHelp {
        summary: "Answer readiness probes and Prometheus over HTTP",
        description: "\
            Reads the database at its own pace, over one connection, and answers from what it read last, however many ask: \
            /livez (this process is alive), /readyz (what `trueup ready` says: 200 or 503), /metrics (Prometheus) and / (a page \
            for people). It starts without a database, too. While the database does not answer, the last answer is given with its \
            age; no second connection is made. It shows names and numbers, never rows, and writes nothing. It ends with 0 when it \
            gets SIGTERM or SIGINT. The project's files are read when it starts. There is no TLS and no password: where \
            others can reach the address, put a proxy before it.",
        after: AFTER_HELP,
        aliases: &[],
    };
}

impl CommandArgs for ServeArgs {}

const AFTER_HELP: &str = "\
Exit codes:
  0  ended by a signal
  2  usage or project files wrong, or an address that cannot be listened on
  4  refused: not the database of this environment
 75  busy: another process listens on this address

Examples:
  trueup serve
  trueup serve --listen 0.0.0.0:8642 --env production
  curl --fail http://127.0.0.1:8642/readyz";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_an_ip_address_and_a_port() {
        for (text, found) in [
            ("127.0.0.1:8642", Some("127.0.0.1:8642")),
            ("localhost:80", Some("127.0.0.1:80")),
            ("[::1]:8642", Some("[::1]:8642")),
            ("0.0.0.0:0", Some("0.0.0.0:0")),
            (":8642", None),
            ("8642", None),
            ("example.com:8642", None),
            ("127.0.0.1:99999", None),
        ] {
            assert_eq!(address(text).ok().map(|found| found.to_string()).as_deref(), found, "{text}");
        }
    }
}
