//! Principal components of few rows with many columns, such as the eigenfaces of a cluster: n faces of p pixels, with n much
//! smaller than p.
//!
//! The p × p covariance matrix would not fit in memory. Up to a factor, its nonzero eigenvalues are those of the n × n Gram
//! matrix G = X·Xᵀ of the centred rows X: if G·v = λ·v, the component is Xᵀ·v / √λ. Both products run on the GPU in the kernels
//! of a dense layer. G is computed as the weight gradient of a dense layer whose input and output gradient are both Xᵀ; its long
//! sums are split into parts.

use nalgebra::DMatrix;

use super::ClusterError;
use super::limits::check_buffer;
use super::rows::Rows;
use crate::ops::{Activation, DenseBackwardWeight, Pointwise, SumOfParts, padded_channels};
use crate::plan::{Plan, View, WeightLayout};
use crate::profiles::Device;
use crate::scheduler::Program;

/// An eigenvalue counts as rounding error, and its component is dropped, if it is at most the first share of the largest
/// eigenvalue or at most the second share of the sum of the squares of all values before centring.
const NEGLIGIBLE: (f64, f64) = (1e-6, 1e-14);

/// The mean of `n` rows of `p` values, and the directions in which their variance is largest.
#[derive(Debug, Clone, PartialEq)]
pub struct PrincipalComponents {
    /// The mean row, shape `[p]`. The paper's software calls it an eigenface.
    pub mean: Vec<f32>,
    /// The components in descending order of variance, row-major with shape `[k, p]`. Each has length 1, and its entry of largest
    /// magnitude is positive, as scikit-learn's `svd_flip` chooses the sign. There are fewer than requested if the rows vary in
    /// fewer directions; n rows vary in at most n − 1.
    pub components: Vec<f32>,
    /// Variance of the rows along each component, shape `[k]`, with divisor n − 1 as in scikit-learn's `explained_variance_`.
    /// OpenCV's eigenvalues have divisor n: they are (n − 1) / n times these.
    pub explained_variance: Vec<f64>,
    /// Share of each component in the total variance of the rows, shape `[k]`, as in scikit-learn's `explained_variance_ratio_`.
    pub explained_variance_ratio: Vec<f64>,
    /// Singular values of the centred rows, √((n − 1) · variance), shape `[k]`.
    pub singular_values: Vec<f64>,
}

/// Computes the first `count` principal components of row-major `values` of shape `[n, p]`.
///
/// # Errors
/// [`ClusterError::Empty`] without rows or columns, [`ClusterError::Shape`] if the number of values differs from the shape,
/// [`ClusterError::NotFinite`] for NaN and magnitudes above 1e15, [`ClusterError::TooLarge`] if the data exceed a limit of the
/// adapter, or an error of the device.
pub fn principal_components(
    device: &Device,
    values: &[f32],
    n: usize,
    p: usize,
    count: usize,
) -> Result<PrincipalComponents, ClusterError> {
    Rows::check("row", values, n, p)?;
    let mut sums = vec![0.0f64; p];
    for row in values.chunks_exact(p) {
        sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += f64::from(*value));
    }
    let mean: Vec<f64> = sums.into_iter().map(|sum| sum / n as f64).collect();
    let centred = Centred::new(device, values, &mean, n)?;
    let mut found = PrincipalComponents {
        mean: mean.iter().map(|value| *value as f32).collect(),
        components: Vec::new(),
        explained_variance: Vec::new(),
        explained_variance_ratio: Vec::new(),
        singular_values: Vec::new(),
    };
    if n < 2 || count == 0 {
        return Ok(found);
    }
    let gram = DMatrix::from_vec(n, n, centred.gram(device)?);
    let trace = gram.trace();
    let eigen = gram.symmetric_eigen();
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|a, b| eigen.eigenvalues[*b].total_cmp(&eigen.eigenvalues[*a]));
    let squares: f64 = values.iter().map(|value| f64::from(*value).powi(2)).sum();
    let negligible = (NEGLIGIBLE.0 * eigen.eigenvalues[order[0]]).max(NEGLIGIBLE.1 * squares);
    // Centred rows sum to zero, so at most n − 1 eigenvalues differ from 0.
    order.truncate(count.min(n - 1));
    order.retain(|&at| eigen.eigenvalues[at] > negligible);
    let vectors: Vec<Vec<f64>> = order.iter().map(|&at| eigen.eigenvectors.column(at).iter().copied().collect()).collect();
    for component in centred.project(device, &vectors)? {
        let length = component.iter().map(|value| value * value).sum::<f64>().sqrt();
        let farthest = component.iter().copied().fold(0.0f64, |most, value| if value.abs() > most.abs() { value } else { most });
        let scale = length.copysign(farthest);
        found.components.extend(component.iter().map(|value| (value / scale) as f32));
    }
    for at in order {
        let eigenvalue = eigen.eigenvalues[at];
        found.explained_variance.push(eigenvalue / (n - 1) as f64);
        found.explained_variance_ratio.push(eigenvalue / trace);
        found.singular_values.push(eigenvalue.sqrt());
    }
    Ok(found)
}

/// The transposed centred rows, Xᵀ.
struct Centred {
    /// Row-major with shape `[p, columns]`: column i is row i minus the mean; the padding columns are zeros.
    transposed: Vec<f32>,
    p: u32,
    n: usize,
    /// `n` rounded up to a multiple of four.
    columns: u32,
}

impl Centred {
    /// Subtracts `mean`, `[p]`, from each of `n` rows and transposes the result.
    fn new(device: &Device, values: &[f32], mean: &[f64], n: usize) -> Result<Centred, ClusterError> {
        let (p, columns) = (mean.len(), padded_channels(n as u32));
        let bytes = 4 * p as u64 * u64::from(columns);
        check_buffer(device, "the centred rows", bytes)?;
        let mut transposed = vec![0.0f32; p * columns as usize];
        for (column, row) in values.chunks_exact(p).enumerate() {
            for ((at, value), mean) in row.iter().enumerate().zip(mean) {
                transposed[at * columns as usize + column] = (f64::from(*value) - mean) as f32;
            }
        }
        Ok(Centred { transposed, p: p as u32, n, columns })
    }

    /// Returns the Gram matrix X·Xᵀ, shape `[n, n]`.
    fn gram(&self, device: &Device) -> Result<Vec<f64>, ClusterError> {
        let (profile, columns) = (device.profile(), self.columns);
        let mut plan = Plan::new("Gram matrix");
        let x = plan.persistent("centred rows", 4 * self.transposed.len() as u64);
        let elements = columns * columns;
        let workgroups = u64::from(columns).div_ceil(32).pow(2) as u32;
        let rows = profile.row_parts(self.p, workgroups);
        let parts = plan.transient("parts", 4 * u64::from(rows.count()) * u64::from(elements));
        let gram = plan.persistent("Gram matrix", 4 * u64::from(elements));
        let product = DenseBackwardWeight { rows, inputs: columns, outputs: columns };
        plan.push(product.step("product", product.choice(profile), profile, x, x, parts));
        plan.push(SumOfParts { count: rows.count(), elements }.step("sum of parts", parts, gram));
        let found = run(device, &plan, &[(x, &self.transposed)], gram)?;
        // Both triangles hold sums of the same products, which may round differently. Their mean is exactly symmetric.
        let at = |i: usize, j: usize| f64::from(found[i * columns as usize + j]);
        Ok((0..self.n).flat_map(|i| (0..self.n).map(move |j| (at(i, j) + at(j, i)) / 2.0)).collect())
    }

    /// Returns Xᵀ·v, `[p]`, for each vector v, `[n]`.
    fn project(&self, device: &Device, vectors: &[Vec<f64>]) -> Result<Vec<Vec<f64>>, ClusterError> {
        let (profile, inputs, outputs) = (device.profile(), self.columns, padded_channels(vectors.len() as u32));
        if vectors.is_empty() {
            return Ok(Vec::new());
        }
        let mut weights = vec![0.0f32; inputs as usize * outputs as usize];
        for (column, vector) in vectors.iter().enumerate() {
            for (row, value) in vector.iter().enumerate() {
                weights[row * outputs as usize + column] = *value as f32;
            }
        }
        let mut plan = Plan::new("principal components");
        let x = plan.persistent("centred rows", 4 * self.transposed.len() as u64);
        let w = plan.persistent("vectors", 4 * weights.len() as u64);
        let bias = plan.persistent("bias", 4 * u64::from(outputs));
        let y = plan.persistent("components", 4 * u64::from(self.p) * u64::from(outputs));
        let layer = Pointwise { rows: self.p, inputs, outputs, layout: WeightLayout::Rows, activation: Activation::None };
        plan.push(layer.step("components", layer.choice(profile), profile, [x, w, bias], None, y));
        let zeros = vec![0.0f32; outputs as usize];
        let found = run(device, &plan, &[(x, &self.transposed), (w, &weights), (bias, &zeros)], y)?;
        let component = |at: usize| found.iter().skip(at).step_by(outputs as usize).map(|value| f64::from(*value)).collect();
        Ok((0..vectors.len()).map(component).collect())
    }
}

/// Runs a plan once on the given inputs, and returns the tensor `out`.
fn run(device: &Device, plan: &Plan, inputs: &[(View, &Vec<f32>)], out: View) -> Result<Vec<f32>, ClusterError> {
    let program = Program::new(device, plan, &[])?;
    for (view, values) in inputs {
        program.write(device, *view, bytemuck::cast_slice(values));
    }
    program.run(device)?;
    Ok(program.read(device, out)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn components_of_rows_along_known_directions_are_these_directions() {
        let Some(device) = crate::testing::device() else { return };
        // The centred rows are ±3 · (0.6, 0.8, 0, …, 0) and ±1 · (0, …, 0, −1).
        let p = 4099;
        let row = |a: f32, b: f32| {
            let mut row = vec![0.5f32; p];
            row[0] += 0.6 * a;
            row[1] += 0.8 * a;
            row[p - 1] -= b;
            row
        };
        let rows = [row(3.0, 0.0), row(-3.0, 0.0), row(0.0, 1.0), row(0.0, -1.0)].concat();
        let found = principal_components(&device, &rows, 4, p, 9).expect("components");
        // The variances are 2·9/3 and 2·1/3. The rows vary in two directions, so there are no other components.
        assert_eq!(found.explained_variance.len(), 2, "{:?}", found.explained_variance);
        let close = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-5, "{found} for {expected}");
        close(found.explained_variance[0], 6.0);
        close(found.explained_variance[1], 2.0 / 3.0);
        close(found.explained_variance_ratio[0], 0.9);
        close(found.singular_values[1], 2.0f64.sqrt());
        for (at, expected) in [(0, 0.6), (1, 0.8), (2, 0.0), (p - 1, 0.0), (p, 0.0), (2 * p - 1, 1.0)] {
            close(f64::from(found.components[at]), expected);
        }
        close(f64::from(found.mean[p - 1]), 0.5);
    }

    #[test]
    fn a_single_row_and_equal_rows_have_a_mean_but_no_components() {
        let Some(device) = crate::testing::device() else { return };
        for rows in [1, 3] {
            let found = principal_components(&device, &[0.25, 0.5, 1.0].repeat(rows), rows, 3, 4).expect("components");
            assert_eq!((found.mean.as_slice(), found.components.len()), (&[0.25, 0.5, 1.0][..], 0));
        }
        assert!(matches!(principal_components(&device, &[], 0, 3, 1), Err(ClusterError::Empty { .. })));
        assert!(matches!(principal_components(&device, &[f32::NAN], 1, 1, 1), Err(ClusterError::NotFinite { .. })));
    }
}
