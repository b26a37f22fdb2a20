//! Shaders: expanding hand-written WGSL, validating it with naga, checking it against its declaration in Rust, and translating
//! it.

mod expand;
mod expression;
mod library;
pub mod reflect;
mod standard;
mod translate;

use std::path::PathBuf;

pub use expand::expand;
pub use library::{kernel_source, read_shaders_from, snippet};
pub use standard::standard;
pub use translate::{Language, translate};

/// Why a shader is invalid.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum ShaderError {
    /// A directive, a name or an expression is wrong.
    #[error("shader line {line}: {reason} in `{text}`")]
    Directive {
        /// Line of the unexpanded source, from 1.
        line: usize,
        /// What is wrong.
        reason: String,
        /// The text of the line.
        text: String,
    },
    /// naga rejects the expanded source, or the source differs from its declaration in Rust.
    #[error("kernel {kernel}: {reason}")]
    Invalid {
        /// The kernel's name.
        kernel: String,
        /// naga's message, or the differences.
        reason: String,
    },
    /// A file that should replace a shader cannot be used.
    #[error("{}: {reason}; name a copy of the folder `shaders`", path.display())]
    Source {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}
