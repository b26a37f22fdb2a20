//! The threads of a software adapter, each bound to a processor of its own.
//!
//! Such a driver starts one thread a processor and wakes them all for a dispatch. On Linux two of them often land on one processor, as the
//! thread that wakes them still occupies another; none moves for the tens of microseconds that a dispatch takes, and the next dispatch finds
//! them where they were. On two processors that made four runs in ten a third slower.

#[cfg(target_os = "linux")]
pub(super) use linux::Threads;

/// Elsewhere threads stay where the system puts them.
#[cfg(not(target_os = "linux"))]
#[derive(Debug)]
pub(super) struct Threads;

#[cfg(not(target_os = "linux"))]
impl Threads {
    pub(super) fn now() -> Threads {
        Threads
    }

    pub(super) fn bind_what_started(&self) {}
}

#[cfg(target_os = "linux")]
mod linux {
    use std::collections::BTreeSet;

    use rustix::thread::{CpuSet, Pid, sched_getaffinity, sched_setaffinity};

    /// Threads that there were at some time.
    #[derive(Debug)]
    pub(in super::super) struct Threads(BTreeSet<i32>);

    impl Threads {
        /// The threads of this program.
        pub(in super::super) fn now() -> Threads {
            let entries = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
            Threads(entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect())
        }

        /// Binds the threads that compute to a processor each, if the calling thread has started one a processor since. llvmpipe first
        /// starts those that draw, which it names, and then those that compute, which have the name of the thread that starts them.
        pub(in super::super) fn bind_what_started(&self) {
            let Some(own_name) = name("/proc/thread-self/comm") else { return };
            let Threads(all) = Threads::now();
            let started =
                all.difference(&self.0).filter_map(|thread| Some((*thread, name(&format!("/proc/self/task/{thread}/comm"))?)));
            let after_drawing = started.skip_while(|(_, name)| !name.starts_with("llvmpipe"));
            let workers: Vec<i32> = after_drawing.filter(|(_, name)| *name == own_name).map(|(thread, _)| thread).collect();
            let Ok(allowed) = sched_getaffinity(None) else { return };
            let processors: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|processor| allowed.is_set(*processor)).collect();
            if workers.len() != processors.len() || workers.len() < 2 {
                return;
            }
            for (thread, processor) in workers.into_iter().zip(processors) {
                let mut only = CpuSet::new();
                only.set(processor);
                let _ = sched_setaffinity(Pid::from_raw(thread), &only);
            }
        }
    }

    fn name(path: &str) -> Option<String> {
        std::fs::read_to_string(path).ok()
    }
}
