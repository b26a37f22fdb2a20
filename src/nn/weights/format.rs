//! Recognises weights files of other programs by their content.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// The format of a weights file that another program wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ForeignFormat {
    /// HDF5, as Keras writes it (`.h5`, `.hdf5`).
    Hdf5,
    /// A zip archive with a pickle, or a bare pickle, as `torch.save` writes it (`.pth`, `.pt`, `.bin`).
    Pytorch,
    /// The zip archive of Keras 3 (`.keras`).
    KerasArchive,
}

/// The first bytes of every HDF5 file.
const HDF5: &[u8] = b"\x89HDF\r\n\x1a\n";

/// The first bytes of a zip archive with content.
const ZIP: &[u8] = b"PK\x03\x04";

/// Number of bytes in which a pickle of `torch.save` names what it is: its first object is a long with a fixed value.
const PICKLE: usize = 15;

impl ForeignFormat {
    /// Returns the format of a file, or nothing if it is none of these.
    ///
    /// # Errors
    /// The file cannot be opened or read.
    pub fn of(path: &Path) -> io::Result<Option<ForeignFormat>> {
        let mut start = Vec::new();
        File::open(path)?.take(PICKLE as u64).read_to_end(&mut start)?;
        if start.starts_with(HDF5) {
            return Ok(Some(ForeignFormat::Hdf5));
        }
        if start.starts_with(ZIP) {
            let members = zip::ZipArchive::new(File::open(path)?);
            let names: Vec<String> =
                members.map_or(Vec::new(), |archive| archive.file_names().flatten().map(|name| name.into_owned()).collect());
            let holds = |end: &str| names.iter().any(|name| name == end || name.ends_with(&format!("/{end}")));
            return Ok(match () {
                () if holds("data.pkl") => Some(ForeignFormat::Pytorch),
                () if holds("model.weights.h5") => Some(ForeignFormat::KerasArchive),
                () => None,
            });
        }
        // Protocol 2, then LONG1 of ten bytes: the number with which `torch.save` began before it wrote zip archives.
        let is_old_torch = start.starts_with(b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19");
        Ok(is_old_torch.then_some(ForeignFormat::Pytorch))
    }

    /// Returns what the file is, for messages.
    pub fn name(self) -> &'static str {
        match self {
            ForeignFormat::Hdf5 => "an HDF5 file, as Keras writes it,",
            ForeignFormat::Pytorch => "a checkpoint of PyTorch",
            ForeignFormat::KerasArchive => "an archive of Keras 3",
        }
    }

    /// Returns what to do with the file.
    pub fn remedy(self, path: &Path) -> String {
        let name = path.display();
        match self {
            ForeignFormat::Hdf5 => format!("convert it with `lineament convert {name} --out FILE.safetensors`"),
            // A pickle can run code when it is read. `weights_only` makes PyTorch refuse such a pickle.
            ForeignFormat::Pytorch => format!(
                "write its tensors to a safetensors file with PyTorch, and convert that with `lineament convert`: \
                 python3 -c \"import torch; from safetensors.torch import save_file; \
                 c = torch.load('{name}', map_location='cpu', weights_only=True); c = c.get('state_dict', c); \
                 save_file({{k: v.clone().contiguous() for k, v in c.items()}}, 'weights.safetensors')\""
            ),
            ForeignFormat::KerasArchive => format!(
                "write it as HDF5 with Keras, and convert that with `lineament convert`: \
                 python3 -c \"import keras; keras.saving.load_model('{name}', compile=False).save('weights.h5')\""
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::nn::weights::WeightsFile;

    fn archive(member: &str) -> Vec<u8> {
        let mut writer = zip::ZipWriter::new(io::Cursor::new(Vec::new()));
        writer.start_file(member, zip::write::SimpleFileOptions::default()).expect("a member");
        writer.write_all(b"content").expect("written");
        writer.finish().expect("an archive").into_inner()
    }

    #[test]
    fn files_of_other_programs_are_recognised_by_content_and_the_error_says_what_to_do() {
        let folder = tempfile::tempdir().expect("a folder");
        let old = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19\x2e\x80\x02".to_vec();
        let cases = [
            (b"\x89HDF\r\n\x1a\n\0\0\0\0\0\x08\x08".to_vec(), Some(ForeignFormat::Hdf5), "lineament convert"),
            (archive("archive/data.pkl"), Some(ForeignFormat::Pytorch), "weights_only=True"),
            (old, Some(ForeignFormat::Pytorch), "save_file"),
            (archive("model.weights.h5"), Some(ForeignFormat::KerasArchive), "save('weights.h5')"),
            (archive("notes.txt"), None, "not a valid safetensors file"),
            (b"\x80\x04 another pickle".to_vec(), None, "not a valid safetensors file"),
            (b"\x89HD".to_vec(), None, "not a valid safetensors file"),
        ];
        for (bytes, format, advice) in cases {
            let path = folder.path().join("weights.bin");
            std::fs::write(&path, bytes).expect("a file");
            assert_eq!(ForeignFormat::of(&path).expect("readable"), format);
            let message = WeightsFile::open(&path).expect_err("no safetensors").to_string();
            assert!(message.contains(advice) && message.contains("weights.bin"), "{message}");
        }
    }
}
