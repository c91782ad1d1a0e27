//! How long the statements of one script take, and who waits meanwhile.

use std::collections::BTreeMap;

use smol_str::SmolStr;

use super::works::Measured;
use super::{Estimate, SizesInPlan, WorkOnRows};
use crate::migrations::script::WrittenName;
use crate::model::{Footprint, HeldLock};
use crate::postgres::lock_mode::LockMode;
use crate::postgres::sql::{Position, Statement};

/// A statement that works on all rows of relations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementEstimate {
    /// Where it begins.
    pub at: Position,
    /// What it does; at least one.
    pub works: Vec<WorkOnRows>,
    /// The locks that others wait for while it runs, by relation.
    pub blocked: BTreeMap<SmolStr, HeldLock>,
    /// How long it takes; `None` where a size is not known.
    pub estimate: Option<Estimate>,
}

impl StatementEstimate {
    /// The heaviest of what it does.
    pub fn heaviest(&self) -> &WorkOnRows {
        let first = &self.works[0];
        self.works.iter().max_by_key(|work| (work.kind, work.bytes)).unwrap_or(first)
    }

    /// What others cannot do while it runs.
    pub fn blocks(&self) -> &'static str {
        blocks(self.blocked.values().map(|lock| lock.mode).max())
    }

    /// What others cannot do with this relation while it runs.
    pub fn blocks_at(&self, relation: &str) -> &'static str {
        blocks(self.blocked.get(relation).map(|lock| lock.mode))
    }
}

/// What others cannot do while this lock is held.
fn blocks(mode: Option<LockMode>) -> &'static str {
    match mode {
        Some(mode) if mode.blocks_readers() => "reads and writes",
        Some(mode) if mode.blocks_writers() => "writes",
        _ => "nothing",
    }
}

/// The statements of a script that work on all rows of relations, in order. `footprints` are what was measured of them, `find`
/// is the relation that a written name means, and `sizes` those before the script; after this they are those after it.
pub fn estimates(
    statements: &[Statement<'_>],
    footprints: &[Footprint],
    transactional: bool,
    find: &dyn Fn(&WrittenName) -> Option<SmolStr>,
    sizes: &mut SizesInPlan<'_>,
) -> Vec<StatementEstimate> {
    let locks = Footprint::held(footprints, transactional);
    let mut found = Vec::new();
    for statement in statements {
        let at = statement.position();
        // Both are in the order of the script.
        let from = footprints.partition_point(|footprint| footprint.at < at);
        let to = footprints.partition_point(|footprint| footprint.at <= at);
        let measured = Measured { statement: *statement, footprint: footprints[from..to].first() };
        let mut works = measured.works(find, sizes);
        works.iter_mut().for_each(|work| work.bytes = sizes.get(&work.on).map(|(size, _)| size.bytes));
        if !works.is_empty() {
            let held =
                to.checked_sub(1).filter(|_| transactional || from < to).map(|last| locks[last].clone());
            let blocked = held.unwrap_or_default().into_iter();
            found.push(StatementEstimate {
                at,
                estimate: estimate(&works, sizes),
                blocked: blocked.filter(|(_, lock)| lock.mode.blocks_writers()).collect(),
                works,
            });
        }
        measured.follow(find, sizes);
    }
    found
}

/// How long these take together.
fn estimate(works: &[WorkOnRows], sizes: &SizesInPlan<'_>) -> Option<Estimate> {
    let one = |work: &WorkOnRows| {
        let (size, less) = sizes.get(&work.on)?;
        let usual = Estimate::of(work.kind, size);
        let (estimate, _) = sizes.earlier().correct(work.kind, size.rows, usual);
        Some(if work.whole && !less { estimate } else { estimate.at_most() })
    };
    let all: Option<Vec<Estimate>> = works.iter().map(one).collect();
    all?.into_iter().reduce(Estimate::and)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::changes::estimate::WorkKind;
    use crate::postgres::sql::split;
    use crate::snapshot::Size;

    const LARGE: Size =
        Size { rows: 40_000_000, bytes: 9_300_000_000, index_bytes: 2_000_000_000, partitioned: false };

    fn sizes(relations: &[(&str, Size)]) -> BTreeMap<String, Size> {
        relations.iter().map(|(name, size)| (format!("public.{name}"), *size)).collect()
    }

    fn footprint(line: usize, locked: &[&str]) -> Footprint {
        let locks = locked.iter().map(|name| (format!("public.{name}").into(), LockMode::AccessExclusive));
        Footprint { at: Position { line, column: 1 }, locks: locks.collect(), ..Footprint::default() }
    }

    fn relations(names: &[&str]) -> std::collections::BTreeSet<SmolStr> {
        names.iter().map(|name| format!("public.{name}").into()).collect()
    }

    fn of(sql: &str, footprints: &[Footprint], known: &BTreeMap<String, Size>) -> Vec<StatementEstimate> {
        let find = |name: &WrittenName| Some(SmolStr::from(format!("public.{}", name.name)));
        let statements = split(sql).expect("splits");
        estimates(&statements, footprints, true, &find, &mut SizesInPlan::new(known))
    }

    /// Kind, relation, and whether it certainly takes its time.
    fn works(found: &[StatementEstimate]) -> Vec<(WorkKind, &str, bool)> {
        let certain = |one: &StatementEstimate| one.estimate.as_ref().is_some_and(|time| !time.low.is_zero());
        let pairs = found.iter().flat_map(|one| one.works.iter().map(move |work| (one, work)));
        pairs.map(|(one, work)| (work.kind, work.on.trim_start_matches("public."), certain(one))).collect()
    }

    #[test]
    fn a_rewrite_is_estimated_and_says_who_waits() {
        let known = sizes(&[("users", LARGE)]);
        let rewrite = Footprint {
            rewrites: relations(&["users"]),
            scans: relations(&["users"]),
            builds: relations(&["users"]),
            ..footprint(1, &["users"])
        };
        let found = of("ALTER TABLE users ALTER id TYPE bigint;", &[rewrite], &known);
        assert_eq!(works(&found), [(WorkKind::Rewrite, "users", true)]);
        let estimate = found[0].estimate.as_ref().expect("known");
        assert_eq!((found[0].blocks(), estimate.class().word()), ("reads and writes", "minutes"));
        assert_eq!(found[0].heaviest().in_words(None), "8.7 GB of public.users are rewritten");
        assert_eq!(
            estimate.basis,
            "40000000 rows, 8.7 GB and 1.9 GB of indexes, at usual rates; not measured on this server"
        );
    }

    #[test]
    fn rows_are_changed_under_the_locks_of_earlier_statements() {
        let known = sizes(&[("users", LARGE)]);
        let sql =
            "ALTER TABLE users ADD c int;\nUPDATE users SET c = 1;\nUPDATE users SET c = 2 WHERE id = 1;";
        let found = of(sql, &[footprint(1, &["users"])], &known);
        assert_eq!(works(&found), [(WorkKind::Update, "users", true), (WorkKind::Update, "users", false)],);
        assert_eq!(found[0].blocked["public.users"].since.line, 1);
    }

    #[test]
    fn what_may_be_spared_has_no_lower_end() {
        let known = sizes(&[("users", LARGE), ("orders", LARGE)]);
        let built = |line| Footprint { builds: relations(&["users"]), ..footprint(line, &["users"]) };
        let read = Footprint { scans: relations(&["users", "orders"]), ..footprint(1, &["users", "orders"]) };
        let rewritten = Footprint { rewrites: relations(&["users"]), ..footprint(1, &["users"]) };
        for (sql, footprints, kinds) in [
            ("CREATE INDEX ON users (a);", vec![built(1)], vec![(WorkKind::Index, true)]),
            ("CREATE INDEX ON users (a) WHERE a > 1;", vec![built(1)], vec![(WorkKind::Index, false)]),
            ("CREATE INDEX IF NOT EXISTS i ON users (a);", vec![built(1)], vec![(WorkKind::Index, false)]),
            ("CREATE INDEX ON users USING gin (a);", vec![built(1)], vec![(WorkKind::SlowIndex, true)]),
            ("DO $$ BEGIN EXECUTE 'x'; END $$;", vec![rewritten.clone()], vec![(WorkKind::Rewrite, false)]),
            ("REFRESH MATERIALIZED VIEW users;", vec![rewritten.clone()], vec![(WorkKind::Rewrite, false)]),
            ("TRUNCATE users;", vec![rewritten], vec![]),
            ("UPDATE users SET a = 1 FROM orders;", vec![], vec![(WorkKind::Update, false)]),
            ("DELETE FROM users;", vec![], vec![(WorkKind::Update, false)]),
            (
                "DELETE FROM orders;\nCREATE INDEX ON users (a);",
                vec![built(2)],
                vec![(WorkKind::Update, false), (WorkKind::Index, true)],
            ),
            (
                "DELETE FROM users;\nCREATE INDEX ON users (a);",
                vec![built(2)],
                vec![(WorkKind::Update, false), (WorkKind::Index, false)],
            ),
        ] {
            let found = of(sql, &footprints, &known);
            let found: Vec<_> = works(&found).into_iter().map(|(kind, _, certain)| (kind, certain)).collect();
            assert_eq!(found, kinds, "{sql}");
        }
        let sql = "ALTER TABLE users ADD FOREIGN KEY (a) REFERENCES orders;";
        let both = of(sql, &[read], &known);
        let whole: Vec<_> = both[0].works.iter().map(|work| (work.on.as_str(), work.whole)).collect();
        assert_eq!(whole, [("public.orders", false), ("public.users", true)]);
    }

    #[test]
    fn a_partitioned_table_is_as_large_as_its_live_partitions() {
        let known = sizes(&[("p", Size { partitioned: true, ..LARGE }), ("p1", LARGE)]);
        let built = Footprint { builds: relations(&["p", "p1"]), ..footprint(1, &["p", "p1"]) };
        let read = Footprint { scans: relations(&["p1"]), ..footprint(1, &["p", "p1"]) };
        assert_eq!(works(&of("CREATE INDEX ON p (a);", &[built], &known)), [(WorkKind::Index, "p", true)]);
        let found = of("ALTER TABLE p ADD CHECK (a > 0);", &[read], &known);
        assert_eq!(works(&found), [(WorkKind::Read, "p", true)]);
        let detached = "ALTER TABLE p DETACH PARTITION p1;\nCREATE INDEX ON p (a);";
        let built = Footprint { builds: relations(&["p"]), ..footprint(2, &["p"]) };
        assert_eq!(works(&of(detached, &[built], &known)), [(WorkKind::Index, "p", false)]);
    }

    #[test]
    fn a_relation_of_unknown_size_or_another_one_of_its_name_has_no_estimate() {
        let built = Footprint { builds: relations(&["users"]), ..footprint(1, &["users"]) };
        let sql = "CREATE INDEX ON users (a);";
        assert_eq!(of(sql, std::slice::from_ref(&built), &BTreeMap::new())[0].estimate, None);
        let known = sizes(&[("users", LARGE)]);
        let mut sizes = SizesInPlan::new(&known);
        let id =
            crate::postgres::catalog::ObjectId::parse(crate::postgres::catalog::Kind::Table, "public.users");
        sizes.apply(&[crate::model::Effect::Dropped(id.expect("a name").into())]);
        let find = |_: &WrittenName| None;
        let statements = split(sql).expect("splits");
        assert_eq!(estimates(&statements, &[built], true, &find, &mut sizes)[0].estimate, None);
    }
}
