//! What the WGSL standard asks for and naga does not.

/// The directive that must precede subgroup operations. naga knows the operations without it, and refuses it
/// (<https://github.com/gfx-rs/wgpu/issues/5555>); the expander therefore drops it.
pub(super) const ENABLE_SUBGROUPS: &str = "enable subgroups;";

/// Returns an expanded shader as other WebGPU implementations need it: with `enable subgroups;` if it has subgroup operations.
pub fn standard(expanded: String) -> String {
    let has_subgroups = |line: &str| line.split("//").next().is_some_and(|code| code.contains("subgroup"));
    if expanded.lines().any(has_subgroups) { format!("{ENABLE_SUBGROUPS}\n{expanded}") } else { expanded }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wgsl::expand;

    #[test]
    fn shaders_with_subgroup_operations_enable_them_and_others_do_not() {
        let plain = "// One subgroup would do.\nlet a = 1u;\n";
        assert_eq!(standard(plain.into()), plain);
        let broadcast = "let a = subgroupBroadcast(b, 0u);\n";
        let whole = standard(broadcast.into());
        assert_eq!(whole, format!("enable subgroups;\n{broadcast}"));
        assert_eq!(expand(&whole, &[("LANES", 4)], &[]).unwrap(), broadcast);
    }
}
