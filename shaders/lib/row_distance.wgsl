// How far two rows are apart, from what shaders/lib/tile_distances.wgsl adds up over their units:
//     METRIC 0 euclidean  √Σ (a − b)²      1 manhattan  Σ |a − b|      3 hamming  the share of columns that differ
//     METRIC 2 cosine     1 − a·b / (|a| |b|), and 1 to and from a row of zeros
// A unit is a vec4 of numbers, of rows scaled to length 1 under the cosine metric, for which 1 − a·b = |a − b|² / 2; or with BITS
// 64 columns of 0 and 1. The trait of a row is of use under the cosine metric: 1/2 for a row of zeros and else 0; with BITS the
// number of its ones, from which a·b = (|a|² + |b|² − Σ (a − b)²) / 2 follows.
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
