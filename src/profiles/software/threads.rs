//! The threads of a software adapter, each bound to a processor of its own.
//!
//! Such a driver starts one thread a processor and wakes them all for a dispatch. On Linux two of them often land on one processor, as the
//! thread that wakes them still occupies another; none moves for the tens of microseconds that a dispatch takes, and the next dispatch finds
//! them where they were. On two processors that made four runs in ten a third slower.

#[cfg(target_os = "linux")]
pub use linux::Threads;

/// Elsewhere threads stay where the system puts them.
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

    /// How long a driver's threads are given to name themselves. They take microseconds, but for those that other programs keep waiting.
    const NAMED_WITHIN: Duration = Duration::from_millis(200);
    const BETWEEN_LOOKS: Duration = Duration::from_micros(100);

    /// Threads that there were at some time.
    #[derive(Debug)]
    pub struct Threads(BTreeSet<i32>);

    impl Threads {
        /// The threads of this program.
        pub fn now() -> Threads {
            let entries = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
            Threads(entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect())
        }

        /// Binds the threads that compute to a processor each, if the calling thread has started one a processor since. What cannot be
        /// bound stays free; says how many were.
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

        /// The threads that compute, if there are `wanted`, more than one. llvmpipe gives names to threads that do anything else, but for
        /// one that submits, which it starts first; the others have the name of the thread that starts them. As a thread names itself
        /// once it runs, more than those are waited for.
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

        /// The threads that have the name of the calling one, in the order in which they were started.
        fn unnamed_since(&self) -> Vec<i32> {
            let Some(own_name) = name("/proc/thread-self/comm") else { return Vec::new() };
            let has_own_name = |thread: &i32| name(&format!("/proc/self/task/{thread}/comm")).as_ref() == Some(&own_name);
            Threads::now().0.difference(&self.0).copied().filter(has_own_name).collect()
        }
    }

    /// The processors that this program may run on, none where the system does not tell.
    fn processors() -> Vec<usize> {
        let Ok(allowed) = sched_getaffinity(None) else { return Vec::new() };
        (0..CpuSet::MAX_CPU).filter(|processor| allowed.is_set(*processor)).collect()
    }

    fn name(path: &str) -> Option<String> {
        std::fs::read_to_string(path).ok()
    }

    #[cfg(test)]
    mod tests {
        use super::*;
        use crate::device::Gpu;

        #[test]
        fn workers_are_bound_to_a_processor_each() {
            let before = Threads::now();
            let gpu = Gpu::open(&Default::default()).expect("an adapter; run tools/setup");
            let processors = processors();
            // A pool of another size is left alone; llvmpipe has one thread a processor where there are few.
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
