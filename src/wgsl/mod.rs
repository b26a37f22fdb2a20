//! The shader front end: hand-written WGSL in, expanded WGSL out, and what naga says of it.

mod expand;
mod expression;
mod library;
pub mod reflect;
mod translate;

pub use expand::expand;
pub use library::snippet;
pub use translate::{Language, translate};

/// Why a shader could not be expanded or does not agree with its Rust side.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum ShaderError {
    /// A directive, a name or an expression is wrong.
    #[error("shader line {line}: {reason} in `{text}`")]
    Directive {
        /// Line of the unexpanded source, from 1.
        line: usize,
        /// What is wrong.
        reason: String,
        /// The line itself.
        text: String,
    },
    /// naga refuses the expanded source, or it does not fit what Rust declares.
    #[error("kernel {kernel}: {reason}")]
    Invalid {
        /// The kernel's name.
        kernel: String,
        /// naga's message, or the disagreement.
        reason: String,
    },
}
