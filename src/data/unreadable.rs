//! The policy for images that cannot be decoded: stop, or skip them and count them.

use std::collections::BTreeSet;

use super::decode::{DecodeError, Rgb8Image};

/// An image that cannot be decoded, in a run that does not skip such images.
#[derive(Debug, thiserror::Error)]
#[error("{0}; or skip images that cannot be read with --skip-unreadable")]
pub struct UnreadableImage(#[from] pub DecodeError);

/// The policy of a run for images that cannot be decoded. It either ends the run at the first such image, or it reports,
/// counts and skips every one of them.
pub struct Unreadable<'a> {
    skip: bool,
    report: &'a dyn Fn(&str),
    skipped: BTreeSet<usize>,
}

impl<'a> Unreadable<'a> {
    /// Returns a policy that skips unreadable images if `skip` is true, and otherwise ends the run at the first one. `report`
    /// is called with the reason for skipping an image, once for each image even if the image is read several times.
    pub fn new(skip: bool, report: &'a dyn Fn(&str)) -> Unreadable<'a> {
        Unreadable { skip, report, skipped: BTreeSet::new() }
    }

    /// Returns the decoded image, or `None` if it could not be decoded and is skipped. `index` is the image's position in the
    /// data set.
    ///
    /// # Errors
    /// [`UnreadableImage`] when the image could not be decoded and this policy does not skip.
    pub fn admit(&mut self, index: usize, decoded: Result<Rgb8Image, DecodeError>) -> Result<Option<Rgb8Image>, UnreadableImage> {
        match decoded {
            Ok(image) => Ok(Some(image)),
            Err(error) if self.skip => {
                if self.skipped.insert(index) {
                    (self.report)(&error.to_string());
                }
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Returns whether the image at `index` was skipped.
    pub fn has_skipped(&self, index: usize) -> bool {
        self.skipped.contains(&index)
    }

    /// Returns the number of skipped images.
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
    fn an_unreadable_image_ends_the_run_or_is_reported_once() {
        let reported = RefCell::new(Vec::new());
        let report = |message: &str| reported.borrow_mut().push(message.to_owned());
        let message = Unreadable::new(false, &report).admit(7, empty()).unwrap_err().to_string();
        assert!(message.contains("faces/7.jpg: the file is empty") && message.contains("--skip-unreadable"), "{message}");

        let mut unreadable = Unreadable::new(true, &report);
        let image = Rgb8Image { width: 1, height: 1, pixels: vec![0; 3] };
        assert_eq!(unreadable.admit(6, Ok(image.clone())).unwrap(), Some(image));
        for _ in 0..2 {
            assert_eq!(unreadable.admit(7, empty()).unwrap(), None);
        }
        assert!(unreadable.has_skipped(7) && !unreadable.has_skipped(6));
        assert_eq!((unreadable.count(), reported.borrow().len()), (1, 1));
        assert!(reported.borrow()[0].contains("faces/7.jpg"));
    }
}
