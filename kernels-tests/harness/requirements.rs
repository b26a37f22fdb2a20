//! What a test needs of the machine. Where it is missing, the test is left out, and a line on stderr says so.
//!
//! With `LINEAMENT_TEST_ALL=1`, as `tools/test` sets it, nothing may be left out: what is missing is then a failure. Test
//! programs of both packages include this file.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use lineament::profiles::Device;

/// Opens the best adapter of this machine, or says that the test is left out.
#[allow(dead_code, reason = "not every test program needs every function")]
pub fn device() -> Option<Device> {
    if lacks_adapter() {
        return None;
    }
    Some(Device::open(&Default::default()).unwrap_or_else(|error| panic!("the adapter does not open: {error}")))
}

/// Returns whether this machine has no GPU adapter, and says that the test is left out.
#[allow(dead_code, reason = "not every test program needs every function")]
pub fn lacks_adapter() -> bool {
    static FOUND: OnceLock<bool> = OnceLock::new();
    let found = FOUND.get_or_init(|| lineament::device::list_adapters(None).is_ok_and(|adapters| !adapters.is_empty()));
    is_left_out(*found, "a GPU adapter")
}

/// Returns whether Python or Chromium is missing, and says that the test is left out.
#[allow(dead_code, reason = "not every test program needs every function")]
pub fn lacks_browser() -> bool {
    /// As in `tools/check-report`.
    const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "chrome"];
    let named = std::env::var("CHROMIUM").is_ok_and(|name| runs(&name));
    lacks_python() || is_left_out(named || BROWSERS.into_iter().any(runs), "Chromium")
}

/// Returns whether Python is missing, and says that the test is left out.
#[allow(dead_code, reason = "not every test program needs every function")]
pub fn lacks_python() -> bool {
    is_left_out(runs("python3"), "Python 3")
}

/// Returns a Python that has these packages, or says that the test is left out. It is looked for where `LINEAMENT_PYTHON` says,
/// where `tools/setup --test` makes an environment, and on the path. With `is_required` unset, missing packages are never a
/// failure: some are too large to be installed for a test.
#[allow(dead_code, reason = "not every test program needs every function")]
pub fn python_with(packages: &[&str], is_required: bool) -> Option<PathBuf> {
    const FINDS: &str = "import importlib.util, sys; sys.exit(not all(map(importlib.util.find_spec, sys.argv[1:])))";
    let folder = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = folder("XDG_CACHE_HOME").or_else(|| folder("HOME").map(|home| home.join(".cache")));
    let environment = cache.map(|cache| cache.join("lineament/python/bin/python"));
    let candidates = [folder("LINEAMENT_PYTHON"), environment, Some(PathBuf::from("python3"))];
    let has_all = |python: &PathBuf| {
        let check = Command::new(python).args(["-c", FINDS]).args(packages).stderr(Stdio::null()).status();
        check.is_ok_and(|status| status.success())
    };
    let found = candidates.into_iter().flatten().find(has_all);
    let needs = format!("Python with {}", packages.join(", "));
    if is_required {
        is_left_out(found.is_some(), &needs);
    } else if found.is_none() {
        say_left_out(&format!("{needs}; LINEAMENT_PYTHON may name one"));
    }
    found
}

/// Returns whether the compilers of GPUs are not set up, and says that the test is left out. Their packages exist for Debian and
/// Ubuntu on x86-64 only, so this is never a failure.
#[allow(dead_code, reason = "not every test program needs every function")]
pub fn lacks_gpu_compilers() -> bool {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../tools/gpu-compilers");
    let found = Command::new(script).arg("check").status().is_ok_and(|status| status.success());
    if !found {
        say_left_out("the compilers of GPUs; `tools/gpu-compilers setup` sets them up on Debian and Ubuntu");
    }
    !found
}

fn runs(program: &str) -> bool {
    let status = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// Returns whether a test is left out because it needs what was not found.
///
/// # Panics
/// It is missing, and `LINEAMENT_TEST_ALL` asks for every test.
fn is_left_out(found: bool, needs: &str) -> bool {
    if found {
        return false;
    }
    let all = std::env::var_os("LINEAMENT_TEST_ALL").is_some_and(|value| !value.is_empty());
    assert!(!all, "this test needs {needs}; `tools/setup --test` installs it");
    say_left_out(needs);
    true
}

fn say_left_out(needs: &str) {
    let thread = std::thread::current();
    // Written past the test harness, which would keep the line to itself.
    let _ = writeln!(std::io::stderr(), "left out: {} needs {needs}", thread.name().unwrap_or("a test"));
}
