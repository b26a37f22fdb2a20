//! The profile of software adapters, which compute on the processor, and everything else that only they need.
//!
//! On a processor, memory operations decide: subgroup kernels have the fewest, where subgroups have one known size.

pub mod threads;

use self::threads::Threads;
use super::{ClassSettings, Device, OperationShape, gpu};
use crate::device::{AdapterRequest, DeviceError};
use crate::plan::{Capabilities, Precision, VariantId};

/// Opens an adapter as [`Device::open`] does and, where it computes on the processor, changes how its driver works inside this
/// process: every thread that the driver started is bound to a processor of its own, and pipelines are compiled on several
/// devices at once where the driver compiles on one thread for each device. A program asks for this explicitly; the library
/// does not do it by itself.
///
/// # Errors
/// As [`Device::open`].
pub fn open(request: &AdapterRequest) -> Result<Device, DeviceError> {
    let threads = Threads::now();
    let mut device = Device::open(request)?;
    if device.capabilities().software {
        threads.bind_what_started();
        let report = device.report();
        if report.backend == "vulkan" && report.driver.starts_with("llvmpipe") {
            device.gpu_mut().compile_by_dispatching();
        }
    }
    Ok(device)
}

/// Returns what holds for every operation.
pub fn settings(capabilities: &Capabilities) -> ClassSettings {
    ClassSettings {
        workgroups_of_a_sum: 32,
        threads_of_a_sum: 2048,
        subgroup_distances: capabilities.subgroup_size.is_some(),
        // A shuffle between eight lanes is one instruction.
        distance_tables: capabilities.subgroup_size == Some(8),
        resize_pixels: 2,
    }
}

/// Returns the variants for an operation, best first.
pub fn preferences(shape: OperationShape, capabilities: &Capabilities, precision: Precision) -> Vec<VariantId> {
    if precision == Precision::F16 {
        return gpu::preferences(shape, precision);
    }
    match capabilities.subgroup_size {
        Some(lanes) => with_subgroups(shape, lanes, capabilities.shader_int64),
        None => without_subgroups(shape),
    }
}

fn without_subgroups(shape: OperationShape) -> Vec<VariantId> {
    let variant = match shape {
        OperationShape::Pointwise { rows, .. } => VariantId::new("pointwise_registers", if rows < 64 { "4x4" } else { "8x8" }),
        OperationShape::DenseBackwardWeight { .. } => VariantId::new("dense_backward_weight_registers", "8x8"),
        OperationShape::Depthwise { stride, .. } | OperationShape::ExpandDepthwise { stride, .. } => {
            VariantId::new("depthwise", if stride == 1 { "stride 1, 4x7" } else { "stride 2, 2x4" })
        }
        OperationShape::DepthwiseBackwardInput { stride, .. } => backward_input(stride),
        OperationShape::Stem { .. } => VariantId::new("stem", "8x8"),
    };
    vec![variant]
}

fn backward_input(stride: u32) -> VariantId {
    VariantId::new("depthwise_backward_input", if stride == 1 { "stride 1, 4x7" } else { "stride 2, 4x8" })
}

/// Names a variant that moves eight numbers at once, then the one that moves four.
macro_rules! wide_first {
    ($kernel:literal, $variant:literal) => {
        vec![VariantId::new($kernel, concat!($variant, " wide")), VariantId::new($kernel, $variant)]
    };
}

fn with_subgroups(shape: OperationShape, lanes: u32, shader_int64: bool) -> Vec<VariantId> {
    match shape {
        OperationShape::Pointwise { rows: 1, .. } => wide_first!("pointwise_columns", "1 row"),
        OperationShape::Pointwise { rows, inputs, outputs, .. } => pointwise(rows, inputs, outputs, lanes, shader_int64),
        OperationShape::DenseBackwardWeight { inputs, outputs, .. } => {
            // Eight inputs a lane read less, unless many of them would be past the last.
            let eight = inputs.next_multiple_of(8 * lanes) == inputs.next_multiple_of(4 * lanes);
            let name = match outputs {
                ..=16 => "4x16",
                17..=24 => "4x24",
                _ if outputs.is_multiple_of(64) && eight => "8x64",
                _ if outputs.is_multiple_of(64) => "4x64",
                _ if eight => "8x32",
                _ => "4x32",
            };
            vec![VariantId::new("dense_backward_weight_subgroup", name)]
        }
        OperationShape::Depthwise { size, stride, .. } => depthwise(size, stride),
        OperationShape::ExpandDepthwise { size, inputs, stride, .. } => {
            let fused = match (stride, size[1].is_multiple_of(7), inputs) {
                (1, true, ..=24) => wide_first!("expand_depthwise", "stride 1, 56x7 of 24"),
                (1, false, ..=24) => wide_first!("expand_depthwise", "stride 1, 56x8 of 24"),
                (1, true, ..=32) => wide_first!("expand_depthwise", "stride 1, 56x7 of 32"),
                (1, false, ..=32) => wide_first!("expand_depthwise", "stride 1, 56x8 of 32"),
                (2, _, ..=16) => wide_first!("expand_depthwise", "stride 2, 28x4 of 16"),
                (2, _, ..=24) => wide_first!("expand_depthwise", "stride 2, 28x4 of 24"),
                (2, _, ..=32) => wide_first!("expand_depthwise", "stride 2, 28x4 of 32"),
                _ => Vec::new(),
            };
            fused.into_iter().chain(depthwise(size, stride)).collect()
        }
        OperationShape::DepthwiseBackwardInput { stride, .. } => vec![backward_input(stride)],
        OperationShape::Stem { size, inputs, rgb, stride, .. } => {
            let pixels = size[1].div_ceil(stride);
            let strip = if pixels.is_multiple_of(7) { "7x32 wide" } else { "8x32 wide" };
            let other = match rgb && inputs == 4 {
                true => wide_first!("stem_subgroup", "6x32 of RGB"),
                false => wide_first!("stem_subgroup", "4x32"),
            };
            [VariantId::new("stem_strip", strip)].into_iter().chain(other).collect()
        }
    }
}

fn depthwise(size: [u32; 2], stride: u32) -> Vec<VariantId> {
    match (stride, size[1].div_ceil(stride).is_multiple_of(7)) {
        (1, true) => wide_first!("depthwise_strip", "stride 1, 14x7"),
        (1, false) => wide_first!("depthwise_strip", "stride 1, 14x8"),
        _ => wide_first!("depthwise_strip", "stride 2, 14x4"),
    }
}

fn pointwise(rows: u32, inputs: u32, outputs: u32, lanes: u32, shader_int64: bool) -> Vec<VariantId> {
    let wide = shader_int64 && inputs.is_multiple_of(8) && outputs.is_multiple_of(8);
    // The model's images have 49 · 4ⁿ pixels, or 4ⁿ.
    let rows_a_lane = if rows.is_multiple_of(7) { 7 } else { 8 };
    let load = if wide { 10 } else { 17 };
    let cost = |[rows_a_lane, columns]: [u32; 2]| {
        let tiles = u64::from(rows.div_ceil(rows_a_lane * lanes)) * u64::from(outputs.div_ceil(columns));
        tiles * u64::from(rows_a_lane * columns + load * (rows_a_lane + columns / lanes))
    };
    let many_columns = inputs >= 64 && outputs > 64 && outputs.is_multiple_of(64) && rows > 28 * lanes;
    let suits = |tile: &[u32; 2]| match tile {
        [7, 64] => many_columns && !wide,
        [_, 64] => many_columns,
        [_, 40] => wide && outputs.is_multiple_of(40),
        [5, 32] => wide,
        _ => true,
    };
    let tiles = [[rows_a_lane, 32], [5, 32], [7, 40], [5, 64], [7, 64]].into_iter().filter(suits);
    let [tile_rows, columns] = match rows.div_ceil(lanes) {
        few @ 1..=2 => [few, 32],
        _ if outputs <= 16 && rows >= 8192 => [8, 16],
        _ if outputs <= 24 && rows >= 3136 => [8, 24],
        ..=98 if wide && rows_a_lane == 7 && outputs <= 32 => [5, 32],
        _ => tiles.min_by_key(|tile| cost(*tile)).unwrap_or([rows_a_lane, 32]),
    };
    let name = |suffix: &str| VariantId {
        kernel: "pointwise_subgroup".into(),
        variant: format!("{tile_rows}x{columns}{suffix}").into(),
    };
    let has_wide = [[7, 32], [8, 32], [5, 32], [5, 64], [7, 40], [8, 16], [8, 24]].contains(&[tile_rows, columns]);
    let single = ![[7, 40], [5, 32]].contains(&[tile_rows, columns]);
    let [wide_name, name] = [(wide && has_wide, " wide"), (single, "")].map(|(is, suffix)| is.then(|| name(suffix)));
    [wide_name, name].into_iter().flatten().collect()
}
