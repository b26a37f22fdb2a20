//! Decodes a list of images on several threads, ahead of the consumer and in the order of the list.

use std::collections::VecDeque;
use std::iter::Enumerate;
use std::sync::mpsc::{self, Receiver, Sender, SyncSender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::vec;

use super::decode::{DecodeError, Rgb8Image};
use super::orientation::StoredOrientation;
use super::source::ImageSource;

/// The position of an image in the list, and its pixels or the reason why it could not be decoded.
pub type Decoded = (usize, Result<Rgb8Image, DecodeError>);

/// Number of bytes of pixels that may wait for the consumer. No further image is begun while more of them wait. The images that
/// the threads are working on come on top of that.
const WAITING_BYTES: usize = 256 << 20;

/// Decodes `images` on `threads` threads. At most `ahead` images are decoded or being decoded before the consumer takes them, and
/// fewer if they are large, so that memory use grows neither with the length of the list nor with the size of the images. Both
/// numbers are raised to 1 if they are 0.
pub fn decode_ahead<S: Into<ImageSource>>(
    images: Vec<S>,
    threads: usize,
    ahead: usize,
    orientation: StoredOrientation,
) -> Prefetch {
    let images = images.into_iter().map(Into::into).collect();
    Prefetch::new(images, threads, ahead, WAITING_BYTES, move |image| image.decode(orientation))
}

/// Returns the number of threads to decode with: one less than this machine offers, because one feeds the GPU, but at least 1.
pub fn decoding_threads() -> usize {
    thread::available_parallelism().map_or(1, |count| count.get().saturating_sub(1).max(1))
}

/// An iterator over [`Decoded`] images in the order of the list. Dropping it stops the threads and waits until each has
/// finished the image that it is decoding.
///
/// The iterator requests images from the threads through one channel and gets each result through a channel of its own. The
/// order of the results follows from the order of these channels, and the limit on images ahead from their number.
pub struct Prefetch {
    /// The images that have not been requested yet, with their positions in the list.
    images: Enumerate<vec::IntoIter<ImageSource>>,
    /// The requested images in the order of the list: their positions, and where their results arrive.
    requested: VecDeque<(usize, Receiver<DecodeResult>)>,
    /// `None` only while the iterator is being dropped.
    requests: Option<Sender<Request>>,
    queue: Arc<Queue>,
    threads: Vec<JoinHandle<()>>,
}

type DecodeResult = Result<Rgb8Image, DecodeError>;

/// An image to decode, and where to send the result.
struct Request {
    image: ImageSource,
    result: SyncSender<DecodeResult>,
}

/// The receiving end of the requests, which all threads share, and the bytes of the results that wait for the consumer.
struct Queue {
    requests: Mutex<Receiver<Request>>,
    /// `None` after the iterator was dropped.
    waiting: Mutex<Option<usize>>,
    taken: Condvar,
    most: usize,
}

impl Queue {
    fn waiting(&self) -> MutexGuard<'_, Option<usize>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until few enough bytes wait for the consumer, and then for the next request. Returns `None` when there will be no
    /// more. A thread that waits here has no request, so the consumer never waits for it in turn.
    fn next(&self) -> Option<Request> {
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        let mut waiting = self.waiting();
        while waiting.is_some_and(|bytes| bytes > self.most) {
            waiting = self.taken.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        drop(waiting);
        requests.recv().ok()
    }

    /// Counts the bytes of a result that begins to wait for the consumer.
    fn add(&self, result: &DecodeResult) {
        if let Some(waiting) = &mut *self.waiting() {
            *waiting += bytes_of(result);
        }
    }

    /// Takes the bytes of a result that was consumed off the count.
    fn subtract(&self, result: &DecodeResult) {
        if let Some(waiting) = &mut *self.waiting() {
            *waiting -= bytes_of(result);
        }
        self.taken.notify_all();
    }

    /// Lets waiting threads go on, and throws away the requests that no thread has taken.
    fn close(&self) {
        *self.waiting() = None;
        self.taken.notify_all();
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).try_iter().for_each(drop);
    }
}

fn bytes_of(result: &DecodeResult) -> usize {
    result.as_ref().map_or(0, |image| image.pixels.len())
}

impl Prefetch {
    fn new(
        images: Vec<ImageSource>,
        threads: usize,
        ahead: usize,
        most: usize,
        decoder: impl Fn(&ImageSource) -> DecodeResult + Send + Copy + 'static,
    ) -> Self {
        let threads = threads.clamp(1, images.len().max(1));
        let (requests, queue) = mpsc::channel();
        let (requests_left, waiting, taken) = (Mutex::new(queue), Mutex::new(Some(0)), Condvar::new());
        let queue = Arc::new(Queue { requests: requests_left, waiting, taken, most });
        let start = |_| {
            let queue = Arc::clone(&queue);
            thread::spawn(move || {
                while let Some(Request { image, result }) = queue.next() {
                    let decoded = decoder(&image);
                    queue.add(&decoded);
                    // This fails if the iterator was dropped, and then nobody needs the result.
                    let _ = result.send(decoded);
                }
            })
        };
        let threads = (0..threads).map(start).collect();
        let images = images.into_iter().enumerate();
        let mut prefetch = Self { images, requested: VecDeque::new(), requests: Some(requests), queue, threads };
        for _ in 0..ahead.max(1) {
            if !prefetch.request_next() {
                break;
            }
        }
        prefetch
    }

    /// Requests the next image from the threads. Returns `false` if there is none left.
    fn request_next(&mut self) -> bool {
        let (Some(requests), Some((index, image))) = (&self.requests, self.images.next()) else { return false };
        // With room for its one result a channel never makes a thread wait.
        let (result, received) = mpsc::sync_channel(1);
        self.requested.push_back((index, received));
        requests.send(Request { image, result }).is_ok()
    }
}

impl Iterator for Prefetch {
    type Item = Decoded;

    fn next(&mut self) -> Option<Decoded> {
        let (index, received) = self.requested.pop_front()?;
        let decoded = received.recv().expect("a decoding thread answers every request");
        self.queue.subtract(&decoded);
        self.request_next();
        Some((index, decoded))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.requested.len() + self.images.len();
        (left, Some(left))
    }
}

impl ExactSizeIterator for Prefetch {}

impl Drop for Prefetch {
    fn drop(&mut self) {
        self.requests = None;
        self.queue.close();
        for thread in self.threads.drain(..) {
            // A thread that panicked has printed its message already, and a destructor must not panic as well.
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

    /// Stands in for decoding a file. It takes longer for some images than for others, so that threads finish out of order, and
    /// fails for one image in seven.
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
    fn yields_every_image_and_every_error_in_the_order_of_the_list() {
        for (count, threads, ahead) in [(0, 3, 2), (1, 4, 8), (100, 1, 1), (100, 5, 1), (100, 5, 16), (10, 0, 0)] {
            let decoded: Vec<Decoded> = Prefetch::new(names(count), threads, ahead, 8, uneven).collect();
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
        let mut images = Prefetch::new(names(60), 4, 6, usize::MAX, counting);
        for consumed in 0..60 {
            let started = STARTED.load(Ordering::SeqCst);
            assert!(started <= consumed + 6, "{started} started after {consumed} were consumed");
            assert_eq!(images.next().map(|(index, _)| index), Some(consumed));
            thread::sleep(Duration::from_micros(300));
        }
        assert!(images.next().is_none());
    }

    /// Every image has three bytes, so at most three may wait, and each of the two threads may be working on one more.
    #[test]
    fn few_images_wait_for_the_consumer_if_they_are_large() {
        static STARTED: AtomicUsize = AtomicUsize::new(0);
        fn counting(_: &ImageSource) -> Result<Rgb8Image, DecodeError> {
            STARTED.fetch_add(1, Ordering::SeqCst);
            Ok(Rgb8Image { width: 1, height: 1, pixels: vec![0; 3] })
        }
        let mut images = Prefetch::new(names(60), 2, 40, 8, counting);
        for consumed in 0..60 {
            thread::sleep(Duration::from_micros(300));
            let started = STARTED.load(Ordering::SeqCst);
            assert!(started <= consumed + 3 + 2, "{started} started after {consumed} were consumed");
            assert_eq!(images.next().map(|(index, _)| index), Some(consumed));
        }
        assert!(images.next().is_none());
        // Threads that wait for the consumer must not keep the iterator from being dropped.
        drop(Prefetch::new(names(60), 2, 40, 0, counting));
    }

    #[test]
    fn dropping_it_early_stops_the_threads() {
        static STARTED: AtomicUsize = AtomicUsize::new(0);
        fn counting(source: &ImageSource) -> Result<Rgb8Image, DecodeError> {
            STARTED.fetch_add(1, Ordering::SeqCst);
            uneven(source)
        }
        let mut images = Prefetch::new(names(10_000), 3, 4, usize::MAX, counting);
        let queue = Arc::downgrade(&images.queue);
        assert_eq!(images.next().map(|(index, _)| index), Some(0));
        drop(images);
        assert!(queue.upgrade().is_none(), "a thread is still running");
        assert!(STARTED.load(Ordering::SeqCst) <= 5);
    }

    #[test]
    fn decodes_files_and_yields_an_error_for_each_unreadable_one() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("kernels-tests/golden/io/images");
        let images = ["rgb.png", "truncated.jpg", "missing.png", "face_420.jpg"].map(|name| folder.join(name)).to_vec();
        let widths: Vec<Option<u32>> = decode_ahead(images, 2, 2, StoredOrientation::Applied)
            .map(|(_, decoded)| decoded.ok().map(|picture| picture.width))
            .collect();
        assert_eq!(widths, [Some(32), None, None, Some(178)]);
    }
}
