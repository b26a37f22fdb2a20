//! Variants that the autotuner found fastest on one adapter.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

use sha2::{Digest, Sha256};

use super::OperationShape;
use crate::plan::VariantId;

/// The fastest variant for each shape that was measured. It takes precedence over the table of the device class.
#[derive(Debug, Default)]
pub struct Winners {
    variants: HashMap<OperationShape, VariantId>,
    /// The shapes that plans asked for, where they are recorded.
    requests: Option<Mutex<BTreeMap<OperationShape, usize>>>,
}

impl Winners {
    /// Takes measured winners.
    pub fn new(variants: HashMap<OperationShape, VariantId>) -> Winners {
        Winners { variants, requests: None }
    }

    /// Returns no winners, but a record of the shapes that plans ask for.
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

    /// Returns the shapes that were asked for since [`Winners::recording`], in order, each with the number of requests.
    pub fn requests(&self) -> Vec<(OperationShape, usize)> {
        let requests = self.requests.as_ref().map(|requests| requests.lock().unwrap_or_else(PoisonError::into_inner).clone());
        requests.into_iter().flatten().collect()
    }

    /// Returns a hash of the winners. Another variant may add in another order, so results may differ in their last bits where
    /// the hash differs.
    pub fn digest(&self) -> String {
        let mut lines: Vec<String> = self.variants.iter().map(|(shape, variant)| format!("{shape}: {variant}\n")).collect();
        lines.sort();
        Sha256::digest(lines.concat()).iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
