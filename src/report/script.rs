//! The script of the page. It sorts and filters clusters and enlarges faces. The page shows all its content without it.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256};

/// The text of the script, which the page embeds in a `script` element.
pub(super) const SCRIPT: &str = include_str!("report.js");

/// Returns the SHA-256 of the script in base64. The content security policy of the page allows only a script with this hash.
pub(super) fn hash() -> String {
    BASE64_STANDARD.encode(Sha256::digest(SCRIPT))
}
