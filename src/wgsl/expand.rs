//! Expands the directives in shaders to plain WGSL.
//!
//! | directive | expands to |
//! | --- | --- |
//! | `#import NAME` | the snippet `shaders/lib/NAME.wgsl`, unless it was imported before |
//! | `#params` | `struct Params` with the fields that the kernel declares in Rust, and the uniform `params` at binding 0 |
//! | `#entry SIZE {` … `}` | the entry point, with workgroups of SIZE threads |
//! | `#entry subgroup {` … `}` | the entry point, with workgroups of one subgroup of `$LANES` threads |
//! | `#for i in A..B` … `#end` | the enclosed lines, once for each `i` from A to B − 1 |
//! | `#if EXPRESSION` … `#end` | the enclosed lines, if the expression is not 0 |
//! | `$NAME`, `$(EXPRESSION)` | the value of a constant, a loop variable or an integer expression |
//!
//! Within `#entry SIZE`, `workgroup` is the index of the workgroup and `thread` the index of the thread in its workgroup. Within
//! `#entry subgroup`, `lane` replaces `thread`. WebGPU guarantees only 65,535 workgroups in a dimension, so a larger number is
//! arranged in two dimensions. There may then be a few workgroups too many: a kernel must return if `workgroup` exceeds its work.
//!
//! Loops serve to write register tiles. Their accumulators must be named variables, because every adapter that was measured keeps
//! an array that is indexed in a loop in memory instead of in registers.

use super::standard::ENABLE_SUBGROUPS;
use super::{ShaderError, expression, library};
use crate::plan::ParamField;

/// Expands `source` with the constants of a variant and the fields of `Params`.
///
/// # Errors
/// Returns [`ShaderError::Directive`], which names the line, for an unknown directive or snippet, an undefined name, a block
/// without an end, or an invalid expression.
pub fn expand(source: &str, constants: &[(impl AsRef<str>, i64)], params: &[ParamField]) -> Result<String, ShaderError> {
    let mut expander = Expander {
        output: String::with_capacity(source.len() * 2),
        scope: constants.iter().map(|(name, value)| (name.as_ref().to_string(), *value)).collect(),
        imported: Vec::new(),
        params,
    };
    expander.source(source)?;
    Ok(expander.output)
}

/// A line with its number, from 1.
type Numbered<'a> = (usize, &'a str);

struct Expander<'p> {
    output: String,
    /// Constants and loop variables. Inner ones come last and shadow outer ones.
    scope: Vec<(String, i64)>,
    /// Names of the snippets imported so far.
    imported: Vec<String>,
    params: &'p [ParamField],
}

impl Expander<'_> {
    fn source(&mut self, source: &str) -> Result<(), ShaderError> {
        let lines: Vec<Numbered> = source.lines().enumerate().map(|(index, text)| (index + 1, text)).collect();
        self.block(&lines)
    }

    fn block(&mut self, lines: &[Numbered]) -> Result<(), ShaderError> {
        let mut next = 0;
        while let Some(&line) = lines.get(next) {
            next += 1;
            let directive = line.1.trim_start();
            if let Some(name) = directive.strip_prefix("#import ") {
                self.import(line, name.trim())?;
            } else if let Some(header) = directive.strip_prefix("#for ") {
                let body = body_of(lines, next, line)?;
                next += body.len() + 1;
                self.repeat(line, header, body)?;
            } else if let Some(condition) = directive.strip_prefix("#if ") {
                let body = body_of(lines, next, line)?;
                next += body.len() + 1;
                if self.evaluate(line, condition)? != 0 {
                    self.block(body)?;
                }
            } else if let Some(size) = directive.strip_prefix("#entry ") {
                self.entry(line, size)?;
            } else if directive.trim_end() == "#params" {
                self.declare_params(line)?;
            } else if directive.trim_end() == ENABLE_SUBGROUPS {
                // A plan that was read from its document has the directive, and naga refuses it.
            } else if directive.starts_with('#') {
                return Err(wrong(line, "no such directive, or an `#end` without a block"));
            } else {
                self.substitute(line)?;
            }
        }
        Ok(())
    }

    fn import(&mut self, line: Numbered, name: &str) -> Result<(), ShaderError> {
        if self.imported.iter().any(|known| known == name) {
            return Ok(());
        }
        let snippet = library::snippet(name).ok_or_else(|| wrong(line, "no such snippet in shaders/lib"))?;
        self.imported.push(name.to_string());
        self.source(snippet)
    }

    fn declare_params(&mut self, line: Numbered) -> Result<(), ShaderError> {
        if self.params.is_empty() {
            return Err(wrong(line, "the kernel declares no parameters"));
        }
        self.output.push_str("struct Params {\n");
        for field in self.params {
            self.output.push_str(&format!("    {}: {},\n", field.name, field.kind.name()));
        }
        self.output.push_str("}\n\n@group(0) @binding(0) var<uniform> params: Params;\n");
        Ok(())
    }

    fn entry(&mut self, line: Numbered, size: &str) -> Result<(), ShaderError> {
        let size = size.trim_end().strip_suffix('{').ok_or_else(|| wrong(line, "expected `#entry SIZE {`"))?.trim();
        let (size, thread) = match size {
            "subgroup" => ("$LANES", "@builtin(subgroup_invocation_id) lane"),
            size => (size, "@builtin(local_invocation_index) thread"),
        };
        let head = format!(
            "@compute @workgroup_size({size})\nfn main(\n    @builtin(workgroup_id) workgroup_id: vec3<u32>,\n    \
             @builtin(num_workgroups) grid: vec3<u32>,\n    {thread}: u32,\n) {{\n    \
             let workgroup = workgroup_id.y * grid.x + workgroup_id.x;"
        );
        self.substitute((line.0, &head))
    }

    fn repeat(&mut self, line: Numbered, header: &str, body: &[Numbered]) -> Result<(), ShaderError> {
        let (variable, range) = header.split_once(" in ").ok_or_else(|| wrong(line, "expected `#for i in A..B`"))?;
        let (first, end) = range.split_once("..").ok_or_else(|| wrong(line, "expected `#for i in A..B`"))?;
        let (first, end) = (self.evaluate(line, first)?, self.evaluate(line, end)?);
        for value in first..end {
            self.scope.push((variable.trim().to_string(), value));
            let result = self.block(body);
            self.scope.pop();
            result?;
        }
        Ok(())
    }

    fn evaluate(&self, line: Numbered, text: &str) -> Result<i64, ShaderError> {
        let lookup = |name: &str| self.scope.iter().rev().find(|(known, _)| known == name).map(|(_, value)| *value);
        expression::evaluate(text, &lookup).map_err(|reason| wrong(line, &reason))
    }

    fn substitute(&mut self, line: Numbered) -> Result<(), ShaderError> {
        let mut rest = line.1;
        while let Some(at) = rest.find('$') {
            self.output.push_str(&rest[..at]);
            rest = &rest[at + 1..];
            let length = expression_length(rest).ok_or_else(|| wrong(line, "`$` without a name or a closed expression"))?;
            let value = self.evaluate(line, &rest[..length])?;
            self.output.push_str(&value.to_string());
            rest = &rest[length..];
        }
        self.output.push_str(rest);
        self.output.push('\n');
        Ok(())
    }
}

/// Returns the lines between the head of a block and its matching `#end`.
fn body_of<'a, 'b>(lines: &'a [Numbered<'b>], start: usize, head: Numbered) -> Result<&'a [Numbered<'b>], ShaderError> {
    let mut depth = 1;
    for (index, (_, text)) in lines.iter().enumerate().skip(start) {
        let directive = text.trim_start();
        if directive.starts_with("#for ") || directive.starts_with("#if ") {
            depth += 1;
        } else if directive.trim_end() == "#end" {
            depth -= 1;
            if depth == 0 {
                return Ok(&lines[start..index]);
            }
        }
    }
    Err(wrong(head, "no `#end` for this block"))
}

/// Returns the length of the name or the parenthesised expression at the start of `text`, which follows a `$`.
fn expression_length(text: &str) -> Option<usize> {
    if !text.starts_with('(') {
        let length = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
        return (length > 0).then_some(length);
    }
    let mut depth = 0;
    for (index, character) in text.char_indices() {
        match character {
            '(' => depth += 1,
            ')' if depth == 1 => return Some(index + 1),
            ')' => depth -= 1,
            _ => {}
        }
    }
    None
}

fn wrong(line: Numbered, reason: &str) -> ShaderError {
    ShaderError::Directive { line: line.0, reason: reason.to_string(), text: line.1.trim().to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: &[(&str, i64)] = &[];

    #[test]
    fn loops_conditions_and_values_expand() {
        let source = "#for r in 0..ROWS\n#for c in r..2\n#if c > 0\nlet a_$(r)_$c = $(r * 2 + c)u;\n#end\n#end\n#end\n";
        let expanded = expand(source, &[("ROWS", 2)], &[]).unwrap();
        assert_eq!(expanded, "let a_0_1 = 1u;\nlet a_1_1 = 3u;\n");
    }

    #[test]
    fn a_snippet_is_imported_once() {
        let expanded = expand("#import random\n#import random\n", NONE, &[]).unwrap();
        assert_eq!(expanded.matches("fn random_bits").count(), 1);
    }

    #[test]
    fn errors_name_the_line() {
        for (source, line, reason) in [
            ("\n#import nothing", 2, "no such snippet"),
            ("#for i in 0..2\n$i", 1, "no `#end`"),
            ("#end", 1, "no such directive"),
            ("a\nb $MISSING", 2, "not defined"),
            ("a $ b", 1, "without a name"),
            ("#for i = 0\n#end", 1, "expected"),
            ("#entry 64\n}", 1, "expected"),
            ("#params", 1, "no parameters"),
        ] {
            match expand(source, NONE, &[]).unwrap_err() {
                ShaderError::Directive { line: found, reason: text, .. } => {
                    assert_eq!(found, line, "{source}");
                    assert!(text.contains(reason), "{source}: {text}");
                }
                other => panic!("{other}"),
            }
        }
    }
}
