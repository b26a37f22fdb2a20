// Depthwise 3×3 convolution:
//   y[b, i, j, c] = activate(Σ_{u,v} x[b, i·s + u − top, j·s + v − left, c] · w[u, v, c] + bias[c]),  s = $STRIDE
//
// x     [batch, in_height, in_width, channels]      zero outside the image; loaded by shaders/lib/layer_input.wgsl
// w     [3, 3, channels]
// bias  [channels]
// y     [batch, out_height, out_width, channels]
// channels is a multiple of four; all arrays are read as vec4. If $HALF is 1, x, w and y hold f16.
//
// One thread computes $TILE_ROWS × $TILE_COLUMNS pixels of four channels and loads every input of its window once. The 64 threads
// of a workgroup take consecutive channel quads first, so that neighbouring threads read consecutive memory.
// Cost: 18 flops per output. A thread reads
// $(((TILE_ROWS - 1) * STRIDE + 3) * ((TILE_COLUMNS - 1) * STRIDE + 3)) vectors and writes $(TILE_ROWS * TILE_COLUMNS).
#import stored
#import activate
#import depthwise

#entry 64 {
    let quads = params.channels / 4u;
    let tiles_down = (params.out_height + $(TILE_ROWS - 1)u) / $(TILE_ROWS)u;
    let tiles_across = (params.out_width + $(TILE_COLUMNS - 1)u) / $(TILE_COLUMNS)u;
    let index = workgroup * 64u + thread;
    let quad = index % quads;
    let tile = index / quads;
    let batch = tile / (tiles_down * tiles_across);
    if (batch >= params.batch) {
        return;
    }
    let out_row = (tile / tiles_across % tiles_down) * $(TILE_ROWS)u;
    let out_column = (tile % tiles_across) * $(TILE_COLUMNS)u;
    let in_row = i32(out_row * $(STRIDE)u) - i32(params.top);
    let in_column = i32(out_column * $(STRIDE)u) - i32(params.left);
    let image = batch * params.in_height;

    #for t in 0..9
    let w_$t = vec4<f32>(w[$(t)u * quads + quad]);
    #end
    let offset = bias[quad];
    let by = input_normalisation(quad, quads);
    #for r in 0..TILE_ROWS
    #for c in 0..TILE_COLUMNS
    var sum_$(r)_$c = offset;
    #end
    #end
    #for v in 0..(TILE_COLUMNS - 1) * STRIDE + 3
    let column_$v = u32(clamp(in_column + $v, 0, i32(params.in_width) - 1)) * quads + quad;
    let column_inside_$v = (in_column + $v >= 0) & (in_column + $v < i32(params.in_width));
    #end

    #for u in 0..(TILE_ROWS - 1) * STRIDE + 3
    let row_$u = (image + u32(clamp(in_row + $u, 0, i32(params.in_height) - 1))) * params.in_width * quads;
    let row_inside_$u = (in_row + $u >= 0) & (in_row + $u < i32(params.in_height));
    #for v in 0..(TILE_COLUMNS - 1) * STRIDE + 3
    let x_$(u)_$v = select(vec4<f32>(), layer_input(vec4<f32>(x[row_$u + column_$v]), by), row_inside_$u & column_inside_$v);
    #for c in 0..TILE_COLUMNS
    #for r in 0..TILE_ROWS
    #if u >= r * STRIDE && u < r * STRIDE + 3 && v >= c * STRIDE && v < c * STRIDE + 3
    sum_$(r)_$c += x_$(u)_$v * w_$((u - r * STRIDE) * 3 + v - c * STRIDE);
    #end
    #end
    #end
    #end
    #end

    #for r in 0..TILE_ROWS
    #for c in 0..TILE_COLUMNS
    if ((out_row + $(r)u < params.out_height) & (out_column + $(c)u < params.out_width)) {
        y[((batch * params.out_height + out_row + $(r)u) * params.out_width + out_column + $(c)u) * quads + quad] = Stored(activate(sum_$(r)_$c));
    }
    #end
    #end
}
