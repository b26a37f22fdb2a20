//! `kernels emit`: the WGSL of a variant after expansion, and its translations for other graphics interfaces.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;

use lineament::data::write_atomically;
use lineament::ops::ALL;
use lineament::plan::{Kernel, Variant};
use lineament::wgsl::{self, ShaderError, reflect, translate};

use crate::commands::arguments::{EmitArguments, Language};

/// Why nothing was printed.
#[derive(Debug, thiserror::Error)]
pub enum EmitError {
    /// No kernel of that name.
    #[error("there is no kernel `{name}`; there are: {}", known.join(", "))]
    Kernel {
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<&'static str>,
    },
    /// No variant of that name.
    #[error("kernel {kernel} has no variant `{name}`; it has: {}", known.join(", "))]
    Variant {
        /// The kernel.
        kernel: &'static str,
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<&'static str>,
    },
    /// The shader does not declare this override, or the value is not a number.
    #[error("--override {text}: expected NAME=NUMBER with NAME one of: {}", known.join(", "))]
    Override {
        /// What was given.
        text: String,
        /// What the shader declares.
        known: Vec<&'static str>,
    },
    /// Binary output on a terminal.
    #[error("SPIR-V is binary; give --out FILE, or pipe it into a disassembler")]
    Terminal,
    /// The kernel does not translate.
    #[error(transparent)]
    Shader(#[from] ShaderError),
    /// The file cannot be written.
    #[error("{}: cannot be written: {reason}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The operating system's words.
        reason: String,
    },
}

/// Prints a variant, or writes it to a file.
///
/// # Errors
/// There is no such kernel, variant or override, or the result cannot be written. [`EmitError`] lists the names that exist.
pub fn run(arguments: &EmitArguments) -> Result<(), EmitError> {
    let (kernel, variant) = find(&arguments.kernel, arguments.variant.as_deref())?;
    let overrides = arguments.overrides.iter().map(|text| parse_override(kernel, text)).collect::<Result<Vec<_>, _>>()?;
    let source = reflect::source(kernel, variant, arguments.lanes)?;
    let language = match arguments.language {
        Language::Wgsl => wgsl::Language::Wgsl,
        Language::Spirv => wgsl::Language::Spirv,
        Language::Msl => wgsl::Language::Msl,
        Language::Hlsl => wgsl::Language::Hlsl,
        Language::Glsl => wgsl::Language::Glsl,
    };
    let bytes = translate(kernel.name, &source, &overrides, language)?;
    match &arguments.out {
        Some(path) => write_atomically(path, |writer| writer.write_all(&bytes))
            .map_err(|error| EmitError::Write { path: path.clone(), reason: error.to_string() }),
        None if language == wgsl::Language::Spirv && std::io::stdout().is_terminal() => Err(EmitError::Terminal),
        None => {
            // A closed pipe means that the reader has enough.
            let _ = std::io::stdout().lock().write_all(&bytes);
            Ok(())
        }
    }
}

fn find(kernel: &str, variant: Option<&str>) -> Result<(&'static Kernel, &'static Variant), EmitError> {
    let found = ALL.iter().find(|known| known.name == kernel);
    let found =
        found.ok_or_else(|| EmitError::Kernel { name: kernel.into(), known: ALL.iter().map(|known| known.name).collect() })?;
    let Some(name) = variant else { return Ok((found, &found.variants[0])) };
    let of_name = found.variants.iter().find(|known| known.name == name);
    let known = || found.variants.iter().map(|known| known.name).collect();
    Ok((found, of_name.ok_or_else(|| EmitError::Variant { kernel: found.name, name: name.into(), known: known() })?))
}

fn parse_override(kernel: &Kernel, text: &str) -> Result<(String, f64), EmitError> {
    let wrong = || EmitError::Override { text: text.into(), known: kernel.overrides.iter().map(|(name, _)| *name).collect() };
    let (name, value) = text.split_once('=').ok_or_else(wrong)?;
    if kernel.overrides.iter().all(|(known, _)| *known != name) {
        return Err(wrong());
    }
    Ok((name.to_string(), value.parse().map_err(|_| wrong())?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_named_with_what_is() {
        assert!(find("stream", Some("1 vector")).is_ok());
        assert!(find("streams", None).unwrap_err().to_string().contains("stream,"));
        assert!(find("stream", Some("2")).unwrap_err().to_string().contains("4 vectors"));
        let (kernel, _) = find("kmeans_assign", None).unwrap();
        assert_eq!(parse_override(kernel, "TIES_BY_KEY=1").unwrap(), ("TIES_BY_KEY".to_string(), 1.0));
        for wrong in ["TIES_BY_KEY", "TIES_BY_KEY=x", "TIES=1"] {
            assert!(parse_override(kernel, wrong).unwrap_err().to_string().contains("TIES_BY_KEY"), "{wrong}");
        }
    }
}
