//! Binds the threads of a software adapter to one processor each.
//!
//! The driver starts one thread for each processor and wakes them all for a dispatch. On Linux two of them often start on the
//! same processor, because the thread that wakes them still occupies another one. A dispatch takes tens of microseconds. The
//! system does not move a thread in such a short time, so the next dispatch finds the threads on the same processors. On two
//! processors this made four runs out of ten slower by a third.

#[cfg(target_os = "linux")]
pub use linux::Threads;

/// The threads of this program. On systems other than Linux the operating system alone decides where they run.
#[cfg(not(target_os = "linux"))]
#[derive(Debug)]
pub struct Threads;

#[cfg(not(target_os = "linux"))]
impl Threads {
    pub fn now() -> Threads {
        Threads
    }

    pub fn bind_what_started(&self) -> usize {
        0
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::collections::BTreeSet;
    use std::time::{Duration, Instant};

    use rustix::thread::{CpuSet, Pid, sched_getaffinity, sched_setaffinity};

    /// How long to wait for a driver's threads to set their names. They need microseconds, unless other programs occupy the
    /// processors.
    const NAMED_WITHIN: Duration = Duration::from_millis(200);
    /// How long to wait before their names are read again.
    const BETWEEN_LOOKS: Duration = Duration::from_micros(100);

    /// The threads that this program had at some time.
    #[derive(Debug)]
    pub struct Threads(BTreeSet<i32>);

    impl Threads {
        /// Returns the threads that this program has now.
        pub fn now() -> Threads {
            let entries = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
            Threads(entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect())
        }

        /// Binds each compute thread that was started after [`Threads::now`] to a processor of its own, if exactly one was
        /// started for each processor. Returns the number of bound threads. A thread that cannot be bound is left as it is.
        pub fn bind_what_started(&self) -> usize {
            let processors = processors();
            let pairs = self.workers_since(processors.len()).into_iter().zip(processors);
            let bind = |(thread, processor): (i32, usize)| {
                let mut only = CpuSet::new();
                only.set(processor);
                sched_setaffinity(Pid::from_raw(thread), &only).is_ok()
            };
            pairs.map(bind).filter(|is_bound| *is_bound).count()
        }

        /// Returns the compute threads that were started after [`Threads::now`], if there are exactly `wanted` and more than one.
        ///
        /// A compute thread keeps the name of the thread that started it. llvmpipe gives its other threads names of their own,
        /// except for a thread that submits work, which it starts first. A thread sets its name when it first runs, so this
        /// function waits while too many threads have no name of their own.
        fn workers_since(&self, wanted: usize) -> Vec<i32> {
            let began = Instant::now();
            loop {
                let started = self.unnamed_since();
                match started.len().checked_sub(wanted) {
                    Some(others @ 0..=1) if wanted > 1 => return started[others..].to_vec(),
                    Some(2..) if wanted > 1 && began.elapsed() < NAMED_WITHIN => std::thread::sleep(BETWEEN_LOOKS),
                    _ => return Vec::new(),
                }
            }
        }

        /// Returns the threads that were started after [`Threads::now`] and have the name of the calling thread, in the order in
        /// which they were started.
        fn unnamed_since(&self) -> Vec<i32> {
            let Some(own_name) = name("/proc/thread-self/comm") else { return Vec::new() };
            let has_own_name = |thread: &i32| name(&format!("/proc/self/task/{thread}/comm")).as_ref() == Some(&own_name);
            Threads::now().0.difference(&self.0).copied().filter(has_own_name).collect()
        }
    }

    /// Returns the processors that this program may run on, or an empty list if the system does not tell.
    fn processors() -> Vec<usize> {
        let Ok(allowed) = sched_getaffinity(None) else { return Vec::new() };
        (0..CpuSet::MAX_CPU).filter(|processor| allowed.is_set(*processor)).collect()
    }

    /// Returns the name of a thread.
    fn name(path: &str) -> Option<String> {
        std::fs::read_to_string(path).ok()
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn workers_are_bound_to_a_processor_each() {
            let before = Threads::now();
            let Some(gpu) = crate::testing::gpu() else { return };
            let processors = processors();
            // A pool of another size is left alone. llvmpipe starts one thread for each processor only if there are few.
            let is_pool = gpu.report().driver.starts_with("llvmpipe") && std::env::var_os("LP_NUM_THREADS").is_none();
            if !is_pool || !(2..=8).contains(&processors.len()) {
                return;
            }
            let bound_to = |thread: i32| {
                let allowed = sched_getaffinity(Pid::from_raw(thread)).expect("a thread of this program");
                (0..CpuSet::MAX_CPU).filter(|processor| allowed.is_set(*processor)).collect::<Vec<_>>()
            };
            before.bind_what_started();
            let found: Vec<Vec<usize>> = before.workers_since(processors.len()).into_iter().map(bound_to).collect();
            assert_eq!(found, processors.iter().map(|processor| vec![*processor]).collect::<Vec<_>>());
        }
    }
}
