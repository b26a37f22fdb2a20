//! The choice of the kernel and variant for an operation, by the preferences of a device profile.

use super::ALL;
use crate::plan::{Capabilities, Kernel, Variant, VariantId};
use crate::profiles::{DeviceProfile, OperationShape};

/// A kernel and one of its variants.
pub type Choice = (&'static Kernel, &'static Variant);

/// The subgroup size for which a step is planned, if it is known. It can be made from a device profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SubgroupSize(Option<u32>);

impl SubgroupSize {
    /// Returns the number of lanes, if it is known.
    pub(super) fn get(self) -> Option<u32> {
        self.0
    }
}

impl From<&DeviceProfile> for SubgroupSize {
    fn from(profile: &DeviceProfile) -> SubgroupSize {
        SubgroupSize(profile.capabilities.subgroup_size)
    }
}

impl From<Option<u32>> for SubgroupSize {
    fn from(lanes: Option<u32>) -> SubgroupSize {
        SubgroupSize(lanes)
    }
}

/// Returns the kernel called `name`.
pub fn kernel(name: &str) -> Option<&'static Kernel> {
    ALL.iter().copied().find(|kernel| kernel.name == name)
}

/// Returns the kernel and variant that an identity names.
pub fn resolve(id: &VariantId) -> Option<Choice> {
    let kernel = kernel(&id.kernel)?;
    kernel.find_variant(&id.variant).map(|variant| (kernel, variant))
}

/// Returns the identity of a kernel and variant.
pub fn identity((kernel, variant): Choice) -> VariantId {
    VariantId::new(kernel.name, variant.name)
}

/// Returns the first variant in the profile's order of preference that suits the operation and that the device can run.
///
/// # Panics
/// Panics if the profile names a variant that does not exist, or no variant that runs. Both are defects of the profile, and tests
/// look for them.
pub(super) fn choose(profile: &DeviceProfile, shape: OperationShape, suits: impl Fn(&Variant) -> bool) -> Choice {
    choose_of(profile, shape, |(_, variant)| suits(variant))
}

/// Does the same as [`choose`] for operations in which the kernel, too, decides whether a variant suits.
///
/// # Panics
/// Panics in the same cases as [`choose`].
pub(super) fn choose_of(profile: &DeviceProfile, shape: OperationShape, suits: impl Fn(Choice) -> bool) -> Choice {
    let preferences = profile.preferences(shape);
    let choices = preferences.iter().map(|id| resolve(id).unwrap_or_else(|| panic!("{shape}: there is no variant `{id}`")));
    // A plan with 16-bit floats can be made for any device. A device without them refuses to run the plan and says
    // what to do.
    let capabilities = Capabilities { shader_f16: true, ..profile.capabilities };
    let mut runs = choices.filter(|choice| suits(*choice)).filter(|(_, variant)| variant.lacks(&capabilities).is_none());
    runs.next().unwrap_or_else(|| panic!("{shape}: none of {preferences:?} runs on {:?}", profile.capabilities))
}
