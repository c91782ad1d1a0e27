//! The sections of a gate by name, and what a section may do to the verdict.

use clap::ValueEnum;
use serde::Serialize;

/// What the conclusion of a section does to the verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum GateLevel {
    /// It can stop the deploy.
    Block,
    /// It is told, and stops nothing.
    Warn,
    /// It is not asked.
    Off,
}

impl GateLevel {
    /// The words for the levels.
    pub const WORDS: [(&'static str, Self); 3] =
        [("block", Self::Block), ("warn", Self::Warn), ("off", Self::Off)];
}

/// A section of a gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum SectionName {
    /// Whether it is the database that is meant, and can be written to
    Identity,
    /// Whether the role may do what is pending
    Rights,
    /// Whether the history of migrations can be continued
    History,
    /// Whether the schema is as the applied migrations left it
    Drift,
    /// Which migrations are pending
    Pending,
    /// How long pending migrations keep others waiting
    Hazards,
    /// Whether rows meet the rules in checks/
    Data,
    /// Whether the reference rows of schema/seeds/ exist
    Seeds,
    /// Whether the change can be taken back
    Backup,
    /// Who holds locks that pending migrations would wait for
    Blockers,
    /// Whether standbys keep up
    Replicas,
    /// Whether just these migrations were rehearsed
    Rehearsal,
    /// Whether the application's variables are set
    Environment,
    /// Whether the project's own commands succeed
    Commands,
    /// Whether the project's own tests passed
    Evidence,
    /// Whether people have said what must be said
    People,
}

impl SectionName {
    /// Every section, in the order of reports.
    pub const ALL: [Self; 16] = [
        Self::Identity,
        Self::Rights,
        Self::History,
        Self::Drift,
        Self::Pending,
        Self::Hazards,
        Self::Data,
        Self::Seeds,
        Self::Backup,
        Self::Blockers,
        Self::Replicas,
        Self::Rehearsal,
        Self::Environment,
        Self::Commands,
        Self::Evidence,
        Self::People,
    ];

    /// The word for it, in `trueup.toml`, on the command line and in documents.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Rights => "rights",
            Self::History => "history",
            Self::Drift => "drift",
            Self::Pending => "pending",
            Self::Hazards => "hazards",
            Self::Data => "data",
            Self::Seeds => "seeds",
            Self::Backup => "backup",
            Self::Blockers => "blockers",
            Self::Replicas => "replicas",
            Self::Rehearsal => "rehearsal",
            Self::Environment => "environment",
            Self::Commands => "commands",
            Self::Evidence => "evidence",
            Self::People => "people",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_documents_and_of_the_command_line() {
        assert_eq!(SectionName::ALL.len(), SectionName::value_variants().len());
        for name in SectionName::ALL {
            let word = name.word();
            assert_eq!(serde_json::to_value(name).unwrap(), word);
            assert_eq!(name.to_possible_value().unwrap().get_name(), word);
        }
        for (word, level) in GateLevel::WORDS {
            assert_eq!(serde_json::to_value(level).unwrap(), word);
        }
    }
}
