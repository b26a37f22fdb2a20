//! Computes the device memory of a session before anything is allocated.

use super::feed::FeedShape;
use super::session::{SessionShape, step_plan};
use crate::nn::ModelError;
use crate::nn::training::{EvaluationPlan, NetworkState, UpdatePlan};
use crate::plan::View;
use crate::profiles::Device;
use crate::scheduler::Footprint;

impl SessionShape {
    /// Returns the bytes that a session will allocate on the device if it trains on parts and evaluates batches of the given
    /// sizes, in the order in which they are prepared. Batches with more than 8 MiB of pixels need more.
    ///
    /// # Errors
    /// None in practice, because every tensor is present.
    pub fn device_bytes(
        &self,
        device: &Device,
        state: &NetworkState,
        training: &[u32],
        evaluation: &[u32],
    ) -> Result<u64, ModelError> {
        let frozen = state.backbone(&self.network, self.network.folded())?;
        let mut bytes = 0;
        let mut first: Option<Footprint> = None;
        for batch in training {
            let plan = step_plan(device, self, &state.table, &frozen, *batch);
            let shared: Vec<View> = if first.is_some() { plan.shared().collect() } else { Vec::new() };
            let footprint = Footprint::new(device, &plan.plan, &shared, first.as_ref());
            bytes += footprint.bytes + self.feed_bytes(device, *batch);
            first.get_or_insert(footprint);
        }
        let update = UpdatePlan::new(&state.table, &self.optimizer);
        bytes += Footprint::new(device, &update.plan, &[update.weights, update.gradients], None).bytes;
        for (place, batch) in evaluation.iter().enumerate() {
            let plan = EvaluationPlan::new(&self.network, state, self.loss, device.profile(), *batch, self.losses)?;
            let shared: Vec<View> = if place > 0 { plan.shared().collect() } else { Vec::new() };
            bytes += Footprint::new(device, &plan.plan, &shared, first.as_ref()).bytes + self.feed_bytes(device, *batch);
        }
        Ok(bytes)
    }

    /// Returns the shape of the feed for parts of `batch` samples, if the input is images.
    pub(super) fn feed(&self, batch: u32) -> Option<FeedShape> {
        Some(FeedShape { batch, size: self.network.size, normalisation: self.normalisation? })
    }

    fn feed_bytes(&self, device: &Device, batch: u32) -> u64 {
        self.feed(batch).map_or(0, |feed| feed.device_bytes(device))
    }
}
