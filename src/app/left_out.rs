//! The images of a list that a use case left out, and why.

use std::collections::BTreeMap;

use super::context::Context;
use super::event::Event;
use crate::data::{DecodeError, ImageSource};

/// An image that could not be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Index of the image in the list.
    pub index: usize,
    /// The reason; it names the file.
    pub reason: String,
    /// The kind of the reason, by which failures are counted.
    pub kind: &'static str,
}

impl Failure {
    pub(super) fn new(index: usize, error: &DecodeError) -> Failure {
        Failure { index, reason: error.to_string(), kind: error.kind() }
    }
}

/// Counts failures by their kind.
pub(super) fn by_kind(failures: &[Failure]) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    for failure in failures {
        *counts.entry(failure.kind).or_default() += 1;
    }
    counts
}

/// The images of a list that a pass left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// The images that could not be used.
    pub failures: Vec<Failure>,
    /// Indices of the images in which no face was found.
    pub faceless: Vec<usize>,
}

/// Tells which images were left out.
pub(super) fn tell_left_out(images: &[ImageSource], left: &LeftOut, context: &Context) {
    if !left.failures.is_empty() {
        let reasons = left.failures.iter().map(|failure| failure.reason.clone()).collect();
        context.send(Event::Unusable { images: images.len(), reasons, kinds: by_kind(&left.failures) });
    }
    if !left.faceless.is_empty() {
        let names = left.faceless.iter().map(|index| images[*index].label().display().to_string()).collect();
        context.send(Event::NoFace { images: images.len(), names });
    }
}
