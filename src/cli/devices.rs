//! `lineament devices`

use clap::Args;
use lineament::device::{AdapterReport, list_adapters};

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
            return Err(Box::new(lineament::device::DeviceError::NoAdapter));
        }
        let rows: Vec<[String; 11]> = adapters.iter().map(row).collect();
        let header =
            ["#", "adapter", "backend", "kind", "subgroup", "f16", "int64", "timestamps", "binding", "workgroup", "driver"]
                .map(String::from);
        let width = |column: usize| rows.iter().chain([&header]).map(|row| row[column].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..header.len()).map(width).collect();
        for row in [&header].into_iter().chain(&rows) {
            let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
            print_line(cells.join("  ").trim_end())?;
        }
        Ok(Outcome::Done)
    }
}

fn row(adapter: &AdapterReport) -> [String; 11] {
    let yes = |flag: bool| if flag { "yes" } else { "no" }.to_string();
    let subgroup = match adapter.subgroup_size {
        Some([smallest, largest]) if smallest == largest => smallest.to_string(),
        Some([smallest, largest]) => format!("{smallest}–{largest}"),
        None => "none".to_string(),
    };
    let memory = adapter.workgroup_memory_bytes / 1024;
    [
        adapter.index.to_string(),
        adapter.name.clone(),
        adapter.backend.clone(),
        adapter.kind.clone(),
        subgroup,
        yes(adapter.shader_f16),
        yes(adapter.shader_int64),
        yes(adapter.timestamps),
        format!("{} MiB", adapter.storage_binding_bytes >> 20),
        format!("{} threads, {memory} KiB", adapter.workgroup_threads),
        adapter.driver.clone(),
    ]
}
