//! Evaluates the integer expressions of directives: `+ - * / %`, comparisons, `&& ||`, parentheses, names and numbers.

/// Evaluates `text`. Comparisons and logical operators give 1 or 0, and division truncates. The error says what is wrong.
pub(super) fn evaluate(text: &str, lookup: &dyn Fn(&str) -> Option<i64>) -> Result<i64, String> {
    let mut parser = Parser { rest: text, lookup };
    let value = parser.binary(0)?;
    parser.skip_spaces();
    if parser.rest.is_empty() { Ok(value) } else { Err(format!("unexpected `{}`", parser.rest)) }
}

/// Operators by precedence, the lowest first. Within a level, longer operators come first, so that `<=` is not read as `<`.
const LEVELS: &[&[&str]] = &[&["||"], &["&&"], &["==", "!=", "<=", ">=", "<", ">"], &["+", "-"], &["*", "/", "%"]];

struct Parser<'a> {
    rest: &'a str,
    lookup: &'a dyn Fn(&str) -> Option<i64>,
}

impl Parser<'_> {
    fn skip_spaces(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn binary(&mut self, level: usize) -> Result<i64, String> {
        let Some(operators) = LEVELS.get(level) else { return self.primary() };
        let mut left = self.binary(level + 1)?;
        loop {
            self.skip_spaces();
            let Some(operator) = operators.iter().find(|operator| self.rest.starts_with(**operator)) else {
                return Ok(left);
            };
            self.rest = &self.rest[operator.len()..];
            let right = self.binary(level + 1)?;
            left = apply(operator, left, right)?;
        }
    }

    fn primary(&mut self) -> Result<i64, String> {
        self.skip_spaces();
        if let Some(rest) = self.rest.strip_prefix('(') {
            self.rest = rest;
            let value = self.binary(0)?;
            self.skip_spaces();
            self.rest = self.rest.strip_prefix(')').ok_or("a `)` is missing")?;
            return Ok(value);
        }
        let end = self.rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        if word.is_empty() {
            return Err("a value is missing".into());
        }
        self.rest = rest;
        if word.starts_with(|c: char| c.is_ascii_digit()) {
            return word.parse().map_err(|_| format!("`{word}` is not a number"));
        }
        (self.lookup)(word).ok_or_else(|| format!("`{word}` is not defined"))
    }
}

fn apply(operator: &str, left: i64, right: i64) -> Result<i64, String> {
    let value = match operator {
        "||" => Some(i64::from(left != 0 || right != 0)),
        "&&" => Some(i64::from(left != 0 && right != 0)),
        "==" => Some(i64::from(left == right)),
        "!=" => Some(i64::from(left != right)),
        "<=" => Some(i64::from(left <= right)),
        ">=" => Some(i64::from(left >= right)),
        "<" => Some(i64::from(left < right)),
        ">" => Some(i64::from(left > right)),
        "+" => left.checked_add(right),
        "-" => left.checked_sub(right),
        "*" => left.checked_mul(right),
        "/" => left.checked_div(right),
        _ => left.checked_rem(right),
    };
    value.ok_or_else(|| format!("{left} {operator} {right} has no value"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_follows_the_usual_precedence() {
        let lookup = |name: &str| (name == "ROWS").then_some(4);
        for (text, value) in [
            ("1 + 2 * 3", 7),
            ("(1 + 2) * 3", 9),
            ("ROWS - 1 - 1", 2),
            ("7 / 2 * 2 + 7 % 2", 7),
            ("ROWS >= 4 && 1 < 2", 1),
            ("ROWS == 3 || 2 <= 1", 0),
        ] {
            assert_eq!(evaluate(text, &lookup), Ok(value), "{text}");
        }
    }

    #[test]
    fn errors_say_what_is_wrong() {
        let lookup = |_: &str| None;
        for (text, reason) in
            [("1 +", "missing"), ("x", "not defined"), ("(1", "`)`"), ("1 2", "unexpected"), ("1 / 0", "no value")]
        {
            assert!(evaluate(text, &lookup).unwrap_err().contains(reason), "{text}");
        }
    }
}
