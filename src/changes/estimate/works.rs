//! What a statement does to all rows of relations: what its footprint says, and for statements that change rows its words.

use std::collections::BTreeSet;

use smol_str::SmolStr;

use super::SizesInPlan;
use crate::migrations::script::{Tokens, WrittenName};
use crate::model::Footprint;
use crate::postgres::sql::Statement;
use crate::text::size as bytes_in_words;

/// How many tokens of a statement are read.
pub(super) const HEAD: usize = 20_000;

/// What is done to the rows of a relation, the least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum WorkKind {
    /// All of them are read.
    Read,
    /// A B-tree, hash or BRIN index on them is built.
    Index,
    /// An index of another kind is built: GIN, GiST and those of extensions.
    SlowIndex,
    /// They are updated or deleted.
    Update,
    /// All of them are copied, and all indexes are built again.
    Rewrite,
}

/// Work on the rows of a relation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkOnRows {
    /// What is done.
    pub kind: WorkKind,
    /// The relation, qualified and quoted.
    pub on: SmolStr,
    /// Whether it is certain that it is done to all of them. A WHERE, a function or the planner may spare most of it.
    pub whole: bool,
    /// How large the relation is; `None` where that is not known.
    pub bytes: Option<u64>,
}

impl WorkOnRows {
    fn new(kind: WorkKind, on: SmolStr, whole: bool) -> Self {
        Self { kind, on, whole, bytes: None }
    }

    /// The work as a clause, with the size of its relation: `9.3 GB of public.users are rewritten`. `known` is a relation that
    /// the sentence has named before.
    pub fn in_words(&self, known: Option<&str>) -> String {
        let on = if known == Some(self.on.as_str()) { "it" } else { self.on.as_str() };
        let Some(bytes) = self.bytes.map(bytes_in_words) else {
            return match self.kind {
                WorkKind::Read => format!("all rows of {on} are read"),
                WorkKind::Index | WorkKind::SlowIndex => format!("an index on {on} is built"),
                WorkKind::Update => format!("rows of {on} are changed"),
                WorkKind::Rewrite => format!("{on} is rewritten"),
            };
        };
        match self.kind {
            WorkKind::Read => format!("all rows of {on} ({bytes}) are read"),
            WorkKind::Index | WorkKind::SlowIndex => format!("an index on {on} ({bytes}) is built"),
            WorkKind::Update if self.whole => format!("all rows of {on} ({bytes}) are changed"),
            WorkKind::Update => format!("rows of {on} ({bytes}) are changed"),
            WorkKind::Rewrite => format!("{bytes} of {on} are rewritten"),
        }
    }
}

/// A statement with what was measured of it.
pub(super) struct Measured<'s> {
    pub(super) statement: Statement<'s>,
    /// Its footprint; `None` where it did nothing.
    pub(super) footprint: Option<&'s Footprint>,
}

impl Measured<'_> {
    /// What it does to all rows of relations. `find` is the relation that a written name means.
    pub(super) fn works(
        &self,
        find: &dyn Fn(&WrittenName) -> Option<SmolStr>,
        sizes: &SizesInPlan<'_>,
    ) -> Vec<WorkOnRows> {
        let words: Vec<String> = self.statement.words().take(HEAD).collect();
        let verb = words.first().map(String::as_str).unwrap_or_default();
        if verb == "truncate" {
            return Vec::new();
        }
        let has = |word: &str| words.iter().any(|other| other == word);
        let target = target(&self.statement).and_then(|name| find(&name));
        if matches!(verb, "update" | "delete" | "merge") {
            let whole = verb == "update" && !["where", "from"].into_iter().any(has);
            return target.into_iter().map(|on| WorkOnRows::new(WorkKind::Update, on, whole)).collect();
        }
        let union = |of: fn(&Footprint) -> &BTreeSet<SmolStr>| -> BTreeSet<SmolStr> {
            self.footprint.into_iter().flat_map(of).cloned().collect()
        };
        let rewrites = union(|footprint| &footprint.rewrites);
        let mut builds = union(|footprint| &footprint.builds);
        let scans = union(|footprint| &footprint.scans);
        // An index of a partitioned table has one on each partition, which are as large as the table together.
        if let Some(target) = target.as_ref().filter(|target| builds.contains(*target)) {
            builds = BTreeSet::from([target.clone()]);
        }
        let index = if is_slow(&words) { WorkKind::SlowIndex } else { WorkKind::Index };
        // IF NOT EXISTS does nothing where somebody has made it by hand.
        let by_itself = matches!(verb, "alter" | "create" | "cluster" | "vacuum" | "reindex")
            && !(has("if") && has("not") && has("exists"));
        let mut works: Vec<WorkOnRows> = Vec::new();
        for (kind, relations) in [(WorkKind::Rewrite, rewrites), (index, builds), (WorkKind::Read, scans)] {
            for on in relations {
                // What copies or indexes all rows reads them as well.
                if works.iter().any(|work| work.on == on) {
                    continue;
                }
                let whole = by_itself
                    && match kind {
                        WorkKind::Rewrite => true,
                        WorkKind::Read => verb == "alter" && target.as_ref() == Some(&on),
                        _ => !has("where"),
                    };
                works.push(WorkOnRows::new(kind, on, whole));
            }
        }
        // The live table may have more partitions than the one that was measured.
        let partitioned = |target: &SmolStr| sizes.get(target).is_some_and(|(size, _)| size.partitioned);
        if let (Some(target), Some(most)) =
            (target.filter(partitioned), works.iter().max_by_key(|work| work.kind).cloned())
        {
            works =
                vec![WorkOnRows { on: target, whole: by_itself && !has("attach") && !has("detach"), ..most }];
        }
        works
    }

    /// Notes which relations may have fewer rows after it, or are gone.
    pub(super) fn follow(&self, find: &dyn Fn(&WrittenName) -> Option<SmolStr>, sizes: &mut SizesInPlan<'_>) {
        let words: Vec<String> = self.statement.words().take(HEAD).collect();
        let has = |word: &str| words.iter().any(|other| other == word);
        match words.first().map(String::as_str).unwrap_or_default() {
            "truncate" | "delete" | "merge" => {
                named(&self.statement).iter().filter_map(find).for_each(|relation| sizes.shrink(relation));
                let emptied = self.footprint.into_iter().flat_map(|footprint| &footprint.rewrites);
                emptied.for_each(|relation| sizes.shrink(relation.clone()));
            }
            "drop" => sizes.lose_partitions(),
            "alter" if has("detach") => sizes.lose_partitions(),
            // What code did to rows is not known.
            "do" | "select" | "call" | "with" => {
                let touched = self.footprint.into_iter().flat_map(|footprint| footprint.locks.keys());
                let emptied = self.footprint.into_iter().flat_map(|footprint| &footprint.rewrites);
                touched.chain(emptied).for_each(|relation| sizes.shrink(relation.clone()));
                sizes.lose_partitions();
            }
            _ => {}
        }
        let gone = self.footprint.into_iter().flat_map(|footprint| &footprint.drops);
        gone.for_each(|relation| sizes.replace(relation.clone()));
    }
}

/// Whether an index is of a kind that takes longer to build.
pub(super) fn is_slow(words: &[String]) -> bool {
    let has = |word: &str| words.iter().any(|other| other == word);
    has("using") && ["gin", "gist", "spgist", "hnsw", "ivfflat", "bloom"].into_iter().any(has)
}

/// The relation that a statement changes, as it is written.
fn target(statement: &Statement<'_>) -> Option<WrittenName> {
    let mut tokens = Tokens::of(statement, HEAD);
    let verb = tokens.take_one(&["alter", "create", "update", "delete", "merge"])?;
    match verb {
        "alter" => {
            tokens.take_one(&["foreign", "materialized"]);
            tokens.take_one(&["table", "view"])?;
            tokens.take(&["if", "exists"]);
        }
        "create" => {
            tokens.take(&["unique"]);
            if !tokens.take(&["index"]) || !tokens.skip_past("on") {
                return None;
            }
        }
        "delete" => {
            tokens.take(&["from"]);
        }
        "merge" => {
            tokens.take(&["into"]);
        }
        _ => {}
    }
    tokens.take(&["only"]);
    tokens.take_name()
}

/// The relations that a statement names that removes rows.
fn named(statement: &Statement<'_>) -> Vec<WrittenName> {
    let mut tokens = Tokens::of(statement, HEAD);
    if tokens.take(&["truncate"]) {
        tokens.take(&["table"]);
        return tokens.take_names().into_iter().map(|(name, _)| name).collect();
    }
    target(statement).into_iter().collect()
}
