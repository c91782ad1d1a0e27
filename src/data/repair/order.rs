//! The order in which rows that refer to each other can be written one after the other. Pure.

use std::collections::HashMap;
use std::ops::Range;

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
    /// The positions of rows that have to be written together, because they refer to each other in a ring.
    pub(super) rings: Vec<Range<usize>>,
}

/// Orders rows.
pub(super) fn order(LinkedRows { rows, pairs }: &LinkedRows) -> RowOrder {
    let places: HashMap<u64, usize> = rows.iter().enumerate().map(|(place, row)| (*row, place)).collect();
    let pairs: Vec<(usize, usize)> = pairs
        .iter()
        .filter_map(|(first, second)| Some((*places.get(first)?, *places.get(second)?)))
        .collect();
    let reversed = pairs.iter().map(|(first, second)| (*second, *first));
    let mut ordered = RowOrder::default();
    // Kosaraju's algorithm: what is reached backwards from the last one that was left is a ring, and they come in order.
    let mut left = Walk::new(rows.len(), pairs.iter().copied());
    let mut places: Vec<usize> = (0..rows.len()).rev().flat_map(|place| left.from(place)).collect();
    let mut back = Walk::new(rows.len(), reversed);
    while let Some(place) = places.pop() {
        let first = ordered.rows.len();
        ordered.rows.extend(back.from(place).into_iter().map(|place| rows[place]));
        if ordered.rows.len() > first + 1 {
            ordered.rings.push(first..ordered.rows.len());
        }
    }
    ordered
}

/// A walk from place to place, which comes to each of them once.
struct Walk {
    next: Vec<Vec<usize>>,
    seen: Vec<bool>,
}

impl Walk {
    fn new(places: usize, pairs: impl Iterator<Item = (usize, usize)>) -> Self {
        let mut next = vec![Vec::new(); places];
        for (from, to) in pairs {
            next[from].push(to);
        }
        Self { next, seen: vec![false; places] }
    }

    /// The places that are reached from one and were not seen before, in the order in which they are left.
    fn from(&mut self, start: usize) -> Vec<usize> {
        let mut left = Vec::new();
        let mut way = Vec::new();
        if !std::mem::replace(&mut self.seen[start], true) {
            way.push(start);
        }
        while let Some(place) = way.last().copied() {
            match self.next[place].pop() {
                Some(next) if std::mem::replace(&mut self.seen[next], true) => {}
                Some(next) => way.push(next),
                None => left.extend(way.pop()),
            }
        }
        left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(rows: &[u64], pairs: &[(u64, u64)]) -> RowOrder {
        super::order(&LinkedRows { rows: rows.to_vec(), pairs: pairs.to_vec() })
    }

    /// Whether each row comes after those that it waits for, rings apart.
    fn is_ordered(order: &RowOrder, pairs: &[(u64, u64)]) -> bool {
        let place = |row: u64| order.rows.iter().position(|other| *other == row).unwrap();
        pairs.iter().all(|(first, second)| {
            let (first, second) = (place(*first), place(*second));
            first <= second || order.rings.iter().any(|ring| ring.contains(&first) && ring.contains(&second))
        })
    }

    #[test]
    fn rows_come_after_those_that_they_wait_for() {
        assert_eq!(order(&[1, 2, 3], &[]), RowOrder { rows: vec![1, 2, 3], rings: Vec::new() });
        let pairs = [(4, 3), (3, 2), (2, 2), (4, 2), (4, 1)];
        let chain = order(&[1, 2, 3, 4], &[&pairs[..], &[(9, 1)]].concat());
        assert!(is_ordered(&chain, &pairs) && chain.rings.is_empty(), "{chain:?}");
        // A chain of many rows needs no deep stack.
        let rows: Vec<u64> = (1..=100_000).collect();
        let pairs: Vec<(u64, u64)> = rows.windows(2).map(|pair| (pair[1], pair[0])).collect();
        assert_eq!(order(&rows, &pairs).rows[0], 100_000);
    }

    #[test]
    fn each_ring_stays_together_and_what_waits_for_it_comes_after() {
        // 2 and 3, and 6, 7 and 8 are rings; 5 comes before both of them, and 1 is between them.
        let pairs = [(2, 3), (3, 2), (5, 2), (3, 1), (1, 6), (6, 7), (7, 8), (8, 6)];
        let found = order(&[1, 2, 3, 4, 5, 6, 7, 8], &pairs);
        assert!(is_ordered(&found, &pairs), "{found:?}");
        let rings = found.rings.iter().map(|ring| {
            let mut rows = found.rows[ring.clone()].to_vec();
            rows.sort_unstable();
            rows
        });
        assert_eq!(rings.collect::<Vec<_>>(), [vec![2, 3], vec![6, 7, 8]]);
    }
}
