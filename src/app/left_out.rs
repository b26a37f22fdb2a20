//! The images of a list that a use case left out, and why.

use super::context::Context;
use super::event::Event;
use crate::data::ImageSource;

/// An image that could not be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Index of the image in the list.
    pub index: usize,
    /// The reason; it names the file.
    pub reason: String,
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
        context.send(Event::Unusable { images: images.len(), reasons });
    }
    if !left.faceless.is_empty() {
        let names = left.faceless.iter().map(|index| images[*index].label().display().to_string()).collect();
        context.send(Event::NoFace { images: images.len(), names });
    }
}
