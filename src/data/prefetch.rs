//! Decoding a list of images on several threads, ahead of whoever consumes them and in the list's order.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use super::decode::{DecodeError, Rgb8Image};
use super::source::ImageSource;

/// One image's place in the list, and its pixels or why there are none.
pub type Decoded = (usize, Result<Rgb8Image, DecodeError>);

/// Decodes `images` on `threads` threads, at most `ahead` images ahead of the consumer (both at least 1). Memory is bounded
/// by `ahead` pictures whatever the length of the list.
pub fn decode_ahead<S: Into<ImageSource>>(images: Vec<S>, threads: usize, ahead: usize) -> Prefetch {
    Prefetch::new(images.into_iter().map(Into::into).collect(), threads, ahead, ImageSource::decode)
}

/// The threads to decode with: one fewer than the machine has, the last one feeding the GPU, and at least one.
pub fn decoding_threads() -> usize {
    thread::available_parallelism().map_or(1, |count| count.get().saturating_sub(1).max(1))
}

/// An iterator over [`Decoded`] images in the order of the list. Dropping it stops the threads and waits for them, each of
/// which finishes at most the image it is at.
pub struct Prefetch {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    images: Vec<ImageSource>,
    ahead: usize,
    state: Mutex<State>,
    /// Signalled when an image becomes ready.
    ready: Condvar,
    /// Signalled when an image is consumed or the work is to stop.
    consumed: Condvar,
}

#[derive(Default)]
struct State {
    next_to_decode: usize,
    next_to_yield: usize,
    waiting: HashMap<usize, Result<Rgb8Image, DecodeError>>,
    stopped: bool,
}

type Decoder = fn(&ImageSource) -> Result<Rgb8Image, DecodeError>;

impl Prefetch {
    fn new(images: Vec<ImageSource>, threads: usize, ahead: usize, decoder: Decoder) -> Self {
        let threads = threads.clamp(1, images.len().max(1));
        let shared = Arc::new(Shared {
            images,
            ahead: ahead.max(1),
            state: Mutex::default(),
            ready: Condvar::new(),
            consumed: Condvar::new(),
        });
        let start = |_| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || shared.work(decoder))
        };
        let threads = (0..threads).map(start).collect();
        Self { shared, threads }
    }
}

impl Shared {
    /// A decoder never panics while it holds the lock, so a poisoned state is a whole one.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self, decoder: Decoder) {
        while let Some(index) = self.claim() {
            let decoded = decoder(&self.images[index]);
            self.lock().waiting.insert(index, decoded);
            self.ready.notify_one();
        }
    }

    /// The next image to decode, as soon as it is near enough to the consumer; `None` when there is no more to do.
    fn claim(&self) -> Option<usize> {
        let mut state = self.lock();
        loop {
            if state.stopped || state.next_to_decode == self.images.len() {
                return None;
            }
            if state.next_to_decode < state.next_to_yield + self.ahead {
                state.next_to_decode += 1;
                return Some(state.next_to_decode - 1);
            }
            state = self.consumed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Iterator for Prefetch {
    type Item = Decoded;

    fn next(&mut self) -> Option<Decoded> {
        let mut state = self.shared.lock();
        let index = state.next_to_yield;
        if index == self.shared.images.len() {
            return None;
        }
        loop {
            if let Some(decoded) = state.waiting.remove(&index) {
                state.next_to_yield += 1;
                self.shared.consumed.notify_one();
                return Some((index, decoded));
            }
            state = self.shared.ready.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.shared.images.len() - self.shared.lock().next_to_yield;
        (left, Some(left))
    }
}

impl ExactSizeIterator for Prefetch {}

impl Drop for Prefetch {
    fn drop(&mut self) {
        self.shared.lock().stopped = true;
        self.shared.consumed.notify_all();
        for thread in self.threads.drain(..) {
            // A thread that panicked has said so already, and a destructor must not panic again.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    fn names(count: usize) -> Vec<ImageSource> {
        (0..count).map(|index| ImageSource::File(index.to_string().into())).collect()
    }

    /// Takes longer for some images than for others, so that threads finish out of order, and refuses every seventh.
    fn uneven(source: &ImageSource) -> Result<Rgb8Image, DecodeError> {
        let path = source.label();
        let index: u32 = path.to_str().unwrap().parse().unwrap();
        thread::sleep(Duration::from_micros(u64::from(index * 7919 % 13) * 50));
        if index % 7 == 3 {
            return Err(DecodeError::Empty { path });
        }
        Ok(Rgb8Image { width: 1, height: 1, pixels: index.to_le_bytes()[..3].to_vec() })
    }

    #[test]
    fn yields_every_image_in_order_with_the_bad_ones_in_their_places() {
        for (count, threads, ahead) in [(0, 3, 2), (1, 4, 8), (100, 1, 1), (100, 5, 1), (100, 5, 16), (10, 0, 0)] {
            let decoded: Vec<Decoded> = Prefetch::new(names(count), threads, ahead, uneven).collect();
            assert_eq!(decoded.len(), count);
            for (place, (index, result)) in decoded.into_iter().enumerate() {
                assert_eq!(place, index);
                match result {
                    Ok(picture) => assert_eq!(picture.pixels, (index as u32).to_le_bytes()[..3]),
                    Err(error) => assert!(index % 7 == 3 && error.to_string().starts_with(&index.to_string())),
                }
            }
        }
    }

    #[test]
    fn never_runs_further_ahead_than_asked() {
        static STARTED: AtomicUsize = AtomicUsize::new(0);
        fn counting(source: &ImageSource) -> Result<Rgb8Image, DecodeError> {
            STARTED.fetch_add(1, Ordering::SeqCst);
            uneven(source)
        }
        let mut images = Prefetch::new(names(60), 4, 6, counting);
        for consumed in 0..60 {
            let started = STARTED.load(Ordering::SeqCst);
            assert!(started <= consumed + 6, "{started} started after {consumed} were consumed");
            assert_eq!(images.next().map(|(index, _)| index), Some(consumed));
            thread::sleep(Duration::from_micros(300));
        }
        assert!(images.next().is_none());
    }

    #[test]
    fn dropping_it_early_stops_the_threads() {
        static STARTED: AtomicUsize = AtomicUsize::new(0);
        fn counting(source: &ImageSource) -> Result<Rgb8Image, DecodeError> {
            STARTED.fetch_add(1, Ordering::SeqCst);
            uneven(source)
        }
        let mut images = Prefetch::new(names(10_000), 3, 4, counting);
        let shared = Arc::downgrade(&images.shared);
        assert_eq!(images.next().map(|(index, _)| index), Some(0));
        drop(images);
        assert!(shared.upgrade().is_none(), "a thread still holds the list");
        assert!(STARTED.load(Ordering::SeqCst) <= 5);
    }

    #[test]
    fn decodes_files_and_reports_the_unreadable_one_in_its_place() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("kernels-tests/golden/io/images");
        let images = ["rgb.png", "truncated.jpg", "missing.png", "face_420.jpg"].map(|name| folder.join(name)).to_vec();
        let widths: Vec<Option<u32>> =
            decode_ahead(images, 2, 2).map(|(_, decoded)| decoded.ok().map(|picture| picture.width)).collect();
        assert_eq!(widths, [Some(32), None, None, Some(178)]);
    }
}
