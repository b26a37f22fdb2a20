//! The context of a use case: its observer, its cancellation, and the command that started it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::error::Error;
use super::event::{Event, Observer, Silent};

/// A flag that stops long work. Clones share the flag, so another thread or a signal handler can set it.
///
/// ```
/// let cancellation = lineament::Cancellation::new();
/// let elsewhere = cancellation.clone();
/// std::thread::spawn(move || elsewhere.cancel()).join().unwrap();
/// assert!(cancellation.is_cancelled());
/// ```
#[derive(Debug, Clone, Default)]
pub struct Cancellation(Arc<AtomicBool>);

impl Cancellation {
    /// Returns a flag that is not set.
    pub fn new() -> Cancellation {
        Cancellation::default()
    }

    /// Asks the work to stop. Returns whether it had been asked before.
    pub fn cancel(&self) -> bool {
        self.0.swap(true, Ordering::SeqCst)
    }

    /// Returns whether the work has been asked to stop.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    /// Returns the underlying flag, for the layers below.
    pub fn flag(&self) -> &AtomicBool {
        &self.0
    }
}

/// The context of a use case. The default ignores events, is never cancelled, and names no command.
#[derive(Clone)]
pub struct Context<'a> {
    /// Receives the events.
    pub observer: &'a dyn Observer,
    /// Stops the work.
    pub cancellation: Cancellation,
    /// The command that results and run folders record as their origin.
    pub command: Option<String>,
}

impl Default for Context<'_> {
    fn default() -> Self {
        Context { observer: &Silent, cancellation: Cancellation::new(), command: None }
    }
}

impl<'a> Context<'a> {
    /// Returns a context with an observer. It is never cancelled and names no command.
    pub fn observed(observer: &'a dyn Observer) -> Context<'a> {
        Context { observer, ..Context::default() }
    }

    /// Sends an event to the observer.
    pub fn send(&self, event: Event) {
        self.observer.receive(event);
    }

    pub(crate) fn message(&self, text: impl Into<String>) {
        self.send(Event::Message(text.into()));
    }

    pub(crate) fn note(&self, text: impl Into<String>) {
        self.send(Event::Note(text.into()));
    }

    pub(crate) fn start(&self, task: impl Into<String>, unit: &'static str, total: usize) {
        self.send(Event::Started { task: task.into(), unit, total: total as u64 });
    }

    pub(crate) fn advance(&self, done: usize) {
        self.send(Event::Advanced { done: done as u64 });
    }

    pub(crate) fn finish(&self) {
        self.send(Event::Finished);
    }

    /// Fails if the work has been asked to stop; `doing` says what is interrupted.
    pub(crate) fn check(&self, doing: &'static str) -> Result<(), Error> {
        if self.cancellation.is_cancelled() { Err(Error::Cancelled { doing }) } else { Ok(()) }
    }
}
