//! The rows of k-means in the formats and in the order in which they are uploaded.

use super::bit_rows::BitRows;
use super::kmeans_plan::{Form, Tensors};
use super::rows::Rows;
use crate::ops::KmeansAccumulateBits;
use crate::profiles::Device;
use crate::scheduler::Program;

/// Rows, their weights, and everything that is computed from these alone. "Device order" is the order of the rows on the device.
pub(super) struct KmeansRows {
    /// The rows in device order.
    rows: Rows,
    /// Their weights in device order.
    weights: Vec<f32>,
    /// Hashes of the rows in device order, which break ties after k-means++; empty if the initial centres are given.
    keys: Vec<u32>,
    /// Weighted mean of the rows, `[padded]`.
    mean: Vec<f32>,
    /// The rows packed as bits in device order, if they can be.
    bits: Option<BitRows>,
    /// Index in device order of each row that was passed in; `None` if the order is the same.
    places: Option<Vec<u32>>,
    /// The rows from which k-means++ draws, with their weights: the distinct rows in order of their first occurrence. `None` if
    /// these are the rows on the device, in the same order, or if there is no k-means++.
    pub seeds: Option<(Rows, Vec<f32>)>,
    /// Weighted variance of a column, averaged over the columns.
    pub variance: f64,
}

impl KmeansRows {
    /// Prepares rows and their weights. `seeded` says whether k-means++ seeding will be needed.
    pub fn new(rows: Rows, weights: &[f32], seeded: bool) -> KmeansRows {
        let (mean, variance) = rows.mean_and_variance(weights);
        let mut seeds = if seeded { rows.merged(weights) } else { None };
        let weighted = weights.iter().any(|weight| *weight != 1.0);
        if !weighted || rows.count <= KmeansAccumulateBits::CHUNK_ROWS as usize || !BitRows::fit(&rows, weights) {
            let (keys, bits) = (if seeded { rows.keys() } else { Vec::new() }, BitRows::new(&rows, weights));
            return KmeansRows { rows, weights: weights.to_vec(), keys, mean, bits, places: None, seeds, variance };
        }
        // Sorted by weight, most chunks contain small weights only, whose few binary digits take few passes to count.
        let mut order: Vec<u32> = (0..rows.count as u32).collect();
        order.sort_by(|a, b| weights[*b as usize].total_cmp(&weights[*a as usize]));
        let sorted = rows.in_order(&order);
        let sorted_weights: Vec<f32> = order.iter().map(|row| weights[*row as usize]).collect();
        let mut places = vec![0; order.len()];
        order.iter().zip(0..).for_each(|(row, place)| places[*row as usize] = place);
        if seeded && seeds.is_none() {
            seeds = Some((rows, weights.to_vec()));
        }
        let keys = if seeded { sorted.keys() } else { Vec::new() };
        let bits = BitRows::new(&sorted, &sorted_weights);
        KmeansRows { rows: sorted, weights: sorted_weights, keys, mean, bits, places: Some(places), seeds, variance }
    }

    /// Returns the formats in which the rows are uploaded.
    pub fn form(&self) -> Form {
        Form::of(self.bits.as_ref(), &self.weights)
    }

    /// Returns the number of columns without padding.
    pub fn columns(&self) -> usize {
        self.rows.columns
    }

    /// Uploads the rows, their weights and what was computed from them.
    pub fn write(&self, device: &Device, program: &Program, tensors: Tensors) {
        program.write(device, tensors.rows, bytemuck::cast_slice(&self.rows.values));
        program.write(device, tensors.weights, bytemuck::cast_slice(&self.weights));
        program.write(device, tensors.keys, bytemuck::cast_slice(&self.keys));
        program.write(device, tensors.mean, bytemuck::cast_slice(&self.mean));
        if let Some(bits) = &self.bits {
            tensors.write_bits(device, program, bits);
        }
    }

    /// Converts labels read from the device into labels of the rows in the order in which they were passed in.
    pub fn labels(&self, on_device: &[u32]) -> Vec<u32> {
        // Bit 31 is not part of the label; it says that the label changed.
        let plain = |label: &u32| label & 0x7fff_ffff;
        match &self.places {
            None => on_device.iter().map(plain).collect(),
            Some(places) => places.iter().map(|place| plain(&on_device[*place as usize])).collect(),
        }
    }
}
