//! Watching a database for whoever asks over HTTP: `observer` reads it, one question at a time over one connection, at its own
//! pace; `http` answers from what was read last, however many ask. Neither ever waits for the other.

mod connection;
pub(crate) mod http;
mod observer;
mod page;
mod probe;
mod readings;
mod status;

pub(crate) use observer::{Observer, Pace};
pub(crate) use readings::Readings;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What was read last, for the observer that writes it and the answers that show it.
#[derive(Debug, Clone)]
pub(crate) struct SharedReadings(Arc<Mutex<Readings>>);

impl SharedReadings {
    /// Nothing was read yet.
    pub(crate) fn new(readings: Readings) -> Self {
        Self(Arc::new(Mutex::new(readings)))
    }

    /// The readings, for as long as no answer is awaited.
    fn readings(&self) -> MutexGuard<'_, Readings> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
