//! The statements that failed, and which of them a name may help that was created since.

use std::collections::HashMap;

use crate::model::server_error::StatementError;

/// A statement that failed and is tried again.
pub(in crate::model) struct Waiting {
    pub(super) script: usize,
    pub(super) statement: usize,
    /// The number of settings of its file that precede it.
    pub(super) settings: usize,
    pub(super) error: StatementError,
}

/// All of them, by the names that they miss. Who waits for a name is tried as soon as that is created: however long a chain
/// of statements is that need each other, and whatever their order, each is tried a few times only.
pub(super) struct Pool {
    items: Vec<Option<Waiting>>,
    by_missing: HashMap<String, Vec<usize>>,
}

impl Pool {
    pub(super) fn new(waiting: Vec<Waiting>) -> Self {
        let mut pool = Self { items: Vec::with_capacity(waiting.len()), by_missing: HashMap::new() };
        for item in waiting {
            pool.items.push(None);
            pool.put_back(pool.items.len() - 1, item);
        }
        pool
    }

    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    /// Takes one out, where it is still there.
    pub(super) fn take(&mut self, index: usize) -> Option<Waiting> {
        self.items.get_mut(index)?.take()
    }

    pub(super) fn get(&self, index: usize) -> Option<&Waiting> {
        self.items.get(index)?.as_ref()
    }

    pub(super) fn put_back(&mut self, index: usize, item: Waiting) {
        if let Some(name) = item.error.missing_name() {
            self.by_missing.entry(name.to_owned()).or_default().push(index);
        }
        self.items[index] = Some(item);
    }

    /// Those that missed this name.
    pub(super) fn waiting_for(&mut self, name: &str) -> Vec<usize> {
        self.by_missing.remove(name).unwrap_or_default()
    }

    /// Those that are left, in the order in which they came.
    pub(super) fn left(self) -> Vec<Waiting> {
        self.items.into_iter().flatten().collect()
    }
}
