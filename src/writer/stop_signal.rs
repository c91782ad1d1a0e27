//! Being asked to stop: a signal that came, seen by whoever works at the time.

use tokio::sync::watch;

use crate::error::{ErrorCode, Exit, Failure};

/// Sees whether a signal came. Clones see the same.
#[derive(Debug, Clone)]
pub struct StopSignal(watch::Receiver<Option<&'static str>>);

impl StopSignal {
    /// A way to ask, and one to see it. What is sent is the signal's name.
    pub fn channel() -> (watch::Sender<Option<&'static str>>, Self) {
        let (ask, see) = watch::channel(None);
        (ask, Self(see))
    }

    /// The signal that came, if one did.
    pub fn asked(&self) -> Option<&'static str> {
        *self.0.borrow()
    }

    /// Waits until a signal comes.
    pub async fn wait(&mut self) -> &'static str {
        let signal = self.0.wait_for(Option::is_some).await.ok().and_then(|signal| *signal);
        match signal {
            Some(signal) => signal,
            // Nobody is left who could ask.
            None => std::future::pending().await,
        }
    }
}

/// Asked to stop before anything was changed.
pub fn interrupted(signal: &str) -> Failure {
    Failure::new(Exit::Refused, format!("interrupted by {signal}: nothing was changed"))
        .code(ErrorCode::RUN_INTERRUPTED)
        .next("run the same command again")
}
