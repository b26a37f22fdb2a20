//! Predicts attributes from rows of features with a trained head.

use super::features::FeatureTable;
use super::part::{padded_rows, unpadded};
use crate::device::DeviceError;
use crate::nn::Head;
use crate::ops::padded_channels;
use crate::plan::Plan;
use crate::profiles::Device;
use crate::scheduler::Program;

/// Number of rows in a batch.
const BATCH: usize = 256;

/// Returns the probabilities of `rows` of the table in inference mode with batch norm folded, shape \[rows, attributes\].
///
/// # Errors
/// The head does not fit the adapter, or the device fails.
///
/// # Panics
/// If the table has no such row, or its rows do not have the width that the head reads.
pub fn predict_rows(device: &Device, head: &Head, features: &FeatureTable, rows: &[u32]) -> Result<Vec<f32>, DeviceError> {
    assert_eq!(features.features(), head.features as usize, "the table's rows are not what the head reads");
    let batch = BATCH.min(rows.len().max(1));
    let mut plan = Plan::new("head inference");
    let input = plan.persistent("features", 4 * batch as u64 * u64::from(padded_channels(head.features)));
    let (result, uploads) = head.plan(&mut plan, device.profile(), batch as u32, input);
    let program = Program::new(device, &plan, &[])?;
    for (view, values) in &uploads {
        program.write(device, *view, bytemuck::cast_slice(values));
    }
    let mut predictions = Vec::with_capacity(rows.len() * head.attributes as usize);
    // A smaller last batch leaves earlier rows behind it in the input. Their results are not read.
    for rows in rows.chunks(batch) {
        program.write(device, input, bytemuck::cast_slice(&padded_rows(features, rows)));
        program.run(device)?;
        predictions.extend(unpadded(&program.read(device, result)?, [rows.len() as u32, head.attributes]));
    }
    Ok(predictions)
}
