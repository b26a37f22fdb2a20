//! The shipped choice of variants for each kind of adapter, where no measurement says better.

use super::tuning::{Choice, Site, Tuning};
use super::{
    Capabilities, DENSE_BACKWARD_WEIGHT_REGISTERS, DENSE_BACKWARD_WEIGHT_SUBGROUP, DEPTHWISE, DEPTHWISE_BACKWARD_INPUT, DEPTHWISE_STRIP, DenseBackwardWeight, Depthwise,
    EXPAND_DEPTHWISE, ExpandDepthwise, Kernel, POINTWISE_COLUMNS, POINTWISE_REGISTERS, POINTWISE_SUBGROUP, POINTWISE_WORKGROUP,
    Pointwise, Precision, RESIZE_NORMALISE, ResizeNormalise, RowParts, STEM, STEM_STRIP, STEM_SUBGROUP, Stem, Variant,
};

/// What the choice of variants, and of the number of dispatches, depends on.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Whether the adapter computes on the processor.
    pub software: bool,
    /// The subgroup size, where it is known beforehand.
    pub lanes: Option<u32>,
    /// The most bytes that a step can bind at once.
    pub binding_bytes: u64,
    /// Whether shaders have 64-bit integers.
    pub shader_int64: bool,
    /// What was measured on the adapter.
    pub tuning: Option<&'static Tuning>,
    /// What activations and weights are stored as. Training takes 32-bit floats.
    pub precision: Precision,
}

impl Target {
    /// An adapter that grants what every implementation of WebGPU does, but for subgroups, with the shipped choices for 32-bit floats.
    pub fn plain(software: bool, lanes: Option<u32>) -> Target {
        let binding_bytes = 128 << 20;
        Target { software, lanes, binding_bytes, shader_int64: false, tuning: None, precision: Precision::F32 }
    }

    /// The same with numbers stored so.
    pub fn storing(self, precision: Precision) -> Target {
        Target { precision, ..self }
    }

    /// The same without what was measured, for 32-bit floats, as which alone there are measurements.
    pub fn untuned(self) -> Target {
        Target { tuning: None, precision: Precision::F32, ..self }
    }

    /// What variants of 32-bit floats may need.
    pub(super) fn capabilities(self) -> Capabilities {
        Capabilities { lanes: self.lanes, shader_f16: false, shader_int64: self.shader_int64 }
    }

    /// Whether a layer with so many channels can load and store eight numbers at once.
    fn moves_eights<const N: usize>(self, channels: [u32; N]) -> bool {
        self.shader_int64 && channels.iter().all(|channels| channels.is_multiple_of(8))
    }

    /// Whether it is a software adapter with subgroups of one size.
    pub(super) fn is_software_with_subgroups(self) -> bool {
        self.software && self.lanes.is_some()
    }

    /// The measured winner, or else the shipped choice.
    fn tuned(self, site: Site, shipped: Choice) -> Choice {
        self.tuning.and_then(|tuning| tuning.winner(site)).unwrap_or(shipped)
    }

    /// Family and tile of a pointwise convolution or dense layer, on 16-bit floats always of the last family.
    ///
    /// On a software adapter memory operations decide, and the subgroup family has the fewest, but for a single row, where
    /// all its lanes but one would be idle; without subgroups the register family follows. A real GPU reads through
    /// workgroup memory; small layers take smaller tiles so that there are enough workgroups to fill it.
    pub fn pointwise(self, layer: Pointwise) -> Choice {
        let Pointwise { rows, inputs, outputs, layout, .. } = layer;
        let large = u64::from(rows) * u64::from(outputs) >= 64 * 64 * 256;
        if self.precision == Precision::F16 {
            let name = if large { "64x64/256 of f16" } else { "32x32 of f16" };
            return (&POINTWISE_WORKGROUP, named(&POINTWISE_WORKGROUP, name));
        }
        let wide = self.moves_eights([inputs, outputs]);
        let shipped: Choice = match (self.software, self.lanes) {
            (true, Some(_)) if rows == 1 => (&POINTWISE_COLUMNS, widened(&POINTWISE_COLUMNS, "1 row", wide)),
            (true, Some(lanes)) => {
                // The model's images have 49 · 4ⁿ pixels, or 4ⁿ.
                let rows_a_lane = if rows.is_multiple_of(7) { 7 } else { 8 };
                // The time of what is computed, padding too: what is loaded of four inputs takes a lane as long as some 17 products of
                // four, and 10 where eight are loaded at once. More columns load less a product.
                let load = if wide { 10 } else { 17 };
                let cost = |[rows_a_lane, columns]: [u32; 2]| {
                    let tiles = u64::from(rows.div_ceil(rows_a_lane * lanes)) * u64::from(outputs.div_ceil(columns));
                    tiles * u64::from(rows_a_lane * columns + load * (rows_a_lane + columns / lanes))
                };
                // With less to read 64 columns gain nothing, and with few rows less than they take to compile.
                let many_columns = inputs >= 64 && outputs > 64 && outputs.is_multiple_of(64) && rows > 28 * lanes;
                let suits = |tile: &[u32; 2]| match tile {
                    // By eights its loop outgrows a processor's first cache.
                    [7, 64] => many_columns && !wide,
                    [_, 64] => many_columns,
                    // The model's smallest images have so many channels, and 32 leave one thread alone with the last of five tiles.
                    [_, 40] => wide && outputs.is_multiple_of(40),
                    [5, 32] => wide,
                    _ => true,
                };
                let tiles = [[rows_a_lane, 32], [5, 32], [7, 40], [5, 64], [7, 64]].into_iter().filter(suits);
                let [tile_rows, columns] = match rows.div_ceil(lanes) {
                    few @ 1..=2 => [few, 32],
                    // Columns past the last are computed in vain, but another tile takes as long to compile as few rows gain.
                    _ if outputs <= 16 && rows >= 8192 => [8, 16],
                    _ if outputs <= 24 && rows >= 3136 => [8, 24],
                    // For the same reason an image's layers of 28 × 28 pixels take the tile of those of 14 × 14.
                    ..=98 if wide && rows_a_lane == 7 && outputs <= 32 => [5, 32],
                    _ => tiles.min_by_key(|tile| cost(*tile)).unwrap_or([rows_a_lane, 32]),
                };
                let name = format!("{tile_rows}x{columns}");
                (&POINTWISE_SUBGROUP, widened(&POINTWISE_SUBGROUP, &name, wide))
            }
            (true, None) => (&POINTWISE_REGISTERS, named(&POINTWISE_REGISTERS, if rows < 64 { "4x4" } else { "8x8" })),
            (false, _) => (&POINTWISE_WORKGROUP, named(&POINTWISE_WORKGROUP, if large { "64x64/256" } else { "32x32" })),
        };
        self.tuned(Site::Pointwise { rows, inputs, outputs, layout }, shipped)
    }

    /// Family and tile of the gradient of a dense layer by its weights, by the same reasons; narrow layers take smaller
    /// tiles on a real GPU so that there are enough workgroups.
    pub fn dense_backward_weight(self, layer: DenseBackwardWeight) -> Choice {
        let DenseBackwardWeight { rows: RowParts { rows, rows_a_part }, inputs, outputs } = layer;
        let shipped: Choice = match (self.software, self.lanes) {
            (true, Some(lanes)) => {
                // Eight inputs a lane read less, unless many of them would be past the last.
                let eight = inputs.next_multiple_of(8 * lanes) == inputs.next_multiple_of(4 * lanes);
                let name = match outputs {
                    ..=16 => "4x16",
                    17..=24 => "4x24",
                    // Twice as many columns read less, as in a pointwise convolution.
                    _ if outputs.is_multiple_of(64) => {
                        if eight {
                            "8x64"
                        } else {
                            "4x64"
                        }
                    }
                    _ if eight => "8x32",
                    _ => "4x32",
                };
                (&DENSE_BACKWARD_WEIGHT_SUBGROUP, named(&DENSE_BACKWARD_WEIGHT_SUBGROUP, name))
            }
            (software, _) => {
                let name = if software || outputs > 64 { "8x8" } else { "4x4" };
                (&DENSE_BACKWARD_WEIGHT_REGISTERS, named(&DENSE_BACKWARD_WEIGHT_REGISTERS, name))
            }
        };
        self.tuned(Site::DenseBackwardWeight { rows, rows_a_part, inputs, outputs }, shipped)
    }

    /// Parts of a sum over `rows`, of which each takes `workgroups_a_part`: short enough for `f32`, and so many that there is
    /// enough work for every thread of the adapter.
    pub fn row_parts(self, rows: u32, workgroups_a_part: u32) -> RowParts {
        /// A longer run of additions in `f32` loses more than the bounds of the tests allow.
        const LONGEST: u32 = 2048;
        /// With fewer rows, writing and adding up the parts costs more than the sum.
        const SHORTEST: u32 = 128;
        let workgroups: u32 = if self.software { 32 } else { 1024 };
        let wanted = workgroups.div_ceil(workgroups_a_part.max(1));
        RowParts { rows, rows_a_part: rows.div_ceil(wanted).clamp(SHORTEST, LONGEST) }
    }

    /// Family and tile of a depthwise convolution: large where a thread's registers live in a cache, small on a real GPU. Strips
    /// read less twice than tiles do, and as a loop compile sooner, but not everywhere.
    pub fn depthwise(self, layer: Depthwise) -> Choice {
        let Depthwise { batch, size, channels, stride, .. } = layer;
        if self.precision == Precision::F16 {
            return (&DEPTHWISE, named(&DEPTHWISE, &format!("stride {stride}, 2x4 of f16")));
        }
        let shipped: Choice = match (self.is_software_with_subgroups(), stride) {
            (true, stride) => {
                // Strips that end where the image ends; the model's are 7 · 2ⁿ wide, or 2ⁿ.
                let name = match (stride, layer.out_size()[1].is_multiple_of(7)) {
                    (1, true) => "stride 1, 14x7",
                    (1, false) => "stride 1, 14x8",
                    _ => "stride 2, 14x4",
                };
                (&DEPTHWISE_STRIP, widened(&DEPTHWISE_STRIP, name, self.moves_eights([channels])))
            }
            // At stride 2 the large tile runs a tenth faster there, but takes four times as long to compile.
            (false, 1) if self.software => (&DEPTHWISE, named(&DEPTHWISE, "stride 1, 4x7")),
            (false, stride) => (&DEPTHWISE, named(&DEPTHWISE, &format!("stride {stride}, 2x4"))),
        };
        self.tuned(Site::Depthwise { batch, size, channels, stride }, shipped)
    }

    /// The kernel of an expansion and its depthwise convolution in one, where that pays: on a software adapter with subgroups, which
    /// moves no memory as fast as it computes, and for few enough inputs that a lane holds their weights.
    pub fn expand_depthwise(self, layer: ExpandDepthwise) -> Option<Choice> {
        let Depthwise { batch, size, channels, stride, .. } = layer.depthwise;
        if self.lanes.is_none()
            || self.precision == Precision::F16
            || !EXPAND_DEPTHWISE.variants.iter().any(|variant| layer.suits(variant))
        {
            return None;
        }
        let site = Site::Expansion { batch, size, inputs: layer.inputs, channels, stride };
        if let Some(winner) = self.tuning.and_then(|tuning| tuning.winner(site)) {
            return (winner.0.name == EXPAND_DEPTHWISE.name).then_some(winner);
        }
        if !self.is_software_with_subgroups() {
            return None;
        }
        // Strips that end where the image ends, as of the depthwise convolution, and room for no more inputs than there are.
        let columns = match (stride, size[1].is_multiple_of(7)) {
            (1, true) => 7,
            (1, false) => 8,
            _ => 4,
        };
        let fits = |variant: &&Variant| layer.suits(variant) && variant.constant("COLUMNS") == columns;
        EXPAND_DEPTHWISE
            .variants
            .iter()
            .filter(fits)
            .filter(|variant| variant.lacks(self.capabilities()).is_none())
            .min_by_key(|variant| (variant.constant("INPUT_QUADS"), !variant.is_wide()))
            .map(|variant| (&EXPAND_DEPTHWISE, variant))
    }

    /// Tile of the gradient of a depthwise convolution by its input, by the same reasons.
    pub fn depthwise_backward_input(self, layer: Depthwise) -> &'static Variant {
        let tile = match (self.software, layer.stride) {
            (true, 1) => "4x7",
            (true, _) => "4x8",
            (false, _) => "2x4",
        };
        let shipped = named(&DEPTHWISE_BACKWARD_INPUT, &format!("stride {}, {tile}", layer.stride));
        let Depthwise { batch, size, channels, stride, .. } = layer;
        self.tuned(Site::DepthwiseBackwardInput { batch, size, channels, stride }, (&DEPTHWISE_BACKWARD_INPUT, shipped)).1
    }

    /// Parts of the rows of pixels over which the gradient of a depthwise convolution by its weights is summed.
    pub fn depthwise_backward_weight(self, layer: Depthwise) -> RowParts {
        self.pixel_rows(layer.batch, layer.out_size(), layer.channels / 4)
    }

    /// The same of the first layer, of whose parts each thread takes a row of taps.
    pub fn stem_backward_weight(self, layer: Stem) -> RowParts {
        self.pixel_rows(layer.batch, layer.out_size(), 3 * (layer.inputs / 4) * (layer.outputs / 4))
    }

    /// Parts of batch × height rows of `width` pixels, each taken by `threads`.
    fn pixel_rows(self, batch: u32, [height, width]: [u32; 2], threads: u32) -> RowParts {
        /// Pixels in a run of additions.
        const LONGEST: u32 = 2048;
        let rows = batch * height;
        let wanted: u32 = if self.software { 2048 } else { 65_536 };
        let rows_a_part = rows.div_ceil(wanted.div_ceil(threads.max(1)));
        RowParts { rows, rows_a_part: rows_a_part.min(LONGEST / width.max(1)).max(1) }
    }

    /// The variant of resizing: two pixels at once where that is eight numbers, on a software adapter that can.
    pub fn resize_normalise(self, layer: ResizeNormalise) -> &'static Variant {
        let wide = RESIZE_NORMALISE.variants.iter().find(|variant| variant.is_wide() && layer.suits(variant));
        let is_wide = self.software && self.shader_int64 && self.precision == Precision::F32;
        wide.filter(|_| is_wide).unwrap_or_else(|| RESIZE_NORMALISE.of(self.precision))
    }

    /// Family and tile of the first layer, by the reasons of [`Target::pointwise`].
    pub fn stem(self, layer: Stem) -> Choice {
        if self.precision == Precision::F16 {
            return (&STEM, named(&STEM, "4x8 of f16"));
        }
        let shipped: Choice = match (self.software, self.lanes) {
            (true, Some(_)) => {
                // Strips that end where the image ends: the model's images are 7 · 2ⁿ wide, or 2ⁿ.
                let pixels = if layer.out_size()[1].is_multiple_of(7) { 7 } else { 8 };
                let strip = named(&STEM_STRIP, &format!("{pixels}x32 wide"));
                if self.shader_int64 && layer.suits(strip) {
                    (&STEM_STRIP, strip)
                } else {
                    let name = if layer.rgb && layer.inputs == 4 { "6x32 of RGB" } else { "4x32" };
                    (&STEM_SUBGROUP, widened(&STEM_SUBGROUP, name, self.moves_eights([layer.outputs])))
                }
            }
            (software, _) => (&STEM, named(&STEM, if software { "8x8" } else { "4x8" })),
        };
        let Stem { batch, size, inputs, rgb, outputs, stride, .. } = layer;
        self.tuned(Site::Stem { batch, size, inputs, rgb, outputs, stride }, shipped)
    }
}

/// The variant of that name, or the kernel's default.
fn named(kernel: &'static Kernel, name: &str) -> &'static Variant {
    kernel.variants.iter().find(|variant| variant.name == name).unwrap_or(&kernel.variants[0])
}

/// The variant of that name, as it loads and stores eight numbers at once if that is wanted and there is such a one.
fn widened(kernel: &'static Kernel, name: &str, wanted: bool) -> &'static Variant {
    let wide = format!("{name} wide");
    kernel.variants.iter().find(|variant| wanted && variant.name == wide).unwrap_or_else(|| named(kernel, name))
}

#[cfg(test)]
mod tests {
    use super::super::{Activation, Interpolation, Padding, WeightLayout};
    use super::*;

    #[test]
    fn every_choice_suits_its_layer_and_its_adapter() {
        const WIDTHS: [u32; 10] = [4, 12, 16, 24, 32, 36, 40, 64, 96, 160];
        const ADAPTERS: [(bool, Option<u32>); 6] =
            [(true, None), (true, Some(4)), (true, Some(8)), (true, Some(16)), (false, None), (false, Some(32))];
        let (padding, activation, layout) = (Padding::TensorflowSame, Activation::None, WeightLayout::Panels);
        for ((software, lanes), shader_int64) in ADAPTERS.into_iter().flat_map(|adapter| [(adapter, false), (adapter, true)]) {
            let target = Target { shader_int64, ..Target::plain(software, lanes) };
            let mut are_wide = Vec::new();
            let mut check = |(kernel, variant): Choice, suits: bool, layer: &dyn std::fmt::Debug| {
                let lacks = variant.lacks(target.capabilities());
                assert!(suits && lacks.is_none(), "{target:?}: {layer:?} by {} {}: {lacks:?}", kernel.name, variant.name);
                are_wide.push(variant.is_wide());
            };
            for size in [33, 224] {
                let interpolation = Interpolation::Nearest;
                let layer = ResizeNormalise { batch: 1, size, scale: [1.0; 3], shift: [0.0; 3], interpolation };
                let variant = target.resize_normalise(layer);
                check((&RESIZE_NORMALISE, variant), layer.suits(variant), &layer);
            }
            for (inputs, outputs) in WIDTHS.into_iter().flat_map(|inputs| WIDTHS.map(|outputs| (inputs, outputs))) {
                for rows in [1, 2, 9, 16, 49, 64, 196, 392, 784, 3136, 12_544] {
                    let layer = Pointwise { rows, inputs, outputs, layout, activation };
                    let choice = target.pointwise(layer);
                    check(choice, layer.suits(choice.1), &layer);
                }
                for (side, stride) in [(7, 1), (8, 1), (14, 2), (28, 1), (32, 2)] {
                    let (batch, size) = (1, [side, side]);
                    let depthwise = Depthwise { batch, size, channels: outputs, stride, padding, activation };
                    let choice = target.depthwise(depthwise);
                    check(choice, depthwise.suits(choice.1), &depthwise);
                    let layer = ExpandDepthwise { inputs, depthwise };
                    if let Some(choice) = target.expand_depthwise(layer) {
                        check(choice, layer.suits(choice.1), &layer);
                    }
                    let layer = Stem { batch, size, inputs, rgb: inputs == 4, outputs, stride, padding, activation };
                    let choice = target.stem(layer);
                    check(choice, layer.suits(choice.1), &layer);
                }
            }
            let expected = software && shader_int64;
            assert_eq!(are_wide.contains(&true), expected, "{target:?}");
        }
    }

    #[test]
    fn parts_are_short_and_none_is_empty() {
        for (software, rows, workgroups) in
            [(true, 1, 1), (true, 100_352, 1), (true, 802_816, 12), (false, 802_816, 1), (false, 802_816, 4000), (false, 49, 1)]
        {
            let parts = Target::plain(software, None).row_parts(rows, workgroups);
            assert_eq!(parts.rows, rows);
            assert!(parts.rows_a_part <= 2048 && (parts.count() - 1) * parts.rows_a_part < rows, "{parts:?}");
        }
    }

    #[test]
    fn parts_of_pixels_are_short_at_every_size() {
        let (padding, activation) = (Padding::TensorflowSame, Activation::None);
        for (software, size) in [(true, 7), (true, 112), (false, 14), (false, 224), (true, 5000)] {
            let layer = Depthwise { batch: 64, size: [size, size], channels: 32, stride: 1, padding, activation };
            let parts = Target::plain(software, None).depthwise_backward_weight(layer);
            assert_eq!(parts.rows, 64 * size);
            // A row of pixels is never split.
            assert!(parts.rows_a_part == 1 || parts.rows_a_part * size <= 2048, "{parts:?}");
        }
    }
}
