//! Reference implementations of the kernels, one file per kernel: the formula in plain f64 loops, written for clarity, not speed.

pub mod accumulate;
pub mod activation_backward;
pub mod activation_forward;
pub mod add;
pub mod align;
pub mod augment;
pub mod batch_norm;
pub mod batch_norm_backward_input;
pub mod batch_norm_backward_weight;
pub mod batch_norm_combine;
pub mod batch_norm_statistics;
pub mod binary_accuracy;
pub mod column_sum;
pub mod cosine_proximity;
pub mod dense_backward_weight;
pub mod depthwise;
pub mod depthwise_backward_input;
pub mod depthwise_backward_weight;
pub mod dropout;
pub mod dropout_mask;
pub mod elementwise_loss;
pub mod expand_depthwise;
#[cfg(test)]
pub mod finite_difference;
pub mod fused_multiply_add;
pub mod global_average_pool;
pub mod global_average_pool_backward_input;
pub mod inverted_residual;
pub mod kmeans_accumulate;
pub mod kmeans_assign;
pub mod kmeans_assign_accumulate;
pub mod kmeans_candidates;
pub mod kmeans_move;
pub mod kmeans_potential;
pub mod kmeans_reduce;
pub mod loss_mean;
pub mod max_pool;
pub mod neighbours;
pub mod pairwise;
pub mod pointwise;
pub mod random;
pub mod resize_area;
pub mod resize_normalise;
pub mod row_distance;
pub mod silhouette;
pub mod stem;
pub mod stem_backward_input;
pub mod stem_backward_weight;
pub mod stream;
pub mod sum_of_parts;
pub mod transpose;
pub mod upsample_add;

/// Converts values to double precision.
pub fn widen(values: &[f32]) -> Vec<f64> {
    values.iter().map(|value| f64::from(*value)).collect()
}
