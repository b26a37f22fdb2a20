//! Matches the outputs of a model with the labels that they are compared with.

use super::EvaluationError;

/// The correspondence between the labelled attributes and the outputs of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alignment {
    /// For each labelled attribute, the position of the model's output that predicts it.
    pub outputs: Vec<usize>,
    /// The attributes that the model predicts but that have no labels. They are not evaluated.
    pub unlabelled: Vec<String>,
}

impl Alignment {
    /// Returns the values of the labelled attributes, shape `[rows, labelled attributes]`, row-major. `values` are all outputs of
    /// the model, in rows of `width` values.
    pub fn select(&self, values: &[f32], width: usize) -> Vec<f32> {
        values.chunks_exact(width.max(1)).flat_map(|row| self.outputs.iter().map(|output| row[*output])).collect()
    }
}

/// Finds the output of a model for each of the `labelled` attributes. `predicts` are the attributes of the outputs, in order.
///
/// # Errors
/// [`EvaluationError::NotPredicted`] names every labelled attribute that the model does not predict.
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
    fn outputs_are_matched_by_name() {
        let aligned = align(&names(&["Male", "Young", "Bald"]), &names(&["Bald", "Male"])).unwrap();
        assert_eq!(aligned, Alignment { outputs: vec![2, 0], unlabelled: names(&["Young"]) });
        assert_eq!(aligned.select(&[0.1, 0.2, 0.3, 0.4, 0.5, 0.6], 3), [0.3, 0.1, 0.6, 0.4]);
    }

    #[test]
    fn the_error_names_every_attribute_that_is_not_predicted() {
        let message = align(&names(&["Male", "Young"]), &names(&["Hat", "Male", "Tie"])).unwrap_err().to_string();
        for part in ["2 of the 3", "Hat, Tie", "Male, Young", "--attributes"] {
            assert!(message.contains(part), "{message}");
        }
    }
}
