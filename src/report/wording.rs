//! Formats names and numbers for readers.

/// Returns the display name of a clustering method. A name that is not known is returned unchanged.
pub(super) fn method(name: &str) -> &str {
    match name {
        "kmeans" => "k-means",
        "agglomerative" => "agglomerative clustering",
        "dbscan" => "DBSCAN",
        "birch" => "Birch",
        "optics" => "OPTICS",
        "spectral" => "spectral clustering",
        other => other,
    }
}

/// Returns the display name of a loss. A name that is not known is returned unchanged.
pub(super) fn loss_name(name: &str) -> &str {
    match name {
        "cosine" => "cosine proximity",
        "mse" => "mean squared error",
        "mae" => "mean absolute error",
        "bce" => "binary cross-entropy",
        other => other,
    }
}

/// Replaces the underscores that CelebA writes between words by spaces.
pub(super) fn readable_name(name: &str) -> String {
    name.replace('_', " ")
}

/// Formats a share in [0, 1] as whole per cent. A small share that is not zero becomes "<1%", and a large share that is not one
/// becomes ">99%".
pub(super) fn percent(share: f64) -> String {
    let rounded = (share * 100.0).round();
    match rounded {
        0.0 if share > 0.0 => "<1%".into(),
        100.0 if share < 1.0 => ">99%".into(),
        _ => format!("{rounded:.0}%"),
    }
}

/// Formats a share in [0, 1] as a CSS width.
pub(super) fn width(share: f64) -> String {
    format!("{:.2}%", share * 100.0)
}

/// Formats a number with its noun, in the singular or the plural.
pub(super) fn count(number: usize, noun: &str) -> String {
    format!("{} {noun}{}", thousands(number), if number == 1 { "" } else { "s" })
}

/// Formats a whole number with commas between groups of three digits.
pub(super) fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Formats a number with the given number of decimals and a typographic minus sign. A number that rounds to −0 becomes 0.
pub(super) fn decimals(number: f64, decimals: usize) -> String {
    let text = format!("{number:.decimals$}");
    match text.strip_prefix('-') {
        Some(digits) if digits.chars().all(|digit| matches!(digit, '0' | '.')) => digits.to_string(),
        Some(digits) => format!("−{digits}"),
        None => text,
    }
}

/// Formats a number of at least zero: with three decimals below 10, two below 100, one below 1000, and as a whole number from
/// there on.
pub(super) fn significant(number: f64) -> String {
    if number >= 1000.0 && number < usize::MAX as f64 {
        return thousands(number.round() as usize);
    }
    let decimals = if number >= 100.0 {
        1
    } else if number >= 10.0 {
        2
    } else {
        3
    };
    format!("{number:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_one_writes_them() {
        let cases = [
            (thousands(0), "0"),
            (thousands(999), "999"),
            (thousands(1000), "1,000"),
            (thousands(1_234_567), "1,234,567"),
            (count(1, "face"), "1 face"),
            (count(0, "face"), "0 faces"),
            (percent(0.0), "0%"),
            (percent(0.004), "<1%"),
            (percent(0.996), ">99%"),
            (percent(1.0), "100%"),
            (percent(0.625), "63%"),
            (width(1.0 / 3.0), "33.33%"),
            (decimals(-0.126, 2), "−0.13"),
            (decimals(-0.001, 2), "0.00"),
            (significant(0.12345), "0.123"),
            (significant(12.345), "12.35"),
            (significant(123.45), "123.5"),
            (significant(12_345.6), "12,346"),
        ];
        for (found, expected) in cases {
            assert_eq!(found, expected);
        }
    }
}
