//! What becomes of images that cannot be decoded.

use std::collections::BTreeSet;

use super::decode::{DecodeError, Rgb8Image};

/// An image that cannot be decoded where that ends the run.
#[derive(Debug, thiserror::Error)]
#[error("{0}; or leave out images that cannot be read with --skip-unreadable")]
pub struct UnreadableImage(#[from] pub DecodeError);

/// Ends the run at the first image that cannot be decoded, or names, counts and leaves out each one.
pub struct Unreadable<'a> {
    skip: bool,
    tell: &'a dyn Fn(&str),
    skipped: BTreeSet<usize>,
}

impl<'a> Unreadable<'a> {
    /// A policy; `tell` hears why an image is left out, once for each image however often it is met.
    pub fn new(skip: bool, tell: &'a dyn Fn(&str)) -> Unreadable<'a> {
        Unreadable { skip, tell, skipped: BTreeSet::new() }
    }

    /// The picture of the image at `index` of the data set, or `None` where it is left out.
    ///
    /// # Errors
    /// [`UnreadableImage`] when it could not be decoded and is not to be left out.
    pub fn admit(&mut self, index: usize, decoded: Result<Rgb8Image, DecodeError>) -> Result<Option<Rgb8Image>, UnreadableImage> {
        match decoded {
            Ok(image) => Ok(Some(image)),
            Err(error) if self.skip => {
                if self.skipped.insert(index) {
                    (self.tell)(&error.to_string());
                }
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Whether the image at `index` was left out.
    pub fn has_skipped(&self, index: usize) -> bool {
        self.skipped.contains(&index)
    }

    /// How many images were left out.
    pub fn count(&self) -> usize {
        self.skipped.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    fn empty() -> Result<Rgb8Image, DecodeError> {
        Err(DecodeError::Empty { path: "faces/7.jpg".into() })
    }

    #[test]
    fn an_unreadable_image_ends_the_run_or_is_told_of_once() {
        let told = RefCell::new(Vec::new());
        let tell = |message: &str| told.borrow_mut().push(message.to_owned());
        let message = Unreadable::new(false, &tell).admit(7, empty()).unwrap_err().to_string();
        assert!(message.contains("faces/7.jpg: the file is empty") && message.contains("--skip-unreadable"), "{message}");

        let mut unreadable = Unreadable::new(true, &tell);
        let image = Rgb8Image { width: 1, height: 1, pixels: vec![0; 3] };
        assert_eq!(unreadable.admit(6, Ok(image.clone())).unwrap(), Some(image));
        for _ in 0..2 {
            assert_eq!(unreadable.admit(7, empty()).unwrap(), None);
        }
        assert!(unreadable.has_skipped(7) && !unreadable.has_skipped(6));
        assert_eq!((unreadable.count(), told.borrow().len()), (1, 1));
        assert!(told.borrow()[0].contains("faces/7.jpg"));
    }
}
