// Input gradient of a depthwise 3×3 convolution:
//   dx[b, r, q, c] = Σ_{u,v} gy[b, (r + top − u) / s, (q + left − v) / s, c] · w[u, v, c],  s = $STRIDE
// The sum runs over the taps (u, v) for which s divides both r + top − u and q + left − v.
//
// gy  [batch, out_height, out_width, channels]   gradient of the loss with respect to the output; zero outside the image
// w   [3, 3, channels]
// dx  [batch, in_height, in_width, channels]
// channels is a multiple of four; all arrays are read as vec4. `in` and `out` are the sizes of the forward pass.
//
// One thread computes $TILE_ROWS × $TILE_COLUMNS pixels of four channels and loads every gradient that reaches them once. The 64
// threads of a workgroup take consecutive channel quads first. At stride 2, a tile starts where the window of an output starts,
// so that the same taps meet the same pixels in every tile. The first tile may therefore begin outside the image.
// Cost: 18 / s² flops per pixel. A thread reads
// $(((TILE_ROWS + 2) / STRIDE) * ((TILE_COLUMNS + 2) / STRIDE)) vectors and writes $(TILE_ROWS * TILE_COLUMNS).

#params

@group(0) @binding(1) var<storage, read> gy: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> w: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> dx: array<vec4<f32>>;

#entry 64 {
    let quads = params.channels / 4u;
    let hidden_rows = $(STRIDE - 1)u * params.top;
    let hidden_columns = $(STRIDE - 1)u * params.left;
    let tiles_down = (params.in_height + hidden_rows + $(TILE_ROWS - 1)u) / $(TILE_ROWS)u;
    let tiles_across = (params.in_width + hidden_columns + $(TILE_COLUMNS - 1)u) / $(TILE_COLUMNS)u;
    let index = workgroup * 64u + thread;
    let quad = index % quads;
    let tile = index / quads;
    let batch = tile / (tiles_down * tiles_across);
    if (batch >= params.batch) {
        return;
    }
    let in_row = i32((tile / tiles_across % tiles_down) * $(TILE_ROWS)u) - i32(hidden_rows);
    let in_column = i32((tile % tiles_across) * $(TILE_COLUMNS)u) - i32(hidden_columns);
    // The first output whose window reaches the tile. A window extends two pixels beyond its first.
    let out_row = (in_row + i32(params.top)) / $STRIDE - $(2 / STRIDE);
    let out_column = (in_column + i32(params.left)) / $STRIDE - $(2 / STRIDE);
    let image = batch * params.out_height;

    #for t in 0..9
    let w_$t = w[$(t)u * quads + quad];
    #end
    #for r in 0..TILE_ROWS
    #for c in 0..TILE_COLUMNS
    var sum_$(r)_$c = vec4<f32>();
    #end
    #end
    #for j in 0..(TILE_COLUMNS + 2) / STRIDE
    let column_$j = u32(clamp(out_column + $j, 0, i32(params.out_width) - 1)) * quads + quad;
    let column_inside_$j = (out_column + $j >= 0) & (out_column + $j < i32(params.out_width));
    #end

    #for i in 0..(TILE_ROWS + 2) / STRIDE
    let row_$i = (image + u32(clamp(out_row + $i, 0, i32(params.out_height) - 1))) * params.out_width * quads;
    let row_inside_$i = (out_row + $i >= 0) & (out_row + $i < i32(params.out_height));
    #for j in 0..(TILE_COLUMNS + 2) / STRIDE
    let gy_$(i)_$j = select(vec4<f32>(), gy[row_$i + column_$j], row_inside_$i & column_inside_$j);
    #for r in 0..TILE_ROWS
    #for c in 0..TILE_COLUMNS
    #if r + 2 - i * STRIDE >= 0 && r + 2 - i * STRIDE < 3 && c + 2 - j * STRIDE >= 0 && c + 2 - j * STRIDE < 3
    sum_$(r)_$c += gy_$(i)_$j * w_$((r + 2 - i * STRIDE) * 3 + c + 2 - j * STRIDE);
    #end
    #end
    #end
    #end
    #end

    #for r in 0..TILE_ROWS
    let row_written_$r = (in_row + $r >= 0) & (in_row + $r < i32(params.in_height));
    #for c in 0..TILE_COLUMNS
    if (row_written_$r & (in_column + $c >= 0) & (in_column + $c < i32(params.in_width))) {
        dx[((batch * params.in_height + u32(in_row + $r)) * params.in_width + u32(in_column + $c)) * quads + quad] = sum_$(r)_$c;
    }
    #end
    #end
}
