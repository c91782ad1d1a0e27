//! Steps to migrations: as few as the order allows.

use super::PlannedMigration;
use super::step::PlannedStep;

/// Divides the steps, which are in an order that PostgreSQL accepts.
pub(super) fn divide(steps: Vec<PlannedStep>) -> Vec<PlannedMigration> {
    let mut migrations: Vec<PlannedMigration> = Vec::new();
    let mut is_done = vec![false; steps.len()];
    for contract in [false, true] {
        // What is one transaction comes first; the rest stands on it more often than the other way round.
        let mut transactional = true;
        loop {
            let mut chosen = Vec::new();
            for (number, step) in steps.iter().enumerate() {
                let fits = step.contract == contract && step.transactional == transactional;
                if !is_done[number] && fits && step.needs.iter().all(|need| is_done[*need]) {
                    is_done[number] = true;
                    chosen.push(step.clone());
                }
            }
            let is_left =
                |(number, step): (usize, &PlannedStep)| step.contract == contract && !is_done[number];
            let left = steps.iter().enumerate().any(is_left);
            if !chosen.is_empty() {
                migrations.push(PlannedMigration::of(chosen, contract, transactional));
            } else if !left || !transactional {
                break;
            }
            transactional = !transactional;
        }
    }
    migrations
}
