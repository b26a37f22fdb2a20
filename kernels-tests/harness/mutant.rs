//! Files of `kernels-tests/mutants`: their format, and the broken sources that they describe.

use lineament::ops;
use lineament::plan::{Kernel, Variant};
use lineament::wgsl::{ShaderError, expand, kernel_source, snippet};

/// Name and text of every file in `kernels-tests/mutants`, in the order of their names.
pub const ALL: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/mutants.rs"));

/// Why a mutant cannot be tested.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum MutantError {
    /// The file does not follow the format.
    #[error("mutant {mutant}, line {line}: {reason}; kernels-tests/README.md describes the format")]
    Malformed {
        /// Name of the file.
        mutant: String,
        /// Line of the file, from 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// There is no such kernel, snippet or variant.
    #[error("mutant {mutant}: there is no {kind} `{name}`")]
    NoSuchName {
        /// Name of the file.
        mutant: String,
        /// What the name should be a name of: kernel, snippet or variant.
        kind: &'static str,
        /// The name in the file.
        name: String,
    },
    /// No variant has the line to replace.
    #[error("mutant {mutant}: no variant has the line `{line}`; the shader has changed, so change the mutant")]
    NoSuchLine {
        /// Name of the file.
        mutant: String,
        /// The line.
        line: String,
    },
    /// An exception names a variant that the mutant does not change.
    #[error("mutant {mutant}: `except: {exception}` names a variant that the mutant does not change; remove the line")]
    IdleException {
        /// Name of the file.
        mutant: String,
        /// Kernel and variant, or the variant alone.
        exception: String,
    },
    /// The broken source does not expand.
    #[error("mutant {mutant}: {error}")]
    Expansion {
        /// Name of the file.
        mutant: String,
        /// What the expander says.
        error: ShaderError,
    },
}

/// The shader that a mutant changes.
#[derive(Debug, Clone, Copy)]
enum Target {
    /// One kernel. Lines of the snippets that it imports can be changed too, for this kernel only.
    Kernel(&'static Kernel),
    /// A snippet of `shaders/lib`, for every kernel that imports it.
    Snippet(&'static str),
}

/// A mutant as its file describes it.
#[derive(Debug)]
pub struct Mutant {
    /// Name of the file without its ending.
    pub name: &'static str,
    target: Target,
    /// What is wrong with it.
    pub why: &'static str,
    /// Lines without the blanks around them, each with its replacement.
    pairs: Vec<(&'static str, &'static str)>,
    /// `VARIANT` or `KERNEL VARIANT`, where the broken shader computes the same.
    exceptions: Vec<&'static str>,
}

impl Mutant {
    /// Reads a file of `kernels-tests/mutants`.
    pub fn parse(name: &'static str, text: &'static str) -> Result<Mutant, MutantError> {
        let malformed = |line: usize, reason: &str| {
            let (mutant, reason) = (name.to_string(), reason.to_string());
            MutantError::Malformed { mutant, line, reason }
        };
        let unknown = |kind, name_in_file: &str| {
            let (mutant, name) = (name.to_string(), name_in_file.to_string());
            MutantError::NoSuchName { mutant, kind, name }
        };
        let (mut target, mut why, mut pairs, mut exceptions, mut removed) = (None, None, Vec::new(), Vec::new(), None);
        for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
            if let Some(kernel) = line.strip_prefix("kernel:").map(str::trim) {
                target = Some(Target::Kernel(ops::kernel(kernel).ok_or_else(|| unknown("kernel", kernel))?));
            } else if let Some(name) = line.strip_prefix("snippet:").map(str::trim) {
                snippet(name).ok_or_else(|| unknown("snippet", name))?;
                target = Some(Target::Snippet(name));
            } else if let Some(words) = line.strip_prefix("why:") {
                why = Some(words.trim());
            } else if let Some(exception) = line.strip_prefix("except:") {
                let (variant, _) = exception
                    .split_once(" because ")
                    .ok_or_else(|| malformed(number, "an `except:` line without ` because `"))?;
                exceptions.push(variant.trim());
            } else if let Some(line) = line.strip_prefix('-') {
                if removed.replace(line.trim()).is_some() {
                    return Err(malformed(number, "two `-` lines in a row"));
                }
            } else if let Some(line) = line.strip_prefix('+') {
                let from = removed.take().ok_or_else(|| malformed(number, "a `+` line without its `-` line"))?;
                pairs.push((from, line.trim()));
            } else {
                return Err(malformed(number, "a line of no known kind"));
            }
        }
        let last = text.lines().count();
        let target = target.ok_or_else(|| malformed(last, "no `kernel:` or `snippet:` line"))?;
        let why = why.ok_or_else(|| malformed(last, "no `why:` line"))?;
        if removed.is_some() || pairs.is_empty() {
            return Err(malformed(last, "a `-` line without its `+` line, or no pair at all"));
        }
        Ok(Mutant { name, target, why, pairs, exceptions })
    }

    /// Returns the variants that the mutant changes, each with its broken source after expansion.
    ///
    /// # Errors
    /// A line to replace is in no variant, an exception names none of those, or the broken source does not expand.
    pub fn broken_variants(&self, subgroup_size: Option<u32>) -> Result<Vec<Broken>, MutantError> {
        let mutant = || self.name.to_string();
        let kernels = ops::ALL.iter().copied().filter(|kernel| match self.target {
            Target::Kernel(target) => target.name == kernel.name,
            Target::Snippet(name) => with_snippets(kernel_source(kernel)).iter().any(|line| line.snippet == Some(name)),
        });
        let (mut broken, mut found) = (Vec::new(), vec![false; self.pairs.len()]);
        for kernel in kernels {
            let original = with_snippets(kernel_source(kernel));
            let mut in_source = vec![false; self.pairs.len()];
            let changed: Vec<&str> = original.iter().map(|line| self.replace(*line, |_| true, &mut in_source)).collect();
            let (original, changed) = (join(original.iter().map(|line| line.text)), join(changed.into_iter()));
            for variant in kernel.variants {
                let constants = variant.expansion(subgroup_size);
                let expanded = |source: &str| {
                    expand(source, &constants, kernel.params).map_err(|error| MutantError::Expansion { mutant: mutant(), error })
                };
                let (original, changed) = (expanded(&original)?, expanded(&changed)?);
                // A mutant may also give a line as one variant has it after expansion.
                let mut in_variant = in_source.clone();
                let source = match self.target {
                    Target::Kernel(_) => join(
                        changed
                            .lines()
                            .map(|text| self.replace(Line { text, snippet: None }, |pair| !in_source[pair], &mut in_variant)),
                    ),
                    Target::Snippet(_) => changed,
                };
                found.iter_mut().zip(&in_variant).for_each(|(found, here)| *found |= here);
                if source != original {
                    broken.push(Broken { kernel, variant, source });
                }
            }
        }
        if let Some(at) = found.iter().position(|found| !found) {
            return Err(MutantError::NoSuchLine { mutant: mutant(), line: self.pairs[at].0.to_string() });
        }
        if broken.is_empty() {
            return Err(MutantError::NoSuchLine { mutant: mutant(), line: self.pairs[0].0.to_string() });
        }
        let idle = |exception: &&&str| !broken.iter().any(|broken| broken.is_named(exception));
        if let Some(exception) = self.exceptions.iter().find(idle) {
            return Err(MutantError::IdleException { mutant: mutant(), exception: exception.to_string() });
        }
        Ok(broken)
    }

    /// Returns whether an exception says that the broken shader computes the same in this variant.
    pub fn excepts(&self, broken: &Broken) -> bool {
        self.exceptions.iter().any(|exception| broken.is_named(exception))
    }

    /// Returns what takes the place of a line, and marks the pair that replaces it as found. Only those pairs count whose
    /// position `is_wanted` accepts.
    fn replace<'a>(&self, line: Line<'a>, is_wanted: impl Fn(usize) -> bool, found: &mut [bool]) -> &'a str {
        if let Target::Snippet(name) = self.target
            && line.snippet != Some(name)
        {
            return line.text;
        }
        let at = self.pairs.iter().position(|(from, _)| line.text.trim() == *from).filter(|at| is_wanted(*at));
        at.map_or(line.text, |at| {
            found[at] = true;
            self.pairs[at].1
        })
    }
}

/// A line of a kernel's source before expansion.
#[derive(Debug, Clone, Copy)]
struct Line<'a> {
    text: &'a str,
    /// The snippet that it comes from; `None` for the kernel's own lines.
    snippet: Option<&'a str>,
}

/// Returns the lines of a source with those of its snippets in place of the imports.
fn with_snippets(source: &'static str) -> Vec<Line<'static>> {
    fn append(source: &'static str, of: Option<&'static str>, imported: &mut Vec<&'static str>, lines: &mut Vec<Line<'static>>) {
        for text in source.lines() {
            let import = text.strip_prefix("#import ").map(str::trim);
            match import.and_then(|name| Some((name, snippet(name)?))) {
                Some((name, _)) if imported.contains(&name) => {}
                Some((name, source)) => {
                    imported.push(name);
                    append(source, Some(name), imported, lines);
                }
                None => lines.push(Line { text, snippet: of }),
            }
        }
    }
    let mut lines = Vec::new();
    append(source, None, &mut Vec::new(), &mut lines);
    lines
}

fn join<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    lines.flat_map(|line| [line, "\n"]).collect()
}

/// A variant that a mutant changes.
#[derive(Debug)]
pub struct Broken {
    /// The kernel.
    pub kernel: &'static Kernel,
    /// Its variant.
    pub variant: &'static Variant,
    /// The broken source after expansion.
    pub source: String,
}

impl Broken {
    /// Returns `KERNEL VARIANT`.
    pub fn label(&self) -> String {
        format!("{} {}", self.kernel.name, self.variant.name)
    }

    /// Returns whether an exception names this variant.
    fn is_named(&self, exception: &str) -> bool {
        exception == self.variant.name || exception == self.label()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lineament::wgsl::reflect;

    #[test]
    fn every_mutant_occurs_in_a_variant_and_is_valid() {
        for (name, text) in ALL {
            let mutant = Mutant::parse(name, text).unwrap_or_else(|error| panic!("{error}"));
            for broken in mutant.broken_variants(Some(8)).unwrap_or_else(|error| panic!("{error}")) {
                reflect::validate(broken.kernel.name, &broken.source).unwrap_or_else(|error| panic!("{name}: {error}"));
            }
        }
    }

    #[test]
    fn every_kernel_and_every_snippet_has_a_mutant() {
        let (mut kernels, mut snippets) = (Vec::new(), Vec::new());
        for (name, text) in ALL {
            let mutant = Mutant::parse(name, text).unwrap_or_else(|error| panic!("{error}"));
            kernels.extend(mutant.broken_variants(Some(8)).unwrap().iter().map(|broken| broken.kernel.name));
            for line in mutant.broken_variants(Some(8)).unwrap().iter().flat_map(|broken| with_snippets(broken.kernel.source)) {
                if mutant.pairs.iter().any(|(from, _)| *from == line.text.trim()) {
                    snippets.extend(line.snippet);
                }
            }
        }
        for kernel in ops::ALL {
            assert!(kernels.contains(&kernel.name), "kernel {} has no mutant", kernel.name);
        }
        let used = ops::ALL.iter().flat_map(|kernel| with_snippets(kernel_source(kernel))).filter_map(|line| line.snippet);
        let mut unbroken: Vec<&str> = used.filter(|name| !snippets.contains(name)).collect();
        unbroken.dedup();
        assert!(unbroken.is_empty(), "snippets without a mutant: {unbroken:?}");
    }

    #[test]
    fn a_mutant_of_a_snippet_breaks_every_kernel_that_imports_it() {
        let text = "snippet: tree_sum\nwhy: x\n- workgroupBarrier();\n+ storageBarrier();\n";
        let broken = Mutant::parse("example", text).unwrap().broken_variants(Some(8)).unwrap();
        let mut kernels: Vec<&str> = broken.iter().map(|broken| broken.kernel.name).collect();
        kernels.dedup();
        assert!(kernels.len() > 1, "{kernels:?}");
    }

    #[test]
    fn lines_of_a_snippet_belong_to_it_and_imports_are_resolved_once() {
        for kernel in ops::ALL {
            let lines = with_snippets(kernel_source(kernel));
            assert!(lines.iter().all(|line| !line.text.starts_with("#import")), "{}", kernel.name);
            let flat = join(lines.iter().map(|line| line.text));
            for variant in kernel.variants {
                let constants = variant.expansion(Some(8));
                assert_eq!(
                    expand(&flat, &constants, kernel.params),
                    expand(kernel_source(kernel), &constants, kernel.params),
                    "{} {}",
                    kernel.name,
                    variant.name
                );
            }
        }
    }

    #[test]
    fn mistakes_in_a_mutant_are_named() {
        let line = "var sum = vec4<f32>();";
        for (text, message) in [
            (format!("kernel: pool\nwhy: x\n- {line}\n+ y\n"), "no kernel `pool`"),
            (format!("snippet: pool\nwhy: x\n- {line}\n+ y\n"), "no snippet `pool`"),
            (format!("kernel: global_average_pool\n- {line}\n+ y\n"), "no `why:` line"),
            ("kernel: global_average_pool\nwhy: x\n- nowhere\n+ y\n".into(), "no variant has the line `nowhere`"),
            (format!("kernel: global_average_pool\nwhy: x\n- {line}\n"), "without its `+` line"),
            ("kernel: global_average_pool\nwhy: x\n+ y\n".into(), "line 3: a `+` line without its `-` line"),
            ("kernel: global_average_pool\nwhy: x\n".into(), "no pair at all"),
            (format!("kernel: global_average_pool\nwhy: x\nexcept: y\n- {line}\n+ y\n"), "without ` because `"),
            (format!("kernel: global_average_pool\nwhy: x\nexcept: y because z\n- {line}\n+ y\n"), "does not change"),
            ("cernel: x\n".into(), "line 1: a line of no known kind"),
        ] {
            let error = Mutant::parse("example", text.leak()).and_then(|mutant| mutant.broken_variants(Some(8))).unwrap_err();
            let error = error.to_string();
            assert!(error.contains(message), "`{error}` does not say `{message}`");
        }
    }
}
