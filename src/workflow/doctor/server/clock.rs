//! `clock`: this machine's clock beside the server's.

use std::time::{Duration, SystemTime};

use super::super::examination::{DoctorExamination, Examined, Examining, TimeLimit};
use super::super::surroundings::{Surroundings, failure_of};
use crate::text::duration;

pub(in super::super) const EXAMINATION: DoctorExamination = DoctorExamination {
    name: "clock",
    help: "How far this machine's clock is from the server's. Backups are sorted and pruned by it, certificates judged, and an \
           object store refuses requests of a clock that is 15 minutes wrong.",
    needs: &["authentication"],
    limit: TimeLimit::Connecting,
    is_finished_first: false,
    examine,
};

const SQL: &str = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS ms";

/// A difference that is worth a warning.
const NOTICED: Duration = Duration::from_secs(5);
/// A difference that object stores refuse.
const REFUSED: Duration = Duration::from_secs(15 * 60);

fn examine<'a>(around: &'a mut Surroundings<'_>) -> Examining<'a> {
    Box::pin(async move {
        let before = SystemTime::now();
        let row = around.ask_one("asking for the time", SQL).await?;
        let after = SystemTime::now();
        let ms: u64 = row.get("ms").map_err(|error| failure_of(error.into()))?;
        Ok(judge(SystemTime::UNIX_EPOCH + Duration::from_millis(ms), before, after))
    })
}

/// The server answered between the two moments.
fn judge(server: SystemTime, before: SystemTime, after: SystemTime) -> Examined {
    let ahead = server.duration_since(after).unwrap_or_default();
    let behind = before.duration_since(server).unwrap_or_default();
    let (off, how) = if ahead > behind { (ahead, "behind") } else { (behind, "ahead of") };
    let what = format!("this machine's clock is {} {how} the server's", duration(off));
    let next = "set the clock, or find out whose is wrong: timedatectl, chronyc tracking";
    match off {
        off if off >= REFUSED => Examined::fail("off", what, next),
        off if off >= NOTICED => Examined::warn("off", what, next),
        _ => Examined::ok("as the server's"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::examination::Grade;
    use super::*;

    #[test]
    fn the_way_there_and_back_is_no_difference() {
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let judged = |server| judge(at(server), at(10_000), at(10_008));
        assert_eq!(judged(9_996).grade(), Grade::Ok);
        assert_eq!(judged(10_012).grade(), Grade::Ok);
        assert!(judged(9_990).problems[0].what.contains("10 s ahead of the server's"));
        assert!(judged(10_020).problems[0].what.contains("12 s behind the server's"));
        assert_eq!(judged(10_020).grade(), Grade::Warn);
        assert_eq!(judged(8_000).grade(), Grade::Fail);
    }
}
