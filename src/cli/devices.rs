//! `lineament devices`

use clap::Args;
use lineament::app::devices_text;
use lineament::device::{DeviceError, list_adapters};

use super::output::print_line;
use super::{Outcome, Verdict};

/// List the adapters of this machine and their capabilities
#[derive(Args)]
pub struct Devices {
    /// List only adapters of this graphics API: vulkan, metal, dx12 or gl
    #[arg(long)]
    backend: Option<String>,
    /// Print a JSON array instead of a table
    #[arg(long)]
    json: bool,
}

impl Devices {
    pub fn run(&self) -> Verdict {
        let adapters = list_adapters(self.backend.as_deref())?;
        if self.json {
            print_line(serde_json::to_string_pretty(&adapters)?)?;
            return Ok(Outcome::Done);
        }
        if adapters.is_empty() {
            return Err(Box::new(DeviceError::NoAdapter));
        }
        print_line(devices_text(&adapters).trim_end())?;
        Ok(Outcome::Done)
    }
}
