//! The verdict of a gate over the conclusions of its sections. Pure.

use serde::{Deserialize, Serialize};

use super::section::{Conclusion, Judgement};
use crate::error::Exit;
use crate::project::{GateLevel, SectionName};

/// Whether a deploy may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum GateVerdict {
    /// It may.
    #[serde(rename = "READY")]
    Ready,
    /// It must not.
    #[serde(rename = "DO NOT DEPLOY")]
    DoNotDeploy,
    /// That is not known.
    #[serde(rename = "CANNOT TELL")]
    CannotTell,
}

impl GateVerdict {
    /// What people read.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Ready => "READY",
            Self::DoNotDeploy => "DO NOT DEPLOY",
            Self::CannotTell => "CANNOT TELL",
        }
    }

    /// The exit code. A gate that broke never has the one of a gate that said no.
    pub(super) fn exit(self) -> Exit {
        match self {
            Self::Ready => Exit::Clean,
            Self::DoNotDeploy => Exit::Findings,
            Self::CannotTell => Exit::CannotTell,
        }
    }

    /// One section that blocks is enough; else one that may block and has no answer. What a person has overridden counts as
    /// ready.
    pub(super) fn of(sections: &[JudgedSection]) -> Self {
        let has = |conclusion| sections.iter().any(|section| section.decides(conclusion));
        match (has(Conclusion::Blocks), has(Conclusion::CannotTell)) {
            (true, _) => Self::DoNotDeploy,
            (false, true) => Self::CannotTell,
            (false, false) => Self::Ready,
        }
    }
}

/// A section with its conclusion.
#[derive(Debug, Clone)]
pub(crate) struct JudgedSection {
    pub(crate) name: SectionName,
    pub(crate) level: GateLevel,
    pub(crate) judgement: Judgement,
    /// Who lets the deploy begin all the same, and why.
    pub(crate) overridden: Option<Override>,
}

impl JudgedSection {
    /// Whether it has this conclusion, and the verdict depends on that.
    pub(super) fn decides(&self, conclusion: Conclusion) -> bool {
        self.level == GateLevel::Block && self.overridden.is_none() && self.judgement.conclusion == conclusion
    }
}

/// A person's decision to deploy although a section speaks against it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Override {
    /// The section's word.
    pub(crate) section: String,
    /// Why.
    pub(crate) reason: String,
    /// The account on the machine where it was said. Nobody has proved who that is.
    pub(crate) by: String,
}

impl Override {
    /// `drift, by anna@ci: the column is not used`
    pub(crate) fn in_words(&self) -> String {
        let Self { section, reason, by } = self;
        format!("{section}, by {by}: {reason}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(level: GateLevel, conclusion: Conclusion, overridden: bool) -> JudgedSection {
        let judgement = Judgement { conclusion, ..Judgement::ready("") };
        let overridden = overridden.then(|| Override {
            section: "drift".to_owned(),
            reason: "it is known".to_owned(),
            by: "anna".to_owned(),
        });
        JudgedSection { name: SectionName::Drift, level, judgement: judgement.at(level), overridden }
    }

    #[test]
    fn every_pair_of_level_and_conclusion_has_one_verdict() {
        use Conclusion::{Blocks, CannotTell, Off, Ready, Warns};
        use GateLevel::{Block, Warn};
        for (level, conclusion, verdict, exit) in [
            (Block, Ready, GateVerdict::Ready, 0),
            (Block, Warns, GateVerdict::Ready, 0),
            (Block, Blocks, GateVerdict::DoNotDeploy, 1),
            (Block, CannotTell, GateVerdict::CannotTell, 3),
            (Block, Off, GateVerdict::Ready, 0),
            (Warn, Ready, GateVerdict::Ready, 0),
            (Warn, Warns, GateVerdict::Ready, 0),
            (Warn, Blocks, GateVerdict::Ready, 0),
            (Warn, CannotTell, GateVerdict::Ready, 0),
            (Warn, Off, GateVerdict::Ready, 0),
            (GateLevel::Off, Off, GateVerdict::Ready, 0),
        ] {
            let found = GateVerdict::of(&[section(level, conclusion, false)]);
            assert_eq!((found, found.exit().code()), (verdict, exit), "{level:?} {conclusion:?}");
            assert_eq!(GateVerdict::of(&[section(level, conclusion, true)]), GateVerdict::Ready);
        }
    }

    #[test]
    fn what_blocks_wins_over_what_is_not_known() {
        let unknown = || section(GateLevel::Block, Conclusion::CannotTell, false);
        let blocks = |overridden| section(GateLevel::Block, Conclusion::Blocks, overridden);
        assert_eq!(GateVerdict::of(&[unknown(), blocks(false)]), GateVerdict::DoNotDeploy);
        assert_eq!(GateVerdict::of(&[unknown(), blocks(true)]), GateVerdict::CannotTell);
        assert_eq!(GateVerdict::of(&[blocks(true), blocks(false)]), GateVerdict::DoNotDeploy);
        assert_eq!(GateVerdict::of(&[]), GateVerdict::Ready);
    }
}
