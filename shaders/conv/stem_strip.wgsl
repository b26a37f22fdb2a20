// Dense 3×3 convolution at stride 2, the network's first layer on RGB images, computed in strips of a row with subgroups:
//   y[b, i, j, n] = activate(Σ_{u,v,c} x[b, 2·i + u − top, 2·j + v − left, c] · w[u, v, c, n] + bias[n])
//
// x     [batch, in_height, in_width, 4]           zero outside the image; the fourth channel is zero; loaded two pixels at a time
// w     [3, 3, 4, outputs]
// bias  [outputs]
// y     [batch, out_height, out_width, outputs]
// in_width is even, and outputs is a multiple of eight. w and y are loaded and stored eight numbers at a time, and bias four.
//
// One workgroup is one subgroup of $LANES lanes and computes $COLUMNS output channels of $LANES strips of $PIXELS pixels. A lane
// keeps a strip in registers and loads each pixel once for a row of taps. The lanes load the weights of a tap's channels
// together and broadcast them, so that no weight is loaded twice. The kernel needs 64-bit integers and subgroups, so it does not
// run in browsers. The kernel stem computes the same in standard WGSL.
// Cost: 72 flops per output; w is read pixels / $(LANES * PIXELS) times.
#import activate
#import stored
#params

@group(0) @binding(1) var<storage, read> x: array<Stored>;
@group(0) @binding(2) var<storage, read> w: array<Stored>;
@group(0) @binding(3) var<storage, read> bias: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> y: array<Stored>;

#entry subgroup {
    let output_groups = params.outputs / 8u;
    let column_tiles = (output_groups + $(COLUMNS / 8 - 1)u) / $(COLUMNS / 8)u;
    let tile = workgroup;
    let first_group = (tile % column_tiles) * $(COLUMNS / 8)u;
    let strips = (params.out_width + $(PIXELS - 1)u) / $(PIXELS)u;
    let all_strips = params.batch * params.out_height * strips;
    let wanted = (tile / column_tiles) * $(LANES)u + lane;
    if ((tile / column_tiles) * $(LANES)u >= all_strips) {
        return;
    }
    let strip = min(wanted, all_strips - 1u);
    let line = strip / strips;
    let first_pixel = strip % strips * $(PIXELS)u;
    let image = line / params.out_height;
    let first_row = i32(line % params.out_height * $(STRIDE)u) - i32(params.top);

    // Pixels are loaded in pairs. If left is odd, the first window of the strip begins with the second pixel of a pair.
    let odd = params.left % 2u;
    let first_pair = i32(first_pixel) - i32((params.left + 1u) / 2u);
    let pairs = i32(params.in_width / 2u);
    let height = i32(params.in_height);
    #for p in 0..PIXELS
    #for c in 0..COLUMNS / 4
    var sum_$(p)_$c = vec4<f32>();
    #end
    #end
    // These vectors of w are loaded for the channels of a tap. Vector i is column group i % $(COLUMNS / 8) of row
    // i / $(COLUMNS / 8).
    #for q in 0..(3 * COLUMNS / 8 + LANES - 1) / LANES
    let vector_$q = min($(q * LANES)u + lane, $(3 * COLUMNS / 8 - 1)u);
    let w_at_$q = (vector_$q / $(COLUMNS / 8)u) * output_groups + min(first_group + vector_$q % $(COLUMNS / 8)u, output_groups - 1u);
    #end

    for (var u = 0u; u < 3u; u++) {
        let row = first_row + i32(u);
        let has_row = (row >= 0) & (row < height);
        let x_at = (i32(image) * height + clamp(row, 0, height - 1)) * pairs;
        #for q in 0..PIXELS + 1
        let pair_$q = first_pair + $(q);
        let inside_$q = has_row & (pair_$q >= 0) & (pair_$q < pairs);
        let loaded_$q = x[x_at + clamp(pair_$q, 0, pairs - 1)];
        let pixel_$(2 * q) = select(vec4<f32>(), part_0(loaded_$q), inside_$q);
        let pixel_$(2 * q + 1) = select(vec4<f32>(), part_1(loaded_$q), inside_$q);
        #end
        for (var v = 0u; v < 3u; v++) {
            let step = v + odd;
            #for p in 0..PIXELS
            let first_two_$p = select(pixel_$(2 * p), pixel_$(2 * p + 1), step == 1u);
            let x_$p = select(first_two_$p, select(pixel_$(2 * p + 2), pixel_$(2 * p + 3), step == 3u), step >= 2u);
            #end
            let channels_at = (3u * u + v) * 4u * output_groups;
            #for q in 0..(3 * COLUMNS / 8 + LANES - 1) / LANES
            let w_$q = w[w_at_$q + channels_at];
            let w_$(q)_0 = part_0(w_$q);
            let w_$(q)_1 = part_1(w_$q);
            #end
            // All channels of a tap are added to a sum before the next sum begins, as in pointwise_subgroup.
            #for c in 0..COLUMNS / 4
            #for i in 0..3
            let weight_$(c)_$i = subgroupBroadcast(w_$((i * COLUMNS / 8 + c / 2) / LANES)_$(c % 2), $((i * COLUMNS / 8 + c / 2) % LANES)u);
            #end
            #for p in 0..PIXELS
            #for i in 0..3
            sum_$(p)_$c += x_$p[$i] * weight_$(c)_$i;
            #end
            #end
            #end
        }
    }

    #for v in 0..(COLUMNS / 4 + LANES - 1) / LANES
    let bias_$v = bias[min(first_group * 2u + $(v * LANES)u + lane, params.outputs / 4u - 1u)];
    #end
    #for c in 0..COLUMNS / 4
    let offset_$c = subgroupBroadcast(bias_$(c / LANES), $(c % LANES)u);
    #end
    // This is a loop because every store in the source makes the kernel larger and slower to compile.
    for (var p = 0u; p < $(PIXELS)u; p++) {
        #for c in 0..COLUMNS / 4
        var end_$c = sum_0_$c;
        #for s in 1..PIXELS
        end_$c = select(end_$c, sum_$(s)_$c, p == $(s)u);
        #end
        #end
        #for g in 0..COLUMNS / 8
        let group_$g = first_group + $(g)u;
        if ((group_$g < output_groups) & (wanted < all_strips) & (first_pixel + p < params.out_width)) {
            let at = (line * params.out_width + first_pixel + p) * output_groups + group_$g;
            y[at] = packed(activate(end_$(2 * g) + offset_$(2 * g)), activate(end_$(2 * g + 1) + offset_$(2 * g + 1)));
        }
        #end
    }
}
