//! The limit of a device on the size of the buffers that a kernel binds.

use super::ClusterError;
use crate::profiles::Device;

/// Returns the largest number of bytes of a buffer that a kernel can bind as a whole.
pub(super) fn buffer_limit(device: &Device) -> u64 {
    device.capabilities().binding_bytes.min(device.capabilities().buffer_bytes)
}

/// Checks that `bytes` bytes fit in one buffer that a kernel can bind. `what` names the content for the error.
///
/// # Errors
/// [`ClusterError::TooLarge`] if they do not fit.
pub(super) fn check_buffer(device: &Device, what: &'static str, bytes: u64) -> Result<(), ClusterError> {
    let limit = buffer_limit(device);
    if bytes > limit {
        return Err(ClusterError::TooLarge { what, bytes, limit });
    }
    Ok(())
}
