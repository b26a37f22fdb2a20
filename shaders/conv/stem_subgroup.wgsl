// Dense 3×3 convolution, subgroup family, the network's first layer:
//   y[b, i, j, n] = activate(Σ_{u,v,c} x[b, i·s + u − top, j·s + v − left, c] · w[u, v, c, n] + bias[n]),  s = stride
//
// x     [batch, in_height, in_width, inputs]      zero outside the image; inputs = 4 for RGB, the fourth channel zero
// w     [3, 3, inputs, outputs]
// bias  [outputs]
// y     [batch, out_height, out_width, outputs]
// inputs is a multiple of four and outputs of $(4 * PARTS), by which w and y are moved; x and bias are moved by four.
//
// One workgroup is one subgroup of $LANES lanes and computes $(LANES * PIXELS) pixels × $COLUMNS output channels, all images' pixels
// seen as one row: a lane keeps $PIXELS pixels in registers, the lanes load the weights of a tap's channels together and
// broadcast them, so that no weight is loaded twice. Of each four channels it multiplies $CHANNELS; with 3 the fourth must hold zeros.
// Cost: 18 · inputs flops an output; w is read pixels / $(LANES * PIXELS) times.
#import stem

// Where a pixel of the output lies; past the last one in an image that is none.
struct Place {
    image: u32,
    row: u32,
    column: u32,
}

fn next_place(place: Place) -> Place {
    let ends_row = place.column + 1u == params.out_width;
    let ends_image = ends_row & (place.row + 1u == params.out_height);
    let row = select(place.row, place.row + 1u, ends_row);
    return Place(select(place.image, place.image + 1u, ends_image), select(row, 0u, ends_image), select(place.column + 1u, 0u, ends_row));
}

#entry subgroup {
    let input_quads = params.inputs / 4u;
    let output_groups = params.outputs / $(4 * PARTS)u;
    let column_tiles = (output_groups + $(COLUMNS / 4 / PARTS - 1)u) / $(COLUMNS / 4 / PARTS)u;
    let tile = workgroup;
    let first_group = (tile % column_tiles) * $(COLUMNS / 4 / PARTS)u;
    let pixels = params.batch * params.out_height * params.out_width;
    if ((tile / column_tiles) * $(LANES * PIXELS)u >= pixels) {
        return;
    }
    let first_pixel = (tile / column_tiles) * $(LANES * PIXELS)u + lane * $(PIXELS)u;

    // Divided once: a lane's other pixels follow its first.
    let image_row = min(first_pixel, pixels - 1u) / params.out_width;
    let place_0 = Place(image_row / params.out_height, image_row % params.out_height, min(first_pixel, pixels - 1u) % params.out_width);
    #for p in 1..PIXELS
    let place_$p = next_place(place_$(p - 1));
    #end
    let height = i32(params.in_height);
    let width = i32(params.in_width);
    #for p in 0..PIXELS
    let first_column_$p = i32(place_$p.column * params.stride) - i32(params.left);
    let first_row_$p = i32(place_$p.row * params.stride) - i32(params.top);
    let image_at_$p = min(place_$p.image, params.batch - 1u) * params.in_height * params.in_width;
    #for c in 0..COLUMNS / 4
    var sum_$(p)_$c = vec4<f32>();
    #end
    #end
    // What is loaded of w for the channels of a quad: vector i is row i / $(COLUMNS / 4 / PARTS), column group i % $(COLUMNS / 4 / PARTS).
    #for q in 0..(CHANNELS * COLUMNS / 4 / PARTS + LANES - 1) / LANES
    let vector_$q = min($(q * LANES)u + lane, $(CHANNELS * COLUMNS / 4 / PARTS - 1)u);
    let w_at_$q = (vector_$q / $(COLUMNS / 4 / PARTS)u) * output_groups + min(first_group + vector_$q % $(COLUMNS / 4 / PARTS)u, output_groups - 1u);
    #end

    for (var tap = 0u; tap < 9u; tap++) {
        #for p in 0..PIXELS
        let row_$p = first_row_$p + i32(tap / 3u);
        let column_$p = first_column_$p + i32(tap % 3u);
        let inside_$p = (row_$p >= 0) & (row_$p < height) & (column_$p >= 0) & (column_$p < width);
        let at_$p = (image_at_$p + select(0u, u32(row_$p * width + column_$p), inside_$p)) * input_quads;
        #end
        for (var c = 0u; c < input_quads; c++) {
            #for p in 0..PIXELS
            let x_$p = select(vec4<f32>(), x[at_$p + c], inside_$p);
            #end
            let channels_at = (tap * params.inputs + c * 4u) * output_groups;
            #for q in 0..(CHANNELS * COLUMNS / 4 / PARTS + LANES - 1) / LANES
            let w_$q = w[w_at_$q + channels_at];
            #for h in 0..PARTS
            let w_$(q)_$h = part_$h(w_$q);
            #end
            #end
            // A sum takes all channels of a quad before the next begins, as in pointwise_subgroup.
            #for c in 0..COLUMNS / 4
            #for i in 0..CHANNELS
            let weight_$(c)_$i = subgroupBroadcast(w_$((i * COLUMNS / 4 / PARTS + c / PARTS) / LANES)_$(c % PARTS), $((i * COLUMNS / 4 / PARTS + c / PARTS) % LANES)u);
            #end
            #for p in 0..PIXELS
            #for i in 0..CHANNELS
            sum_$(p)_$c += x_$p[$i] * weight_$(c)_$i;
            #end
            #end
            #end
        }
    }

    #for v in 0..(COLUMNS / 4 + LANES - 1) / LANES
    let bias_$v = bias[min(first_group * $(PARTS)u + $(v * LANES)u + lane, params.outputs / 4u - 1u)];
    #end
    #for c in 0..COLUMNS / 4
    let offset_$c = subgroupBroadcast(bias_$(c / LANES), $(c % LANES)u);
    #end
    // A loop, as in pointwise_subgroup.
    for (var p = 0u; p < $(PIXELS)u; p++) {
        #for c in 0..COLUMNS / 4
        var end_$c = sum_0_$c;
        #for s in 1..PIXELS
        end_$c = select(end_$c, sum_$(s)_$c, p == $(s)u);
        #end
        #end
        #for g in 0..COLUMNS / 4 / PARTS
        let group_$g = first_group + $(g)u;
        if ((group_$g < output_groups) & (first_pixel + p < pixels)) {
            let at = (first_pixel + p) * output_groups + group_$g;
            #if PARTS == 1
            y[at] = packed(activate(end_$g + offset_$g));
            #end
            #if PARTS == 2
            y[at] = packed(activate(end_$(2 * g) + offset_$(2 * g)), activate(end_$(2 * g + 1) + offset_$(2 * g + 1)));
            #end
        }
        #end
    }
}
