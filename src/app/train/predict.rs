//! Predicts attributes from rows of features with a trained head.

use super::features::FeatureTable;
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
    let stride = padded_channels(head.features) as usize;
    let mut plan = Plan::new("head inference");
    let input = plan.persistent("features", 4 * (batch * stride) as u64);
    let (result, uploads) = head.plan(&mut plan, device.profile(), batch as u32, input);
    let program = Program::new(device, &plan, &[])?;
    for (view, values) in &uploads {
        program.write(device, *view, bytemuck::cast_slice(values));
    }
    let (attributes, width) = (head.attributes as usize, padded_channels(head.attributes) as usize);
    let mut predictions = Vec::with_capacity(rows.len() * attributes);
    let mut block = vec![0.0; batch * stride];
    for rows in rows.chunks(batch) {
        for (to, row) in block.chunks_exact_mut(stride).zip(rows) {
            to[..features.features()].copy_from_slice(features.row(*row as usize));
        }
        program.write(device, input, bytemuck::cast_slice(&block));
        program.run(device)?;
        let values = program.read(device, result)?;
        predictions.extend(values.chunks_exact(width).take(rows.len()).flat_map(|row| &row[..attributes]));
    }
    Ok(predictions)
}
