// Transpose:  y[j, i] = x[i, j]
//
// x  [rows, columns]
// y  [columns, rows]
// rows and columns are multiples of four; both arrays are read as vec4.
//
// One thread transposes a block of 4 × 4. Neighbouring threads read neighbouring column quads.
// Cost: one load and one store per element.

#params

@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;

#entry 64 {
    let row_quads = params.rows / 4u;
    let column_quads = params.columns / 4u;
    let index = workgroup * 64u + thread;
    if (index >= row_quads * column_quads) {
        return;
    }
    let row_quad = index / column_quads;
    let column_quad = index % column_quads;
    #for r in 0..4
    let row_$r = x[(row_quad * 4u + $(r)u) * column_quads + column_quad];
    #end
    #for c in 0..4
    y[(column_quad * 4u + $(c)u) * row_quads + row_quad] = vec4<f32>(row_0[$c], row_1[$c], row_2[$c], row_3[$c]);
    #end
}
