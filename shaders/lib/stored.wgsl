// Four numbers as activations and weights lie in memory: 16-bit floats where HALF is 1, else 32-bit ones. What is read is made
// vec4<f32> of, and what is written Stored. To be imported before anything else, as `enable` must come first.
#if HALF
enable f16;
alias Stored = vec4<f16>;
#end
#if HALF == 0
alias Stored = vec4<f32>;
#end
