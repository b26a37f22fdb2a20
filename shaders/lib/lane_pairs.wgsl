// Exchanges values between two neighbouring lanes. If the even lane passes (a, b) and the odd lane (c, d), the even lane gets
// (a, c) and the odd lane (b, d). In this way, lanes that keep four channels can load and store eight.
struct LanePair {
    first: vec4<f32>,
    second: vec4<f32>,
}

fn turned(first: vec4<f32>, second: vec4<f32>, lane: u32) -> LanePair {
    let is_odd = lane % 2u == 1u;
    let other = subgroupShuffle(select(second, first, is_odd), lane ^ 1u);
    return LanePair(select(first, other, is_odd), select(other, second, is_odd));
}
