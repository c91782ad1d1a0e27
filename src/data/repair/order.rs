//! The order in which rows that refer to each other can be written one after the other. Pure.

use std::collections::HashMap;

/// Rows, and what is known of their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct LinkedRows {
    /// The numbers of the rows.
    pub(super) rows: Vec<u64>,
    /// Pairs of them, of which the first row comes before the second one.
    pub(super) pairs: Vec<(u64, u64)>,
}

/// Rows in an order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct RowOrder {
    /// The numbers of the rows.
    pub(super) rows: Vec<u64>,
    /// The positions of the rows that have to be written together, because they refer to each other in a ring: the first of
    /// them, and the one after the last.
    pub(super) ring: Option<(usize, usize)>,
}

/// Orders rows.
pub(super) fn order(LinkedRows { rows, pairs }: &LinkedRows) -> RowOrder {
    let places: HashMap<u64, usize> = rows.iter().enumerate().map(|(place, row)| (*row, place)).collect();
    let pairs: Vec<(usize, usize)> = pairs
        .iter()
        .filter_map(|(first, second)| Some((*places.get(first)?, *places.get(second)?)))
        .filter(|(first, second)| first != second)
        .collect();
    let mut open: Vec<bool> = vec![true; rows.len()];
    // From the beginning, then from the end: what is open after that is a ring, or stands between two of them.
    let before = peel(&pairs, &mut open);
    let reversed: Vec<(usize, usize)> = pairs.iter().map(|(first, second)| (*second, *first)).collect();
    let after = peel(&reversed, &mut open);
    let ring: Vec<usize> = (0..rows.len()).filter(|place| open[*place]).collect();
    let ends = (before.len(), before.len() + ring.len());
    let ordered = before.into_iter().chain(ring).chain(after.into_iter().rev());
    RowOrder { rows: ordered.map(|place| rows[place]).collect(), ring: (ends.0 < ends.1).then_some(ends) }
}

/// Takes the open places that come after no other open one, one after the other, and closes them.
fn peel(pairs: &[(usize, usize)], open: &mut [bool]) -> Vec<usize> {
    let mut waits_for = vec![0_usize; open.len()];
    let mut followers: Vec<Vec<usize>> = vec![Vec::new(); open.len()];
    for (first, second) in pairs.iter().filter(|(first, second)| open[*first] && open[*second]) {
        waits_for[*second] += 1;
        followers[*first].push(*second);
    }
    let mut free: Vec<usize> =
        (0..open.len()).filter(|place| open[*place] && waits_for[*place] == 0).collect();
    let mut at = 0;
    while let Some(place) = free.get(at).copied() {
        at += 1;
        open[place] = false;
        for follower in &followers[place] {
            waits_for[*follower] -= 1;
            if waits_for[*follower] == 0 {
                free.push(*follower);
            }
        }
    }
    free
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(rows: &[u64], pairs: &[(u64, u64)]) -> RowOrder {
        super::order(&LinkedRows { rows: rows.to_vec(), pairs: pairs.to_vec() })
    }

    #[test]
    fn rows_come_after_those_that_they_wait_for() {
        assert_eq!(order(&[1, 2, 3], &[]), RowOrder { rows: vec![1, 2, 3], ring: None });
        let chain = order(&[1, 2, 3, 4], &[(4, 3), (3, 2), (2, 2), (9, 1)]);
        assert_eq!(chain, RowOrder { rows: vec![1, 4, 3, 2], ring: None });
        // A chain of many rows needs no deep stack.
        let rows: Vec<u64> = (1..=100_000).collect();
        let pairs: Vec<(u64, u64)> = rows.windows(2).map(|pair| (pair[1], pair[0])).collect();
        assert_eq!(order(&rows, &pairs).rows[0], 100_000);
    }

    #[test]
    fn a_ring_stays_together_and_what_waits_for_it_comes_after() {
        // 2 and 3 are a ring; 5 comes before it and 1 after it.
        let found = order(&[1, 2, 3, 4, 5], &[(2, 3), (3, 2), (5, 2), (3, 1)]);
        assert_eq!(found, RowOrder { rows: vec![4, 5, 2, 3, 1], ring: Some((2, 4)) });
    }
}
