//! `server`: its version, and until when that is supported.

use std::time::{Duration, SystemTime};

use super::super::examination::{DoctorExamination, Examined, Examining, Grade, TimeLimit};
use super::super::surroundings::Surroundings;
use crate::error::Failure;
use crate::postgres::connection::ServerVersion;

pub(in super::super) const EXAMINATION: DoctorExamination = DoctorExamination {
    name: "server",
    help: "The version of the server: whether trueup knows its major, and until when PostgreSQL gives fixes for it. \
           Whether there is a newer minor release is not looked up.",
    needs: &["authentication"],
    limit: TimeLimit::Connecting,
    is_finished_first: false,
    examine,
};

/// The day of the final release of each major (https://www.postgresql.org/support/versioning/).
const FINAL_RELEASES: [(u32, &str); 6] = [
    (13, "2025-11-13"),
    (14, "2026-11-12"),
    (15, "2027-11-11"),
    (16, "2028-11-09"),
    (17, "2029-11-08"),
    (18, "2030-11-14"),
];

/// A major that gets no fixes any more so soon is worth a warning.
const SOON: Duration = Duration::from_secs(90 * 24 * 3600);

fn examine<'a>(around: &'a mut Surroundings<'_>) -> Examining<'a> {
    Box::pin(async move {
        let unknown = || Failure::cannot_tell("the server did not report its version");
        Ok(judge(around.version.ok_or_else(unknown)?, around.now))
    })
}

fn judge(version: ServerVersion, now: SystemTime) -> Examined {
    let major = version.major();
    let known = FINAL_RELEASES.into_iter().find(|(known, _)| *known == major);
    let last =
        known.and_then(|(_, day)| Some((day, humantime::parse_rfc3339(&format!("{day}T00:00:00Z")).ok()?)));
    let mut examined = match last {
        Some((day, last)) if last + Duration::from_secs(24 * 3600) > now => {
            let examined = Examined::ok(format!("PostgreSQL {version}, supported until {day}"));
            match last < now + SOON {
                true => {
                    let what = format!("PostgreSQL {major} gets no fixes any more after {day}");
                    examined.and(Grade::Warn, "ends", what, "plan the upgrade to a newer major")
                }
                false => examined,
            }
        }
        Some((day, _)) => {
            let what =
                format!("PostgreSQL {version}: {major} has got no fixes since {day}, not even for security");
            Examined::warn("ended", what, "upgrade the server to a newer major")
        }
        None => Examined::ok(format!("PostgreSQL {version}")),
    };
    if !ServerVersion::SUPPORTED.contains(&major) {
        let (oldest, newest) = (ServerVersion::SUPPORTED.start(), ServerVersion::SUPPORTED.end());
        let what = format!("PostgreSQL {version}: trueup knows the majors {oldest} to {newest}");
        let next = match major < *oldest {
            true => "upgrade the server to a newer major",
            false => {
                "use a newer version of trueup; until then its answers about this server cannot be relied on"
            }
        };
        examined = examined.and(Grade::Fail, "unsupported", what, next);
    }
    examined
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on(day: &str, version: u32) -> (Grade, Vec<String>) {
        let now = humantime::parse_rfc3339(&format!("{day}T12:00:00Z")).unwrap();
        let examined = judge(ServerVersion(version), now);
        (examined.grade(), examined.problems.into_iter().map(|problem| problem.code).collect())
    }

    #[test]
    fn a_major_is_judged_by_the_day() {
        assert_eq!(on("2026-08-01", 140_020), (Grade::Ok, vec![]));
        assert_eq!(on("2026-09-01", 140_020), (Grade::Warn, vec!["ends".into()]));
        assert_eq!(on("2026-11-12", 140_020), (Grade::Warn, vec!["ends".into()]));
        assert_eq!(on("2026-11-13", 140_020), (Grade::Warn, vec!["ended".into()]));
        assert_eq!(on("2026-11-30", 150_018), (Grade::Ok, vec![]));
        assert_eq!(on("2026-11-30", 130_022), (Grade::Fail, vec!["ended".into(), "unsupported".into()]));
        assert_eq!(on("2026-11-30", 190_000), (Grade::Fail, vec!["unsupported".into()]));
    }

    #[test]
    fn every_supported_major_has_its_last_day() {
        for major in ServerVersion::SUPPORTED {
            assert!(FINAL_RELEASES.iter().any(|(known, _)| *known == major), "{major}");
        }
    }
}
