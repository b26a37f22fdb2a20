// A grid holds at most 65,535 workgroups a dimension, so a longer line of workgroups is folded over two dimensions.
// This is the position on the line; the folded grid may overshoot it, and a kernel must check against its own count.
fn linear_workgroup(workgroup: vec3<u32>, grid: vec3<u32>) -> u32 {
    return workgroup.y * grid.x + workgroup.x;
}
