//! How the weights of a matrix product lie in memory.

/// Columns of a panel: a tile of the subgroup family, and a cache line of any GPU.
const PANEL: usize = 32;

/// The order of weights \[inputs, outputs\].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WeightLayout {
    /// Row by row: what training reads, writes and transposes.
    #[default]
    Rows,
    /// \[outputs / 32, inputs, 32\], the last panel filled up with zeros: a tile reads its weights from end to end, where the next
    /// row of a wide matrix lies on another page of memory. What predictions read.
    Panels,
}

impl WeightLayout {
    /// Columns that lie together; all of them where one panel is enough.
    pub fn panel(self, outputs: u32) -> u32 {
        match self {
            WeightLayout::Rows => outputs,
            WeightLayout::Panels => outputs.min(PANEL as u32),
        }
    }

    /// Where the weight of an input and an output lies among those of `inputs` × `outputs`.
    pub fn index(self, [inputs, outputs]: [usize; 2], input: usize, output: usize) -> usize {
        let panel = self.panel(outputs as u32) as usize;
        (output / panel * inputs + input) * panel + output % panel
    }

    /// Weights that are given row by row, in this order.
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
    fn panels_hold_every_weight_once_and_zeros_where_there_is_none() {
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
