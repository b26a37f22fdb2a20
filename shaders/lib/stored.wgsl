// Numbers as activations and weights lie in memory: 16-bit floats where HALF is 1, else 32-bit ones. Four at a time where WIDE is 0; where it
// is 1 eight, in four words of 64 bits, which take a processor hardly longer to load or store than four of 32. What is read is made
// vec4<f32> of, a part each, and what is written is packed. To be imported before anything else, as `enable` must come first.
#if HALF
enable f16;
alias Stored = vec4<f16>;
#end
#if (HALF == 0) * (WIDE == 0)
alias Stored = vec4<f32>;
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

// A word holds two numbers, the first in its lower half.
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
