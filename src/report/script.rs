//! The page's script: to sort and filter clusters and to enlarge faces. Everything is visible without it.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256};

/// What stands between the tags.
pub(super) const SCRIPT: &str = include_str!("report.js");

/// SHA-256 of the script in base64: the page's policy allows exactly this script, so that no other can run.
pub(super) fn hash() -> String {
    BASE64_STANDARD.encode(Sha256::digest(SCRIPT))
}
