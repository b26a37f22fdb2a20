//! What drivers ask of the desktop, which a server does not have.

/// Keeps Mesa's layer that selects a default device from looking for a desktop session where there is none. It would print an
/// error for each attempt, although Lineament lists the devices itself. The layer stays on if the user chose a device with it.
/// Call this once, at the start of a program, before any thread is started.
pub fn expect_no_desktop() {
    if !cfg!(target_os = "linux") {
        return;
    }
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let has_session = std::env::var_os("XDG_RUNTIME_DIR").is_some_and(|folder| std::path::Path::new(&folder).is_dir());
    if has_session || is_set("MESA_VK_DEVICE_SELECT") || is_set("NODEVICE_SELECT") {
        return;
    }
    // SAFETY: The caller promises that no other thread runs, so nothing reads the environment meanwhile.
    unsafe { std::env::set_var("NODEVICE_SELECT", "1") };
}
