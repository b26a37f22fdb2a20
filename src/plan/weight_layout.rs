//! The order in which the weights of a matrix product are stored.

/// Number of columns of a panel. It is the width of a tile of the subgroup kernels, and 32 floats fill a cache line of any GPU.
const PANEL: usize = 32;

/// The order in which weights \[inputs, outputs\] are stored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WeightLayout {
    /// Row by row. Training uses this order, because it also writes and transposes weights.
    #[default]
    Rows,
    /// \[outputs / 32, inputs, 32\], with the last panel filled up with zeros. Inference uses this order: a tile reads contiguous
    /// weights, while consecutive rows of a wide matrix would be on different memory pages.
    Panels,
}

impl WeightLayout {
    /// Returns the number of columns that are stored together: all of them if one panel is enough.
    pub fn panel(self, outputs: u32) -> u32 {
        match self {
            WeightLayout::Rows => outputs,
            WeightLayout::Panels => outputs.min(PANEL as u32),
        }
    }

    /// Returns the position of the weight of an input and an output among weights \[inputs, outputs\].
    pub fn index(self, [inputs, outputs]: [usize; 2], input: usize, output: usize) -> usize {
        let panel = self.panel(outputs as u32) as usize;
        (output / panel * inputs + input) * panel + output % panel
    }

    /// Returns weights in this order. `rows` holds them row by row.
    pub fn arranged(self, rows: Vec<f32>, outputs: u32) -> Vec<f32> {
        let (outputs, panel) = (outputs as usize, self.panel(outputs) as usize);
        if panel == outputs {
            return rows;
        }
        let inputs = rows.len() / outputs;
        let mut arranged = vec![0.0; inputs * outputs.next_multiple_of(panel)];
        for (input, row) in rows.chunks_exact(outputs).enumerate() {
            for (at, columns) in row.chunks(panel).enumerate() {
                let start = (at * inputs + input) * panel;
                arranged[start..start + columns.len()].copy_from_slice(columns);
            }
        }
        arranged
    }
}

impl std::fmt::Display for WeightLayout {
    fn fmt(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
        formatter.write_str(match self {
            WeightLayout::Rows => "rows",
            WeightLayout::Panels => "panels",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panels_hold_every_weight_once_and_zeros_elsewhere() {
        let (inputs, outputs) = (3, 76);
        let rows: Vec<f32> = (1..=inputs * outputs).map(|value| value as f32).collect();
        let panels = WeightLayout::Panels.arranged(rows.clone(), outputs as u32);
        assert_eq!(panels.len(), inputs * 96);
        for (at, value) in panels.iter().enumerate() {
            let (panel, input, column) = (at / PANEL / inputs, at / PANEL % inputs, at % PANEL);
            let column = panel * PANEL + column;
            assert_eq!(*value, if column < outputs { rows[input * outputs + column] } else { 0.0 });
            if column < outputs {
                assert_eq!(WeightLayout::Panels.index([inputs, outputs], input, column), at);
                assert_eq!(WeightLayout::Rows.index([inputs, outputs], input, column), input * outputs + column);
            }
        }
        assert_eq!(WeightLayout::Rows.arranged(rows.clone(), outputs as u32), rows);
        assert_eq!(WeightLayout::Panels.arranged(rows[..72].to_vec(), 24), rows[..72]);
    }
}
