// Returns the index of the workgroup. A grid has at most 65,535 workgroups per dimension, so the host folds a longer sequence of
// workgroups over two dimensions. The folded grid may hold more workgroups than the sequence, so a kernel must compare the index
// with the number of workgroups that it needs.
fn linear_workgroup(workgroup: vec3<u32>, grid: vec3<u32>) -> u32 {
    return workgroup.y * grid.x + workgroup.x;
}
