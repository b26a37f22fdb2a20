//! Which outputs of a model are compared with which labels.

use super::EvaluationError;

/// How labelled attributes and a model's outputs belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alignment {
    /// The output of the model for each labelled attribute.
    pub outputs: Vec<usize>,
    /// The model's attributes without labels: they are not scored.
    pub unlabelled: Vec<String>,
}

impl Alignment {
    /// The values of the aligned outputs from rows of `width` outputs, \[rows, aligned\] row-major.
    pub fn select(&self, values: &[f32], width: usize) -> Vec<f32> {
        values.chunks_exact(width.max(1)).flat_map(|row| self.outputs.iter().map(|output| row[*output])).collect()
    }
}

/// Finds each of the `labelled` attributes among those that the model `predicts`.
///
/// # Errors
/// [`EvaluationError::NotPredicted`] names every one that it does not predict.
pub fn align(predicts: &[String], labelled: &[String]) -> Result<Alignment, EvaluationError> {
    let missing: Vec<&str> = labelled.iter().filter(|name| !predicts.contains(name)).map(String::as_str).collect();
    if !missing.is_empty() {
        return Err(EvaluationError::NotPredicted {
            missing: missing.len(),
            labelled: labelled.len(),
            names: missing.join(", "),
            predicted: predicts.join(", "),
        });
    }
    Ok(Alignment {
        outputs: labelled.iter().filter_map(|name| predicts.iter().position(|output| output == name)).collect(),
        unlabelled: predicts.iter().filter(|name| !labelled.contains(name)).cloned().collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &[&str]) -> Vec<String> {
        list.iter().map(|name| name.to_string()).collect()
    }

    #[test]
    fn outputs_are_found_by_name() {
        let aligned = align(&names(&["Male", "Young", "Bald"]), &names(&["Bald", "Male"])).unwrap();
        assert_eq!(aligned, Alignment { outputs: vec![2, 0], unlabelled: names(&["Young"]) });
        assert_eq!(aligned.select(&[0.1, 0.2, 0.3, 0.4, 0.5, 0.6], 3), [0.3, 0.1, 0.6, 0.4]);
    }

    #[test]
    fn every_attribute_that_is_not_predicted_is_named() {
        let message = align(&names(&["Male", "Young"]), &names(&["Hat", "Male", "Tie"])).unwrap_err().to_string();
        for part in ["2 of the 3", "Hat, Tie", "Male, Young", "--attributes"] {
            assert!(message.contains(part), "{message}");
        }
    }
}
