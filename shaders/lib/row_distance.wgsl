// The distance between two rows a and b under the metric that METRIC selects:
//     0 euclidean  √Σ (a − b)²
//     1 manhattan  Σ |a − b|
//     2 cosine     1 − a·b / (|a| |b|), or 1 if a or b is all zeros
//     3 hamming    the share of columns in which a and b differ
// shaders/lib/tile_distances.wgsl sums term() over the units of the rows, and distance_of() turns the sum into the distance. A
// unit is a vec4 of f32 values, or with BITS 64 columns of 0 and 1. The trait of a row is a quantity that only the cosine metric
// uses. Without BITS, rows are scaled to length 1, so that 1 − a·b = |a − b|² / 2, and the trait is 1/2 for a row of zeros and 0
// for others. With BITS, the trait is the number of ones of the row, which is |a|², and a·b = (|a|² + |b|² − Σ (a − b)²) / 2.
override METRIC: u32 = 0u;

#if BITS
alias Unit = vec2<u32>;

fn term(difference: Unit) -> f32 {
    let ones = countOneBits(difference);
    return f32(ones.x + ones.y);
}
#end
#if BITS == 0
alias Unit = vec4<f32>;

fn term(difference: Unit) -> f32 {
    if (METRIC == 1u) {
        return dot(abs(difference), vec4<f32>(1.0));
    }
    if (METRIC == 3u) {
        return dot(select(vec4<f32>(0.0), vec4<f32>(1.0), difference != vec4<f32>(0.0)), vec4<f32>(1.0));
    }
    return dot(difference, difference);
}
#end

fn distance_of(terms: f32, trait_a: f32, trait_b: f32, columns: u32) -> f32 {
    switch METRIC {
        case 0u: { return sqrt(terms); }
        case 1u: { return terms; }
        case 3u: { return terms / f32(columns); }
        default: {
            #if BITS
            let product = trait_a * trait_b;
            return select(1.0 - 0.5 * (trait_a + trait_b - terms) / sqrt(max(product, 1.0)), 1.0, product == 0.0);
            #end
            #if BITS == 0
            return 0.5 * terms + trait_a + trait_b;
            #end
        }
    }
}
