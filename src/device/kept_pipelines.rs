//! What a driver compiled, kept between runs.

use std::io::Write;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::Gpu;

/// Bytes of the hash that a file begins with.
const HASH_BYTES: usize = 32;

/// The driver's own form of the pipelines it compiled, and the file that they are written to when it is dropped.
#[derive(Debug)]
pub(super) struct KeptPipelines {
    pub(super) cache: wgpu::PipelineCache,
    path: PathBuf,
    known: Vec<u8>,
}

impl Gpu {
    /// Compiles pipelines from now on by way of what earlier runs on this adapter and driver left in `folder`, and leaves there what is
    /// new when the device is closed. Only Vulkan offers that. What cannot be read is compiled again, and what cannot be written will
    /// be: nothing but time depends on it.
    pub fn keep_pipelines(&mut self, folder: &Path) {
        if !self.device.features().contains(wgpu::Features::PIPELINE_CACHE) {
            return;
        }
        let path = folder.join(format!("pipelines-{}.bin", self.report().hash()));
        let known = std::fs::read(&path).ok().and_then(|file| unpacked(&file)).unwrap_or_default();
        let descriptor = wgpu::PipelineCacheDescriptor {
            label: Some("kept pipelines"),
            data: (!known.is_empty()).then_some(&known),
            // What another version of the driver left is set aside.
            fallback: true,
        };
        // SAFETY: the data must be what `get_data` returned. By its hash it is what was written, and nothing else is written; wgpu and
        // the driver find out by their own headers whether it is of this device and version.
        let cache = unsafe { self.device.create_pipeline_cache(&descriptor) };
        self.kept_pipelines = Some(KeptPipelines { cache, path, known });
    }
}

impl KeptPipelines {
    fn write(&self) -> Option<()> {
        let found = self.cache.get_data().filter(|found| *found != self.known)?;
        let folder = self.path.parent()?;
        std::fs::create_dir_all(folder).ok()?;
        // Other processes may read the file at the same time, so it appears whole or not at all.
        let mut file = tempfile::NamedTempFile::new_in(folder).ok()?;
        file.write_all(&packed(&found)).ok()?;
        file.persist(&self.path).ok().map(|_| ())
    }
}

impl Drop for KeptPipelines {
    fn drop(&mut self) {
        // Without a file the next run compiles again: nothing that would be worth a word.
        let _ = self.write();
    }
}

fn packed(data: &[u8]) -> Vec<u8> {
    [&Sha256::digest(data)[..], data].concat()
}

/// What was packed, if the file is whole.
fn unpacked(file: &[u8]) -> Option<Vec<u8>> {
    let (hash, data) = file.split_at_checked(HASH_BYTES)?;
    (Sha256::digest(data)[..] == *hash).then(|| data.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pipelines_are_kept_and_what_is_no_such_file_is_set_aside() {
        let folder = tempfile::tempdir().expect("a folder");
        let below = folder.path().join("not made yet");
        let compile = || {
            let mut gpu = Gpu::open(&Default::default()).expect("an adapter; run tools/setup");
            gpu.keep_pipelines(&below);
            let source = "@compute @workgroup_size(1) fn main() { }";
            gpu.compile("nothing", &[], source, &[]).expect("a pipeline");
            gpu.device.features().contains(wgpu::Features::PIPELINE_CACHE)
        };
        let files = || std::fs::read_dir(&below).into_iter().flatten().flatten().map(|entry| entry.path()).collect::<Vec<_>>();
        if !compile() {
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
