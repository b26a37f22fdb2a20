//! The events that a use case sends while it works.

use std::collections::BTreeMap;
use std::fmt;

use super::train::Progress;

/// Something that happened in a use case. Its `Display` text is meant for users.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// Something was done or found.
    Message(String),
    /// Information that requires no action.
    Note(String),
    /// Something is probably not what the user intended.
    Warning(String),
    /// The text of a result. The command line prints it to standard output.
    Output(String),
    /// An image that cannot be read is left out, for the given reason.
    Skipped(String),
    /// Some of the images could not be used.
    Unusable {
        /// Number of images that were given.
        images: usize,
        /// The reason for each image that cannot be used.
        reasons: Vec<String>,
        /// Number of images by kind of reason.
        kinds: BTreeMap<&'static str, usize>,
    },
    /// In some of the images no face was found, so they are left out.
    NoFace {
        /// Number of images that were given.
        images: usize,
        /// The names of the images without a face.
        names: Vec<String>,
    },
    /// Counted work begins. It ends with [`Event::Finished`] unless it fails.
    Started {
        /// Name of the work; may be empty.
        task: String,
        /// What is counted, in the plural.
        unit: &'static str,
        /// Number of units in total.
        total: u64,
    },
    /// Some units of the counted work are done.
    Advanced {
        /// Number of units done so far, of the total in [`Event::Started`].
        done: u64,
    },
    /// The counted work is done.
    Finished,
    /// Progress of a training run.
    Training {
        /// The progress.
        progress: Progress,
        /// Number of images in each update of the weights.
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
            Event::Unusable { images, reasons, kinds } => {
                let kinds: Vec<String> = kinds.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
                write!(f, "{} of {images} images could not be used ({}):", reasons.len(), kinds.join(", "))?;
                reasons.iter().try_for_each(|reason| write!(f, "\n  {reason}"))
            }
            Event::NoFace { images, names } => {
                write!(f, "no face was found in {} of {images} images:", names.len())?;
                names.iter().try_for_each(|name| write!(f, "\n  {name}"))
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
