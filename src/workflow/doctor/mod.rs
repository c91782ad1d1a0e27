//! What is around a database and trueup: settings with their origins, the way to the server, the server, the role and its
//! rights, and what this machine has. It works with everything broken: what depends on something that failed is not asked, with
//! the reason, and all else goes on.
//!
//! An examination is one file with an [`DoctorExamination`] and one line in [`EXAMINATIONS`]. It has a time limit of its own. The
//! database is read in READ ONLY transactions. What is written is a probe in the store of backups, which is removed, and the
//! throwaway server.

mod bundle;
mod examination;
mod here;
mod network;
mod report;
mod server;
mod surroundings;

use std::time::{Duration, SystemTime};

use crate::project::Settings;
use crate::text::duration;
use crate::writer::{StopSignal, interrupted};

use bundle::BundleDetails;
pub(crate) use bundle::BundleFile;
pub(crate) use examination::DoctorExamination;
use examination::{Examined, TimeLimit};
pub(crate) use report::DoctorReport;
use surroundings::Surroundings;

/// Every examination, in the order in which they are made and reported.
pub(crate) const EXAMINATIONS: &[DoctorExamination] = &[
    here::settings::EXAMINATION,
    here::project::EXAMINATION,
    network::address::EXAMINATION,
    network::dns::EXAMINATION,
    network::tcp::EXAMINATION,
    network::tls::EXAMINATION,
    network::authentication::EXAMINATION,
    network::pooler::EXAMINATION,
    server::version::EXAMINATION,
    server::standby::EXAMINATION,
    server::history::EXAMINATION,
    server::identity::EXAMINATION,
    server::rights::EXAMINATION,
    server::row_security::EXAMINATION,
    server::timeouts::EXAMINATION,
    server::clock::EXAMINATION,
    server::extensions::EXAMINATION,
    here::pg_dump::EXAMINATION,
    here::store::EXAMINATION,
    here::scratch::EXAMINATION,
    here::locale::EXAMINATION,
    here::terminal::EXAMINATION,
];

/// Makes all examinations. `is_bundled`: also reads what only a bundle has.
///
/// # Errors
/// Exit 4: a signal came.
pub(crate) async fn examine(
    settings: &Settings,
    is_bundled: bool,
    stop: &StopSignal,
) -> anyhow::Result<DoctorReport> {
    let mut around = Surroundings::new(settings, SystemTime::now());
    let mut examined: Vec<(&'static DoctorExamination, Examined)> = Vec::new();
    for examination in EXAMINATIONS {
        let done = match unmet(examination, &examined, around.is_lost) {
            Some(why) => Examined::not_asked(why),
            None => within(examination, &mut around, stop).await?,
        };
        examined.push((examination, done));
    }
    let details = match is_bundled {
        true => until(stop, bundle::details(&mut around)).await?,
        false => BundleDetails::default(),
    };
    let report = DoctorReport::new(&around, examined, details);
    around.close().await;
    Ok(report)
}

/// Waits for work that a signal breaks off.
///
/// # Errors
/// Exit 4: a signal came.
async fn until<T>(stop: &StopSignal, work: impl Future<Output = T>) -> anyhow::Result<T> {
    let mut signal = stop.clone();
    tokio::select! {
        biased;
        done = work => Ok(done),
        signal = signal.wait() => Err(interrupted(signal).into()),
    }
}

/// Why an examination is not made: one that it needs was not well, or the connection is lost.
fn unmet(
    examination: &DoctorExamination,
    examined: &[(&DoctorExamination, Examined)],
    is_lost: bool,
) -> Option<String> {
    if is_lost && examination.needs.contains(&network::authentication::EXAMINATION.name) {
        return Some("the connection was lost".to_owned());
    }
    let (failed, done) = examined
        .iter()
        .find(|(other, done)| examination.needs.contains(&other.name) && done.grade().is_in_the_way())?;
    Some(match &done.not_asked {
        Some(why) => why.clone(),
        None => format!("{} failed", failed.name),
    })
}

/// Makes an examination within its time.
///
/// # Errors
/// Exit 4: a signal came. What writes is ended first, and has removed what it wrote.
async fn within(
    examination: &DoctorExamination,
    around: &mut Surroundings<'_>,
    stop: &StopSignal,
) -> anyhow::Result<Examined> {
    let limit = match examination.limit {
        TimeLimit::Connecting => around.settings.database.connect_timeout + Duration::from_secs(1),
        TimeLimit::Of(seconds) => Duration::from_secs(seconds),
    };
    around.limit = limit;
    let work = tokio::time::timeout(limit, (examination.examine)(around));
    let done = match examination.is_finished_first {
        true => work.await,
        false => until(stop, work).await?,
    };
    if let Some(signal) = stop.asked() {
        return Err(interrupted(signal).into());
    }
    Ok(match done {
        Ok(Ok(examined)) => examined,
        Ok(Err(failure)) => Examined::failed(&failure),
        Err(_) => Examined::fail(
            "timeout",
            format!("no answer within {}", duration(limit)),
            "run it again; if it happens again, look at the network, and at what the server is busy with",
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_examination_needs_comes_before_it() {
        for (place, examination) in EXAMINATIONS.iter().enumerate() {
            assert!(examination.help.ends_with('.'), "{}", examination.name);
            for needed in examination.needs {
                let before = EXAMINATIONS[..place].iter().any(|other| other.name == *needed);
                assert!(before, "{} needs {needed}", examination.name);
            }
        }
    }

    #[test]
    fn what_needs_something_that_failed_is_not_asked() {
        let of = |name: &str| EXAMINATIONS.iter().find(|one| one.name == name).unwrap();
        let failed = vec![(of("tcp"), Examined::fail("x", "closed", ""))];
        assert_eq!(unmet(of("authentication"), &failed, false).unwrap(), "tcp failed");
        assert_eq!(unmet(of("store"), &failed, false), None);
        let passed_on = vec![(of("authentication"), Examined::not_asked("tcp failed"))];
        assert_eq!(unmet(of("rights"), &passed_on, false).unwrap(), "tcp failed");
        let warned = vec![(of("authentication"), Examined::warn("x", "slow", ""))];
        assert_eq!(unmet(of("rights"), &warned, false), None);
        assert_eq!(unmet(of("rights"), &warned, true).unwrap(), "the connection was lost");
        assert_eq!(unmet(of("store"), &warned, true), None);
    }
}
