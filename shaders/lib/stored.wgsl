// The format of activations and weights in memory: 16-bit floats if HALF is 1, else 32-bit floats. One `Stored` holds four
// numbers if WIDE is 0. If WIDE is 1, it holds eight numbers as four 64-bit words, which a CPU loads and stores in hardly more
// time than four 32-bit words. part_0 and part_1 turn a loaded `Stored` into vec4<f32>, and `packed` does the reverse. Import
// this snippet before all others, because `enable` must come first.
#if HALF
enable f16;
alias Stored = vec4<f16>;
#end
#if (HALF == 0) * (WIDE == 0)
alias Stored = vec4<f32>;
#end
#if WIDE
// Native only: WGSL has no 64-bit integers, so no browser runs this variant.
#end
#if WIDE == 0

fn part_0(numbers: Stored) -> vec4<f32> {
    return vec4<f32>(numbers);
}

fn packed(part_0: vec4<f32>) -> Stored {
    return Stored(part_0);
}
#end
#if WIDE
alias Stored = vec4<u64>;

fn part_0(numbers: Stored) -> vec4<f32> {
    return four_of(numbers.xy);
}

fn part_1(numbers: Stored) -> vec4<f32> {
    return four_of(numbers.zw);
}

// A word holds two numbers, the first in the lower half.
fn four_of(words: vec2<u64>) -> vec4<f32> {
    let first = bitcast<vec2<f32>>(vec2<u32>(words));
    let second = bitcast<vec2<f32>>(vec2<u32>(words >> vec2<u32>(32u)));
    return vec4<f32>(first.x, second.x, first.y, second.y);
}

fn packed(part_0: vec4<f32>, part_1: vec4<f32>) -> Stored {
    return Stored(words_of(part_0), words_of(part_1));
}

fn words_of(numbers: vec4<f32>) -> vec2<u64> {
    let halves = bitcast<vec4<u32>>(numbers);
    return vec2<u64>(halves.xz) | (vec2<u64>(halves.yw) << vec2<u32>(32u));
}
#end
