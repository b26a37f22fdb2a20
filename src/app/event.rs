//! What a use case tells while it works.

use std::fmt;

use super::train::Progress;

/// Something that happened in a use case. Its text is what a person would want to read.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// What is done or was found.
    Message(String),
    /// Something that the user may want to know but need not act on.
    Note(String),
    /// Something that probably is not what the user wants.
    Warning(String),
    /// The text of a result. A command line prints it to standard output.
    Output(String),
    /// An image that cannot be read is left out, for this reason.
    Skipped(String),
    /// Some of the images could not be used.
    Unusable {
        /// Number of images that were given.
        images: usize,
        /// Why each of the unusable ones cannot be used.
        reasons: Vec<String>,
    },
    /// Counted work begins. It ends with [`Event::Finished`] unless it fails.
    Started {
        /// What is worked on; may be empty.
        task: String,
        /// What is counted, in the plural.
        unit: &'static str,
        /// How many there are.
        total: u64,
    },
    /// That many are done.
    Advanced {
        /// Number done so far, of the total that [`Event::Started`] gave.
        done: u64,
    },
    /// The counted work is done.
    Finished,
    /// How far a training run has come.
    Training {
        /// What was reached.
        progress: Progress,
        /// Images for each update of the weights.
        batch: u32,
    },
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::Message(text) | Event::Output(text) => f.write_str(text),
            Event::Note(text) => write!(f, "note: {text}"),
            Event::Warning(text) => write!(f, "warning: {text}"),
            Event::Skipped(reason) => write!(f, "skipped: {reason}"),
            Event::Unusable { images, reasons } => {
                write!(f, "{} of {images} images could not be used:", reasons.len())?;
                reasons.iter().try_for_each(|reason| write!(f, "\n  {reason}"))
            }
            Event::Started { task, unit, total } if task.is_empty() => write!(f, "{total} {unit}"),
            Event::Started { task, unit, total } => write!(f, "{task}: {total} {unit}"),
            Event::Advanced { done } => write!(f, "{done} done"),
            Event::Finished => f.write_str("done"),
            Event::Training { progress, .. } => progress.fmt(f),
        }
    }
}

/// Receives the events of a use case. Every `Fn(Event)` is an observer.
///
/// ```
/// use lineament::{Event, Observer};
///
/// let seen = std::cell::RefCell::new(Vec::new());
/// let observer = |event: Event| seen.borrow_mut().push(event.to_string());
/// observer.receive(Event::Note("2 images cannot be read and are left out".into()));
/// assert_eq!(seen.into_inner(), ["note: 2 images cannot be read and are left out"]);
/// ```
pub trait Observer {
    /// Receives one event.
    fn receive(&self, event: Event);
}

impl<F: Fn(Event)> Observer for F {
    fn receive(&self, event: Event) {
        self(event);
    }
}

/// An observer that ignores every event.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Observer for Silent {
    fn receive(&self, _: Event) {}
}
