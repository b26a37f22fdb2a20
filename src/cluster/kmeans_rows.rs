//! The rows of a k-means as its kernels take them, and in which order.

use super::bit_rows::BitRows;
use super::kmeans_plan::{Form, Tensors};
use super::rows::Rows;
use crate::ops::KmeansAccumulateBits;
use crate::profiles::Device;
use crate::scheduler::Program;

/// Rows, their weights and all that follows from them alone.
pub(super) struct KmeansRows {
    /// In the order of the device.
    rows: Rows,
    weights: Vec<f32>,
    /// Hashes of the rows, to settle ties after k-means++; empty without it.
    keys: Vec<u32>,
    mean: Vec<f32>,
    bits: Option<BitRows>,
    /// Where each row given is on the device; nothing where the order is the same.
    places: Option<Vec<u32>>,
    /// The distinct rows with their weights in the order in which they first occur, for k-means++ to draw from; nothing where
    /// they are what is on the device.
    pub seeds: Option<(Rows, Vec<f32>)>,
    /// Mean of the columns' variances.
    pub variance: f64,
}

impl KmeansRows {
    /// `seeded` says whether k-means++ is needed.
    pub fn new(rows: Rows, weights: &[f32], seeded: bool) -> KmeansRows {
        let (mean, variance) = rows.mean_and_variance(weights);
        let mut seeds = if seeded { rows.merged(weights) } else { None };
        let weighted = weights.iter().any(|weight| *weight != 1.0);
        if !weighted || rows.count <= KmeansAccumulateBits::CHUNK_ROWS as usize || !BitRows::fit(&rows, weights) {
            let (keys, bits) = (if seeded { rows.keys() } else { Vec::new() }, BitRows::new(&rows, weights));
            return KmeansRows { rows, weights: weights.to_vec(), keys, mean, bits, places: None, seeds, variance };
        }
        // In the order of their weights few chunks have heavy rows, and counting the others takes few digits.
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

    /// What the rows are on the device.
    pub fn form(&self) -> Form {
        Form::of(self.bits.as_ref())
    }

    /// Numbers in a row, without padding.
    pub fn columns(&self) -> usize {
        self.rows.columns
    }

    /// Puts all in place.
    pub fn write(&self, device: &Device, program: &Program, tensors: Tensors) {
        program.write(device, tensors.rows, bytemuck::cast_slice(&self.rows.values));
        program.write(device, tensors.weights, bytemuck::cast_slice(&self.weights));
        program.write(device, tensors.keys, bytemuck::cast_slice(&self.keys));
        program.write(device, tensors.mean, bytemuck::cast_slice(&self.mean));
        if let Some(bits) = &self.bits {
            tensors.write_bits(device, program, bits);
        }
    }

    /// Labels as the device has them, for the rows as they were given.
    pub fn labels(&self, on_device: &[u32]) -> Vec<u32> {
        // Bit 31 says that the label changed.
        let plain = |label: &u32| label & 0x7fff_ffff;
        match &self.places {
            None => on_device.iter().map(plain).collect(),
            Some(places) => places.iter().map(|place| plain(&on_device[*place as usize])).collect(),
        }
    }
}
