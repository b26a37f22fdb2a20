//! Weights by formula. `network/recipe.json` has a formula for every tensor of the whole network, so that none is stored.

use std::collections::HashMap;
use std::path::Path;

use lineament::ops::padded_channels;
use lineament::ops::reference::random::{symmetric, unit};
use serde_json::Value;

use crate::golden_tests::data::{GoldenError, json};
use crate::golden_tests::masked_head::RATE;

/// Shape and elements of a tensor.
pub type Tensor = (Vec<usize>, Vec<f32>);

/// Tensors by their names.
pub type Tensors = HashMap<String, Tensor>;

/// The recipe of a group.
pub struct Recipe(Value);

impl Recipe {
    /// Reads `recipe.json` of the group's folder.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn read(folder: &Path) -> Result<Recipe, GoldenError> {
        json(&folder.join("recipe.json")).map(Recipe)
    }

    /// Returns the tensors of a list, such as `width_1.00` or `head_37`.
    ///
    /// # Errors
    /// There is no such list, one of its lines is malformed, or the first elements differ from the bits in the line.
    pub fn tensors(&self, list: &str) -> Result<Tensors, GoldenError> {
        let lines = self.0[list].as_array().ok_or_else(|| unusable(list))?;
        lines.iter().map(|line| self.tensor(line)).collect()
    }

    /// Returns the names of all lists.
    pub fn lists(&self) -> Vec<&str> {
        let fields = self.0.as_object().into_iter().flatten();
        fields.filter(|(_, value)| value.is_array()).map(|(name, _)| name.as_str()).collect()
    }

    /// Returns `count` elements of the input, uniform in [0, 1).
    ///
    /// # Errors
    /// The recipe does not give the index of the input, a key of the random numbers.
    pub fn input(&self, count: usize) -> Result<Vec<f32>, GoldenError> {
        let (seed, index) = (self.seed()?, self.0["input"]["index"].as_u64().ok_or_else(|| unusable("input.index"))?);
        Ok((0..count as u64).map(|element| unit(seed, index, element)).collect())
    }

    /// Returns the dropout mask \[rows, channels\], with 1 for values that are kept and 0 for dropped ones. Rows are padded with 0 to
    /// a multiple of four.
    ///
    /// # Errors
    /// The recipe does not give the index of the mask, a key of the random numbers.
    pub fn mask(&self, rows: u32, channels: u32) -> Result<Vec<u32>, GoldenError> {
        let (seed, index) = (self.seed()?, self.0["mask"]["index"].as_u64().ok_or_else(|| unusable("mask.index"))?);
        let (channels, padded) = (u64::from(channels), u64::from(padded_channels(channels)));
        let elements = (0..u64::from(rows)).flat_map(|row| (0..padded).map(move |channel| (row, channel)));
        let kept = |row, channel| channel < channels && unit(seed, index, row * channels + channel) >= RATE;
        Ok(elements.map(|(row, channel)| u32::from(kept(row, channel))).collect())
    }

    fn seed(&self) -> Result<u64, GoldenError> {
        self.0["seed"].as_u64().ok_or_else(|| unusable("seed"))
    }

    fn tensor(&self, line: &Value) -> Result<(String, Tensor), GoldenError> {
        let name = line["name"].as_str().ok_or_else(|| unusable("name"))?;
        let of = |key: &str| unusable(&format!("{name}.{key}"));
        let index = line["index"].as_u64().ok_or_else(|| of("index"))?;
        let shape: Option<Vec<usize>> = line["shape"].as_array().map(|shape| shape.iter().filter_map(length).collect());
        let shape = shape.ok_or_else(|| of("shape"))?;
        let formula = Formula::parse(line).ok_or_else(|| of("formula"))?;
        let (seed, count) = (self.seed()?, shape.iter().product::<usize>() as u64);
        let values: Vec<f32> = (0..count).map(|element| formula.apply(symmetric(seed, index, element))).collect();
        let bits = line["first_f32_bits"].as_array().ok_or_else(|| of("first_f32_bits"))?;
        for (value, bits) in values.iter().zip(bits) {
            if Some(u64::from(value.to_bits())) != bits.as_u64() {
                let reason = format!("the formula gives {value:e}, the recipe has the bits {bits}");
                return Err(GoldenError::Tensor { tensor: name.to_string(), reason });
            }
        }
        Ok((name.to_string(), (shape, values)))
    }
}

fn unusable(key: &str) -> GoldenError {
    GoldenError::unusable("recipe.json", key)
}

fn length(value: &Value) -> Option<usize> {
    value.as_u64().and_then(|length| usize::try_from(length).ok())
}

/// `v * scale`, `b * v` or `a + b * v`. Each operation is rounded to f32.
#[derive(Debug, PartialEq)]
struct Formula {
    offset: Option<f32>,
    factor: f32,
}

impl Formula {
    fn parse(line: &Value) -> Option<Formula> {
        let words: Vec<&str> = line["formula"].as_str()?.split_whitespace().collect();
        match words[..] {
            ["v", "*", "scale"] => {
                let bits = u32::try_from(line["scale_f32_bits"].as_u64()?).ok()?;
                Some(Formula { offset: None, factor: f32::from_bits(bits) })
            }
            [factor, "*", "v"] => Some(Formula { offset: None, factor: factor.parse().ok()? }),
            [offset, "+", factor, "*", "v"] => Some(Formula { offset: Some(offset.parse().ok()?), factor: factor.parse().ok()? }),
            _ => None,
        }
    }

    fn apply(&self, v: f32) -> f32 {
        let product = self.factor * v;
        self.offset.map_or(product, |offset| offset + product)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_recipe_gives_its_own_bits() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/golden/network");
        let recipe = Recipe::read(Path::new(folder)).unwrap();
        assert_eq!(recipe.lists(), ["head_37", "head_40", "width_0.35", "width_1.00"]);
        let tensors = recipe.tensors("width_1.00").unwrap();
        assert_eq!(tensors.len(), 260);
        assert_eq!(tensors.values().map(|(_, values)| values.len()).sum::<usize>(), 2_257_984);
    }

    #[test]
    fn wrong_bits_and_formulas_are_found() {
        let line = |formula: &str, bits: u32| {
            serde_json::json!({ "seed": 1, "list": [
                { "name": "t", "index": 0, "shape": [2], "formula": formula, "first_f32_bits": [bits] }
            ]})
        };
        let right = 0.5 * symmetric(1, 0, 0);
        assert!(Recipe(line("0.5 * v", right.to_bits())).tensors("list").is_ok());
        assert!(Recipe(line("0.5 * v", right.to_bits() + 1)).tensors("list").is_err());
        assert!(Recipe(line("v / 2", right.to_bits())).tensors("list").is_err());
        assert!(Recipe(line("v * scale", right.to_bits())).tensors("list").is_err());
        assert!(Recipe(line("0.5 * v", 0)).tensors("other").is_err());
    }
}
