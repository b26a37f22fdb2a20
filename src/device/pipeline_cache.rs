//! Caches the driver's compiled pipelines on disk between runs.

use std::io::Write;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::Gpu;

/// Number of bytes of the hash at the beginning of a file.
const HASH_BYTES: usize = 32;

/// A cache of compiled pipelines in the driver's format. When it is dropped, its data is written to a file.
#[derive(Debug)]
pub(super) struct PipelineCacheFile {
    pub(super) cache: wgpu::PipelineCache,
    path: PathBuf,
    /// The data that was read from the file.
    known: Vec<u8>,
}

impl Gpu {
    /// Caches compiled pipelines in a file in `folder`, one for each adapter and driver. The file is read now and written when
    /// the device is closed. Only Vulkan supports this; other backends ignore the call. Errors are ignored too, because without
    /// the file pipelines are just compiled again.
    pub fn keep_pipelines(&mut self, folder: &Path) {
        if !self.device.features().contains(wgpu::Features::PIPELINE_CACHE) {
            return;
        }
        let path = folder.join(format!("pipelines-{}.bin", self.report().hash()));
        let known = std::fs::read(&path).ok().and_then(|file| unpacked(&file)).unwrap_or_default();
        let descriptor = wgpu::PipelineCacheDescriptor {
            label: Some("pipeline cache"),
            data: (!known.is_empty()).then_some(&known),
            // Ignore the data of another driver version instead of failing.
            fallback: true,
        };
        // SAFETY: the data must come from `get_data`. Only data from there is written, and the hash proves that the file is
        // unchanged. wgpu and the driver check by their own headers that it belongs to this device and driver version.
        let cache = unsafe { self.device.create_pipeline_cache(&descriptor) };
        self.pipeline_cache = Some(PipelineCacheFile { cache, path, known });
    }
}

impl PipelineCacheFile {
    /// Writes the data to the file if it changed.
    fn write(&self) -> Option<()> {
        let found = self.cache.get_data().filter(|found| *found != self.known)?;
        let folder = self.path.parent()?;
        std::fs::create_dir_all(folder).ok()?;
        // Other processes may read the file at the same time, so it is replaced atomically.
        let mut file = tempfile::NamedTempFile::new_in(folder).ok()?;
        file.write_all(&packed(&found)).ok()?;
        file.persist(&self.path).ok().map(|_| ())
    }
}

impl Drop for PipelineCacheFile {
    fn drop(&mut self) {
        // An error needs no message: without the file, the next run just compiles again.
        let _ = self.write();
    }
}

/// Returns the content of a file: the SHA-256 of `data`, then `data`.
fn packed(data: &[u8]) -> Vec<u8> {
    [&Sha256::digest(data)[..], data].concat()
}

/// Returns the data of a file, if its hash is right.
fn unpacked(file: &[u8]) -> Option<Vec<u8>> {
    let (hash, data) = file.split_at_checked(HASH_BYTES)?;
    (Sha256::digest(data)[..] == *hash).then(|| data.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pipelines_are_cached_and_damaged_files_are_replaced() {
        let folder = tempfile::tempdir().expect("a folder");
        let cache = folder.path().join("not created yet");
        let compile = || {
            let mut gpu = crate::testing::gpu()?;
            gpu.keep_pipelines(&cache);
            let source = "@compute @workgroup_size(1) fn main() { }";
            gpu.compile("nothing", &[], source, &[]).expect("a pipeline");
            Some(gpu.device.features().contains(wgpu::Features::PIPELINE_CACHE))
        };
        let files = || std::fs::read_dir(&cache).into_iter().flatten().flatten().map(|entry| entry.path()).collect::<Vec<_>>();
        let Some(has_cache) = compile() else { return };
        if !has_cache {
            assert!(files().is_empty());
            return;
        }
        let [path] = &files()[..] else { panic!("{:?}", files()) };
        let whole = std::fs::read(path).expect("the file");
        assert!(unpacked(&whole).is_some_and(|data| !data.is_empty()));
        compile();
        assert_eq!(std::fs::read(path).expect("the file"), whole);
        for broken in [&whole[..whole.len() - 1], &whole[1..], b"no pipelines", b""] {
            std::fs::write(path, broken).expect("a written file");
            compile();
            assert_eq!(std::fs::read(path).expect("the file"), whole);
        }
    }
}
