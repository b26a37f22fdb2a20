//! Tests of plans and arenas that need no GPU.

use proptest::prelude::*;

use super::*;
use crate::plan::{ALIGNMENT, Access, Cost, Dispatch, DocumentStep, Name, Plan, PlanDocument, Precision, Residence, Step, View};

fn step(label: &str, bindings: [View; 3], workgroups: u64) -> Step {
    Step {
        label: label.to_string(),
        kernel: Name::Borrowed("layer"),
        variant: Name::Borrowed("default"),
        precision: Precision::F32,
        source: Name::Borrowed(""),
        constants: Vec::new(),
        overrides: Vec::new(),
        fields: Vec::new().into(),
        params: Vec::new(),
        bindings: bindings.to_vec(),
        // The step reads two tensors and writes one.
        access: vec![Access::Read, Access::Read, Access::ReadWrite],
        dispatch: Dispatch::line(workgroups),
        cost: Cost { flops: 2_000_000, bytes: 30_000 },
    }
}

/// Returns a plan in which each step writes a new tensor and reads two earlier ones. `layers` gives the size of the new tensor
/// and how far back the tensors to read are.
fn plan_of(layers: &[(u64, [usize; 2])]) -> Plan {
    let mut plan = Plan::new("random");
    let mut made = vec![plan.persistent("input", 1024)];
    for (index, (bytes, reads)) in layers.iter().enumerate() {
        let y = plan.transient(&format!("tensor {index}"), *bytes);
        let [x, shortcut] = reads.map(|back| made[made.len() - 1 - back % made.len()]);
        plan.push(step(&format!("step {index}"), [x, shortcut, y], 1));
        made.push(y);
    }
    plan
}

/// Checks that tensors that live at the same time do not overlap, and that no step reads and writes the same bank.
fn check_arena(plan: &Plan, bank_bytes: u64) {
    let arena = Arena::plan(plan, bank_bytes);
    assert_eq!(arena, Arena::plan(plan, bank_bytes), "planning twice differs");
    let lifetimes = plan.lifetimes();
    let placed: Vec<(usize, Slot)> =
        arena.slots.iter().enumerate().filter_map(|(tensor, slot)| slot.map(|slot| (tensor, slot))).collect();
    for (tensor, lifetime) in lifetimes.iter().enumerate() {
        let transient = plan.tensors()[tensor].residence == Residence::Transient;
        assert_eq!(arena.slots[tensor].is_some(), transient && lifetime.is_some(), "tensor {tensor}");
    }
    for (index, &(tensor, slot)) in placed.iter().enumerate() {
        let end = slot.offset + plan.tensors()[tensor].bytes;
        assert_eq!(slot.offset % ALIGNMENT, 0);
        assert!(end <= arena.banks[slot.bank], "tensor {tensor} reaches past its bank");
        assert!(end <= bank_bytes || slot.offset == 0, "tensor {tensor} does not fit a buffer of the adapter");
        for &(other, other_slot) in &placed[..index] {
            let (Some((first, last)), Some((other_first, other_last))) = (lifetimes[tensor], lifetimes[other]) else { continue };
            let together = slot.bank == other_slot.bank && first <= other_last && other_first <= last;
            let other_end = other_slot.offset + plan.tensors()[other].bytes;
            assert!(!together || end <= other_slot.offset || other_end <= slot.offset, "tensors {tensor} and {other} overlap");
        }
    }
    for step in plan.steps() {
        let banks = |wanted: Access| {
            let used = step.accesses().filter(move |(_, access)| *access == wanted);
            used.filter_map(|(view, _)| arena.slots[view.tensor.0].map(|slot| slot.bank)).collect::<Vec<_>>()
        };
        let written = banks(Access::ReadWrite);
        assert!(banks(Access::Read).iter().all(|bank| !written.contains(bank)), "{} reads the bank it writes", step.label);
    }
}

proptest! {
    #[test]
    fn tensors_that_live_at_the_same_time_never_overlap(
        layers in prop::collection::vec((1u64..5000, [0usize..6, 0usize..6]), 1..40),
        bank_bytes in 6000u64..60_000,
    ) {
        check_arena(&plan_of(&layers), bank_bytes);
    }

    #[test]
    fn a_line_of_workgroups_is_covered_within_the_limit(workgroups in 0u64..4_000_000_000) {
        let Dispatch([x, y, z]) = Dispatch::line(workgroups);
        let grid = u64::from(x) * u64::from(y);
        prop_assert!(u64::from(x) <= Dispatch::MAXIMUM && u64::from(y) <= Dispatch::MAXIMUM && z == 1);
        prop_assert!(grid >= workgroups && grid - workgroups < u64::from(y), "{x} x {y} for {workgroups}");
    }
}

#[test]
fn lines_of_workgroups_fold_only_beyond_the_limit() {
    for (workgroups, grid) in [
        (0, [0, 1, 1]),
        (1, [1, 1, 1]),
        (65_535, [65_535, 1, 1]),
        (65_536, [32_768, 2, 1]),
        (131_071, [43_691, 3, 1]),
        (65_535 * 65_535, [65_535, 65_535, 1]),
    ] {
        assert_eq!(Dispatch::line(workgroups), Dispatch(grid), "{workgroups} workgroups");
    }
}

#[test]
fn a_chain_with_shortcuts_needs_two_banks() {
    // Every third layer adds the input of the layer two before it, as an inverted residual block does.
    let layers: Vec<(u64, [usize; 2])> = (0..30).map(|i| (4096, [0, if i % 3 == 2 { 2 } else { 0 }])).collect();
    let arena = Arena::plan(&plan_of(&layers), u64::MAX);
    assert_eq!(arena.banks.len(), 2);
    assert!(arena.bytes() <= 4 * 4096, "{} bytes for tensors of 4096", arena.bytes());
    let chain = plan_of(&[(4096, [0, 0]); 30]);
    assert_eq!(Arena::plan(&chain, u64::MAX).banks, [4096, 4096]);
}

#[test]
fn a_full_bank_is_followed_by_another() {
    // Five tensors all live until the end. A buffer can hold two of them.
    let mut plan = Plan::new("full");
    let input = plan.persistent("input", 1024);
    let views: Vec<View> = (0..5).map(|index| plan.transient(&format!("tensor {index}"), 1024)).collect();
    for view in &views {
        plan.push(step("write", [input, input, *view], 1));
    }
    for view in &views {
        let result = plan.persistent("result", 1024);
        plan.push(step("read", [*view, input, result], 1));
    }
    check_arena(&plan, 2048);
    assert_eq!(Arena::plan(&plan, 2048).banks, [2048, 2048, 1024]);
}

#[test]
fn a_plan_is_printed_as_a_table() {
    let mut plan = Plan::new("two layers");
    let x = plan.persistent("x", 4_000_000);
    let hidden = plan.transient("hidden", 4096);
    let y = plan.persistent("y", 2_000_000);
    plan.push(step("expand", [x, x, hidden], 12));
    plan.push(step("project", [hidden, x, y], 70_000));
    let printed: Vec<String> =
        plan.to_string().lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(
        printed,
        [
            "two layers: 2 steps, 4.0 MFLOP, 0.1 MB moved, 6.0 MB persistent",
            "0 expand layer default 12x1x1 2.000 MFLOP 0.030 MB x, x, hidden",
            "1 project layer default 35000x2x1 2.000 MFLOP 0.030 MB hidden, x, y",
        ]
    );
}

#[test]
fn an_error_about_a_plan_that_does_not_fit_names_step_tensor_and_sizes() {
    let plan = plan_of(&[(4096, [0, 0])]);
    assert_eq!(plan.check(4096, 65_535), Ok(()));
    let error = plan.check(4095, 65_535).unwrap_err().to_string();
    assert!(
        error.contains("step 0") && error.contains("tensor 0") && error.contains("4096") && error.contains("4095"),
        "{error}"
    );
    let mut plan = Plan::new("large grid");
    let x = plan.persistent("x", 256);
    plan.push(step("wide", [x, x, x], 100));
    let error = plan.check(4096, 99).unwrap_err().to_string();
    assert!(error.contains("wide") && error.contains("100") && error.contains("99"), "{error}");
}

#[test]
fn replacing_a_source_affects_only_steps_of_that_kernel() {
    let mut plan = plan_of(&[(256, [0, 0]), (256, [0, 0])]);
    plan.replace_source("copy", Name::Borrowed("other"));
    assert!(plan.steps().iter().all(|step| step.source.is_empty()));
    plan.replace_source("layer", Name::Borrowed("other"));
    assert!(plan.steps().iter().all(|step| step.source == "other"));
}

#[test]
fn a_plan_survives_the_round_trip_through_its_document() {
    let plan = plan_of(&[(256, [0, 0]), (512, [1, 0]), (256, [0, 2])]);
    let document = document(&plan).unwrap();
    assert_eq!((document.shaders.len(), document.steps.len(), document.tensors.len()), (1, 3, 4));
    let text = serde_json::to_string(&document).unwrap();
    let read: PlanDocument = serde_json::from_str(&text).unwrap();
    assert_eq!(read, document);
    assert_eq!(read.plan().unwrap(), plan);

    let other = PlanDocument { format: "another".into(), ..read.clone() };
    assert!(other.plan().unwrap_err().to_string().contains("another"));
    let mut other = read.clone();
    other.steps[1].shader = 7;
    assert!(other.plan().unwrap_err().to_string().contains("step 1"));
    type Change = fn(&mut DocumentStep);
    let changes: [(&str, Change); 5] = [
        ("a tensor that", |step| step.bindings[0].tensor.0 = 9),
        ("a part of a tensor", |step| step.bindings[0].offset = 1 << 20),
        ("a part of a tensor", |step| step.bindings[0].offset = u64::MAX),
        ("a binding", |step| step.bindings.clear()),
        ("a parameter", |step| step.params.push(0)),
    ];
    for (missing, change) in changes {
        let mut other = read.clone();
        change(&mut other.steps[2]);
        let error = other.plan().unwrap_err().to_string();
        assert!(error.contains("step 2") && error.contains(missing), "{missing}: {error}");
    }
}
