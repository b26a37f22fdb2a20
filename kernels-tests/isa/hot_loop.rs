//! Finds the loop of a kernel that does most of its work.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;

use super::assembly::{Kind, Program};

/// A product of two matrices counts as so many multiply-adds when loops are compared.
const MATRIX_WEIGHT: u32 = 256;

/// Returns the indices of the instructions of the hot loop: the smallest natural loop that holds more than half as many
/// multiply-adds as the loop with most of them. Returns `None` if no loop multiplies and adds.
pub fn find(program: &Program) -> Option<Vec<usize>> {
    let weight = |index: &usize| {
        let instruction = &program.instructions[*index];
        instruction.multiply_adds + MATRIX_WEIGHT * u32::from(instruction.kind == Kind::Matrix)
    };
    let graph = Graph::new(program);
    let bodies: Vec<(u32, Vec<usize>)> = graph
        .loops()
        .into_iter()
        .map(|blocks| blocks.into_iter().flat_map(|block| graph.blocks[block].clone()).collect::<Vec<_>>())
        .map(|body| (body.iter().map(weight).sum(), body))
        .collect();
    let most = bodies.iter().map(|(weight, _)| *weight).max().filter(|most| *most > 0)?;
    let hot = bodies.into_iter().filter(|(weight, _)| weight * 2 > most).min_by_key(|(_, body)| body.len());
    hot.map(|(_, body)| body)
}

/// The basic blocks of a program and the jumps between them.
struct Graph {
    blocks: Vec<Range<usize>>,
    successors: Vec<Vec<usize>>,
    predecessors: Vec<Vec<usize>>,
}

impl Graph {
    fn new(program: &Program) -> Graph {
        let end = program.instructions.len();
        let mut starts: BTreeSet<usize> = program.block_starts.iter().copied().chain([0, end]).collect();
        for (index, instruction) in program.instructions.iter().enumerate() {
            starts.extend(instruction.target);
            if instruction.target.is_some() || instruction.ends {
                starts.insert(index + 1);
            }
        }
        let starts: Vec<usize> = starts.into_iter().filter(|start| *start <= end).collect();
        let blocks: Vec<Range<usize>> = starts.windows(2).map(|pair| pair[0]..pair[1]).collect();
        let at: HashMap<usize, usize> = blocks.iter().enumerate().map(|(number, block)| (block.start, number)).collect();
        let following = |(number, block): (usize, &Range<usize>)| -> Vec<usize> {
            let last = &program.instructions[block.end - 1];
            let jump = last.target.and_then(|target| at.get(&target).copied());
            let next = Some(number + 1).filter(|next| !last.ends && *next < blocks.len());
            jump.into_iter().chain(next).collect()
        };
        let successors: Vec<Vec<usize>> = blocks.iter().enumerate().map(following).collect();
        // Jumps from blocks that are never reached would hide that one block dominates another.
        let mut predecessors = vec![Vec::new(); blocks.len()];
        let (mut reached, mut open) = (BTreeSet::new(), vec![0]);
        while let Some(block) = open.pop().filter(|_| !blocks.is_empty()) {
            if reached.insert(block) {
                for successor in &successors[block] {
                    predecessors[*successor].push(block);
                    open.push(*successor);
                }
            }
        }
        Graph { blocks, successors, predecessors }
    }

    /// Returns the blocks of each natural loop. Loops with the same head are one loop.
    fn loops(&self) -> Vec<BTreeSet<usize>> {
        let dominators = self.dominators();
        let mut loops: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
        for (tail, successors) in self.successors.iter().enumerate() {
            for head in successors.iter().filter(|head| dominators[tail].contains(head)) {
                let body = loops.entry(*head).or_default();
                body.insert(*head);
                let mut open = vec![tail];
                while let Some(block) = open.pop() {
                    if body.insert(block) {
                        open.extend(&self.predecessors[block]);
                    }
                }
            }
        }
        loops.into_values().collect()
    }

    /// Returns the blocks through which every path to a block leads. A block that is never reached has none but itself.
    fn dominators(&self) -> Vec<BTreeSet<usize>> {
        let everything: BTreeSet<usize> = (0..self.blocks.len()).collect();
        let mut dominators = vec![everything; self.blocks.len()];
        if let Some(first) = dominators.first_mut() {
            *first = BTreeSet::from([0]);
        }
        loop {
            let mut changed = false;
            for block in 1..self.blocks.len() {
                let mut before = self.predecessors[block].iter().map(|before| &dominators[*before]);
                let mut common = before.next().cloned().unwrap_or_default();
                for other in before {
                    common.retain(|one| other.contains(one));
                }
                common.insert(block);
                if common != dominators[block] {
                    dominators[block] = common;
                    changed = true;
                }
            }
            if !changed {
                return dominators;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::assembly::{Dialect, parse};
    use super::*;

    #[test]
    fn the_inner_loop_is_hot_and_a_loop_without_multiply_adds_is_not() {
        let nested = "\tv_mov_b32 v0, 0\nBB1:\n\tv_add_u32 v1, v1, v2\nBB2:\n\tv_fma_f32 v3, v1, v2, v3\n\tv_fma_f32 v4, v1, v2, v4\n\
                      \ts_cbranch_scc1 BB2\nBB3:\n\tv_fma_f32 v3, v1, v2, v3\n\ts_cbranch_scc1 BB1\nBB4:\n\tv_mov_b32 v0, 0\n\
                      \ts_cbranch_scc1 BB4\n\ts_endpgm\n";
        assert_eq!(find(&parse(Dialect::Radv, nested)), Some(vec![2, 3, 4]));
        let straight = "\tv_fma_f32 v3, v1, v2, v3\n\ts_endpgm\n";
        assert_eq!(find(&parse(Dialect::Radv, straight)), None);
        assert_eq!(find(&Program::default()), None);
    }

    #[test]
    fn a_loop_that_skips_a_part_keeps_it() {
        let skipping = "BB1:\n\tv_fma_f32 v3, v1, v2, v3\n\ts_cbranch_scc0 BB3\nBB2:\n\tv_fma_f32 v3, v1, v2, v3\nBB3:\n\
                        \ts_cbranch_scc1 BB1\n\ts_endpgm\n";
        assert_eq!(find(&parse(Dialect::Radv, skipping)), Some(vec![0, 1, 2, 3]));
    }
}
