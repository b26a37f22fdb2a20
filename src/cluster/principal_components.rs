//! Principal components of few rows with many columns, as the eigenfaces of a cluster are: n faces of p pixels, n far below p.
//!
//! The p × p covariance would not fit any memory, but it has the eigenvalues of the n × n Gram matrix G = X·Xᵀ of the centred
//! rows: with G·v = λ·v the component is Xᵀ·v / √λ. Both products run on the GPU, in the kernels of a dense layer: G is the
//! gradient of a layer's weights with X for its input and its gradient alike, with its long sums in parts.

use nalgebra::DMatrix;

use super::ClusterError;
use super::rows::Rows;
use crate::ops::{Activation, DenseBackwardWeight, Pointwise, SumOfParts, padded_channels};
use crate::plan::{Plan, View, WeightLayout};
use crate::profiles::Device;
use crate::scheduler::Program;

/// Share of the greatest eigenvalue, and of the sum of all squares before the mean was taken away, below which an eigenvalue is
/// rounding: the rows do not spread that way.
const NOTHING: (f64, f64) = (1e-6, 1e-14);

/// The mean of some rows, and the directions in which they spread most.
#[derive(Debug, Clone, PartialEq)]
pub struct PrincipalComponents {
    /// The mean row, `[p]`: what OpenCV's PCA calls the mean, and the original software an eigenface.
    pub mean: Vec<f32>,
    /// `[k, p]`, each of length 1, by falling variance; its entry farthest from zero is positive, as scikit-learn's
    /// `svd_flip` has it. There are fewer than asked for where the rows spread in fewer directions: n rows in n − 1 at most.
    pub components: Vec<f32>,
    /// Variance of the rows along each component, `[k]`, over n − 1 as scikit-learn's `explained_variance_`. OpenCV's
    /// eigenvalues are over n: these times (n − 1) / n.
    pub explained_variance: Vec<f64>,
    /// Share of each in the variance along all of them, `[k]`, as scikit-learn's `explained_variance_ratio_`.
    pub explained_variance_ratio: Vec<f64>,
    /// √((n − 1) · variance), `[k]`, the singular values of the centred rows.
    pub singular_values: Vec<f64>,
}

/// The first `count` principal components of `[n, p]` row-major values.
///
/// # Errors
/// Values that do not fit or are no numbers, data that do not fit the adapter, or whatever the device reports.
pub fn principal_components(
    device: &Device,
    values: &[f32],
    n: usize,
    p: usize,
    count: usize,
) -> Result<PrincipalComponents, ClusterError> {
    Rows::new("row", values, n, p)?;
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
    let nothing = (NOTHING.0 * eigen.eigenvalues[order[0]]).max(NOTHING.1 * squares);
    // The rows' mean is taken away, so that one of the n directions is always lost.
    order.truncate(count.min(n - 1));
    order.retain(|&at| eigen.eigenvalues[at] > nothing);
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

/// Rows less their mean, turned: `[p, columns]` with a column a row, padded with zeros to a multiple of four.
struct Centred {
    turned: Vec<f32>,
    p: u32,
    n: usize,
    columns: u32,
}

impl Centred {
    fn new(device: &Device, values: &[f32], mean: &[f64], n: usize) -> Result<Centred, ClusterError> {
        let (p, columns) = (mean.len(), padded_channels(n as u32));
        let bytes = 4 * p as u64 * u64::from(columns);
        let limit = device.capabilities().binding_bytes.min(device.capabilities().buffer_bytes);
        if bytes > limit {
            return Err(ClusterError::TooLarge { what: "the centred rows", bytes, limit });
        }
        let mut turned = vec![0.0f32; p * columns as usize];
        for (column, row) in values.chunks_exact(p).enumerate() {
            for ((at, value), mean) in row.iter().enumerate().zip(mean) {
                turned[at * columns as usize + column] = (f64::from(*value) - mean) as f32;
            }
        }
        Ok(Centred { turned, p: p as u32, n, columns })
    }

    /// X·Xᵀ, `[n, n]`.
    fn gram(&self, device: &Device) -> Result<Vec<f64>, ClusterError> {
        let (profile, columns) = (device.profile(), self.columns);
        let mut plan = Plan::new("Gram matrix");
        let x = plan.persistent("centred rows", 4 * self.turned.len() as u64);
        let elements = columns * columns;
        let workgroups = u64::from(columns).div_ceil(32).pow(2) as u32;
        let rows = profile.row_parts(self.p, workgroups);
        let parts = plan.transient("parts", 4 * u64::from(rows.count()) * u64::from(elements));
        let gram = plan.persistent("Gram matrix", 4 * u64::from(elements));
        let product = DenseBackwardWeight { rows, inputs: columns, outputs: columns };
        plan.push(product.step("product", product.choice(profile), profile.capabilities.subgroup_size, x, x, parts));
        plan.push(SumOfParts { count: rows.count(), elements }.step("sum of parts", parts, gram));
        let found = run(device, &plan, &[(x, &self.turned)], gram)?;
        // Both triangles are sums of the same products; their mean is symmetric to the bit.
        let at = |i: usize, j: usize| f64::from(found[i * columns as usize + j]);
        Ok((0..self.n).flat_map(|i| (0..self.n).map(move |j| (at(i, j) + at(j, i)) / 2.0)).collect())
    }

    /// Xᵀ·v for each of some vectors.
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
        let x = plan.persistent("centred rows", 4 * self.turned.len() as u64);
        let w = plan.persistent("vectors", 4 * weights.len() as u64);
        let bias = plan.persistent("bias", 4 * u64::from(outputs));
        let y = plan.persistent("components", 4 * u64::from(self.p) * u64::from(outputs));
        let layer = Pointwise { rows: self.p, inputs, outputs, layout: WeightLayout::Rows, activation: Activation::None };
        plan.push(layer.step("components", layer.choice(profile), profile.capabilities.subgroup_size, [x, w, bias], None, y));
        let zeros = vec![0.0f32; outputs as usize];
        let found = run(device, &plan, &[(x, &self.turned), (w, &weights), (bias, &zeros)], y)?;
        let component = |at: usize| found.iter().skip(at).step_by(outputs as usize).map(|value| f64::from(*value)).collect();
        Ok((0..vectors.len()).map(component).collect())
    }
}

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
    use crate::device::AdapterRequest;

    fn device() -> Device {
        Device::open(&AdapterRequest::default()).expect("an adapter; run tools/setup")
    }

    #[test]
    fn rows_along_known_directions_have_these_for_components() {
        // Centred, they are ±3 along (0.6, 0.8, 0, …) and ±1 along (0, 0, −1, …).
        let p = 4099;
        let row = |a: f32, b: f32| {
            let mut row = vec![0.5f32; p];
            row[0] += 0.6 * a;
            row[1] += 0.8 * a;
            row[p - 1] -= b;
            row
        };
        let rows = [row(3.0, 0.0), row(-3.0, 0.0), row(0.0, 1.0), row(0.0, -1.0)].concat();
        let found = principal_components(&device(), &rows, 4, p, 9).expect("components");
        // Variances 2·9/3 and 2·1/3; the rows spread in two directions, so there are no others.
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
    fn one_row_and_equal_rows_have_a_mean_alone() {
        let device = device();
        for rows in [1, 3] {
            let found = principal_components(&device, &[0.25, 0.5, 1.0].repeat(rows), rows, 3, 4).expect("components");
            assert_eq!((found.mean.as_slice(), found.components.len()), (&[0.25, 0.5, 1.0][..], 0));
        }
        assert!(matches!(principal_components(&device, &[], 0, 3, 1), Err(ClusterError::Empty { .. })));
        assert!(matches!(principal_components(&device, &[f32::NAN], 1, 1, 1), Err(ClusterError::NotFinite { .. })));
    }
}
