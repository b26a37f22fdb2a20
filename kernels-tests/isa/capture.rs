//! Catches what a driver prints. Apple's compiler in Mesa prints its assembly and does not report it in any other way. It runs on
//! Linux only.

#[cfg(target_os = "linux")]
mod linux {
    use std::fs::File;
    use std::io::{self, Read, Seek, Write};
    use std::os::fd::AsRawFd;

    unsafe extern "C" {
        fn dup(descriptor: i32) -> i32;
        fn dup2(from: i32, to: i32) -> i32;
        fn close(descriptor: i32) -> i32;
        fn fflush(stream: *mut std::ffi::c_void) -> i32;
    }

    const OUTPUTS: [i32; 2] = [1, 2];

    /// Runs `work` and returns its result with the text that was printed to stdout and stderr meanwhile.
    pub fn captured<T>(work: impl FnOnce() -> T) -> io::Result<(T, String)> {
        let mut file = tempfile::tempfile()?;
        io::stdout().flush()?;
        let saved = redirect(&file);
        let result = work();
        // SAFETY: a null stream flushes the buffers of all C streams; the saved descriptors were made by `dup` above.
        unsafe {
            fflush(std::ptr::null_mut());
            for (descriptor, saved) in OUTPUTS.into_iter().zip(saved) {
                dup2(saved, descriptor);
                close(saved);
            }
        }
        let mut text = Vec::new();
        file.rewind()?;
        file.read_to_end(&mut text)?;
        Ok((result, String::from_utf8_lossy(&text).into_owned()))
    }

    /// Lets stdout and stderr write to a file, and returns copies of their descriptors.
    fn redirect(file: &File) -> [i32; 2] {
        // SAFETY: the descriptors of stdout and stderr and that of the file are open.
        unsafe {
            fflush(std::ptr::null_mut());
            OUTPUTS.map(|descriptor| {
                let saved = dup(descriptor);
                dup2(file.as_raw_fd(), descriptor);
                saved
            })
        }
    }
}

#[cfg(target_os = "linux")]
pub use linux::captured;

/// Runs `work` and returns its result. Outside Linux, no driver prints what is needed.
#[cfg(not(target_os = "linux"))]
pub fn captured<T>(work: impl FnOnce() -> T) -> std::io::Result<(T, String)> {
    Ok((work(), String::new()))
}
