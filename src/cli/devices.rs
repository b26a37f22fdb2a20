//! `lineament devices`

use clap::Args;
use lineament::app::devices_text;
use lineament::device::{DeviceError, list_adapters};

use super::output::print_result;
use super::{Context, Outcome, Verdict};

/// List the adapters of this machine and their capabilities
#[derive(Args)]
pub struct Devices {
    /// List only adapters of this graphics API: vulkan, metal, dx12 or gl
    #[arg(long, value_name = "API")]
    backend: Option<String>,
    /// Print a JSON array instead of a table
    #[arg(long)]
    json: bool,
}

impl Devices {
    pub fn run(&self, _: &Context) -> Verdict {
        let adapters = list_adapters(self.backend.as_deref())?;
        if adapters.is_empty() && !self.json {
            return Err(Box::new(DeviceError::NoAdapter));
        }
        print_result(self.json, &adapters, || devices_text(&adapters))?;
        Ok(Outcome::Done)
    }
}
