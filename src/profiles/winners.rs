//! Variants that the autotuner found fastest on one adapter.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

use sha2::{Digest, Sha256};

use super::OperationShape;
use crate::plan::{VariantId, hexadecimal};

/// The fastest variant for each shape that was measured. It takes precedence over the table of the device class.
#[derive(Debug, Default)]
pub struct Winners {
    variants: HashMap<OperationShape, VariantId>,
    /// The shapes that plans asked for and the number of requests, if requests are recorded.
    requests: Option<Mutex<BTreeMap<OperationShape, usize>>>,
}

impl Winners {
    /// Creates a set of measured winners.
    pub fn new(variants: HashMap<OperationShape, VariantId>) -> Winners {
        Winners { variants, requests: None }
    }

    /// Creates a set without winners that records the shapes that plans ask for.
    pub fn recording() -> Winners {
        Winners { variants: HashMap::new(), requests: Some(Mutex::default()) }
    }

    /// Returns the winner for a shape, if there is one.
    pub fn get(&self, shape: OperationShape) -> Option<&VariantId> {
        if let Some(requests) = &self.requests {
            *requests.lock().unwrap_or_else(PoisonError::into_inner).entry(shape).or_default() += 1;
        }
        self.variants.get(&shape)
    }

    /// Returns the number of winners.
    pub fn len(&self) -> usize {
        self.variants.len()
    }

    /// Returns whether there are no winners.
    pub fn is_empty(&self) -> bool {
        self.variants.is_empty()
    }

    /// Returns the shapes that plans asked for since [`Winners::recording`], in order, each with the number of requests.
    pub fn requests(&self) -> Vec<(OperationShape, usize)> {
        let requests = self.requests.as_ref().map(|requests| requests.lock().unwrap_or_else(PoisonError::into_inner).clone());
        requests.into_iter().flatten().collect()
    }

    /// Returns a hash of the winners. Variants may add numbers in different orders, so if the hash differs, results may differ in
    /// their last bits.
    pub fn digest(&self) -> String {
        let mut lines: Vec<String> = self.variants.iter().map(|(shape, variant)| format!("{shape:?}: {variant}\n")).collect();
        lines.sort();
        hexadecimal(Sha256::digest(lines.concat()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_depends_on_every_size_of_a_shape() {
        let variants = ["4x32", "8x32"].map(|variant| VariantId::new("dense_backward_weight_subgroup", variant));
        let digest = |rows_a_part: [u32; 2]| {
            let shape = |rows_a_part| OperationShape::DenseBackwardWeight { rows: 512, rows_a_part, inputs: 8, outputs: 8 };
            Winners::new(rows_a_part.map(shape).into_iter().zip(variants.clone()).collect()).digest()
        };
        assert_eq!(digest([128, 256]), digest([128, 256]));
        assert_ne!(digest([128, 256]), digest([256, 128]));
    }
}
