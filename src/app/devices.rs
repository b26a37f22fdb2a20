//! The adapters of a machine as a table.

use crate::device::AdapterReport;

const HEADER: [&str; 12] =
    ["#", "adapter", "backend", "kind", "subgroup", "f16", "int64", "matrices", "timestamps", "binding", "workgroup", "driver"];

/// Returns a table of adapters with the properties that matter to the author of a kernel.
pub fn devices_text(adapters: &[AdapterReport]) -> String {
    let table: Vec<[String; 12]> = std::iter::once(HEADER.map(String::from)).chain(adapters.iter().map(row)).collect();
    let width = |column: usize| table.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..HEADER.len()).map(width).collect();
    let line = |row: &[String; 12]| {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        format!("{}\n", cells.join("  ").trim_end())
    };
    table.iter().map(line).collect()
}

fn row(adapter: &AdapterReport) -> [String; 12] {
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
        adapter.matrix_side.map_or("no".to_string(), |side| format!("{side}x{side}")),
        yes(adapter.timestamps),
        format!("{} MiB", adapter.storage_binding_bytes >> 20),
        format!("{} threads, {memory} KiB", adapter.workgroup_threads),
        adapter.driver.clone(),
    ]
}
