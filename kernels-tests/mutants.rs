//! `kernels mutants`: broken shaders, each of which the test cases must reject. A comparator that cannot fail is a defect.
//!
//! A mutant is a small text file: `kernel: NAME`, `why: WORDS`, then pairs of lines, `- ` a line of the kernel's unexpanded
//! shader and `+ ` what takes its place. Blanks around a line do not count; a line found several times is replaced everywhere.

use lineament::device::DeviceError;
use lineament::ops;
use lineament::plan::Kernel;
use lineament::profiles::Device;

use crate::case::Purpose;
use crate::cases;
use crate::command::{CommonArguments, context};
use crate::fixture::Verdict;
use crate::run_case::run_case;
use crate::run_tests::missing;
use crate::tally::Tally;

/// The files, embedded so that the program can be run anywhere.
macro_rules! mutants {
    ($($name:literal)*) => {
        &[$(($name, include_str!(concat!("mutants/", $name, ".mutant")))),*]
    };
}

const ALL: &[(&str, &str)] = mutants! {
    "accumulate_starts_with_what_was_there"
    "accumulate_weight_forgotten"
    "activation_backward_knee_open"
    "adadelta_epsilon_outside_root"
    "adadelta_old_gradient_average"
    "adam_decay_after_update"
    "adam_epsilon_under_root"
    "adam_newest_gradient_forgotten"
    "adam_square_not_averaged"
    "augment_another_images_transform"
    "augment_fold_broken"
    "augment_mirrored_one_off"
    "augment_nearest_of_four"
    "augment_not_clamped"
    "augment_rows_shifted_by_columns"
    "augment_source_not_resized"
    "batch_norm_combine_last_part_weighs_full"
    "batch_norm_combine_spread_of_means_lost"
    "batch_norm_combine_unbiased"
    "batch_norm_backward_weight_knee_open"
    "batch_norm_backward_weight_mask_missing"
    "batch_norm_backward_weight_parts_on_one_place"
    "batch_norm_backward_input_knee_open"
    "batch_norm_backward_input_mask_missing"
    "batch_norm_backward_input_mean_not_removed"
    "batch_norm_backward_input_means_over_its_own_rows"
    "batch_norm_backward_input_two_rows_cancel"
    "batch_norm_last_row_missing"
    "batch_norm_residual_before_activation"
    "batch_norm_statistics_origin_one_row"
    "batch_norm_statistics_run_cut_short"
    "batch_norm_statistics_shift_kept"
    "binary_accuracy_half_up"
    "binary_accuracy_padding_counted"
    "column_sum_rows_counted_twice"
    "cosine_angle_obtuse_taken_for_acute"
    "cosine_angle_without_sine"
    "cosine_padding_kept"
    "cosine_projection_below_floor"
    "dense_backward_weight_registers_normalised_by_first"
    "dense_backward_weight_registers_parts_on_one_place"
    "dense_backward_weight_subgroup_last_row_repeated"
    "dense_backward_weight_subgroup_part_reaches_on"
    "dense_backward_weight_subgroup_raw_input"
    "dense_backward_weight_subgroup_wrong_component"
    "depthwise_column_edge_kept"
    "depthwise_backward_weight_edge_normalised"
    "depthwise_backward_weight_image_of_batch_ignored"
    "depthwise_backward_weight_window_not_moved"
    "depthwise_backward_input_column_edge_kept"
    "depthwise_backward_input_phase_ignores_padding"
    "depthwise_backward_input_taps_not_flipped"
    "depthwise_edge_normalised"
    "depthwise_eight_bits_kept"
    "depthwise_row_edge_lost"
    "depthwise_stride_swapped"
    "depthwise_strip_edge_normalised"
    "depthwise_strip_first_row_lost"
    "depthwise_strip_last_row_lost"
    "depthwise_strip_other_channels"
    "depthwise_strip_row_outside_kept"
    "depthwise_strip_second_half_unnormalised"
    "depthwise_tail_lost"
    "depthwise_window_shifted"
    "dropout_mask_sample_ignored"
    "dropout_not_scaled"
    "elementwise_loss_clipped_still_pushed"
    "elementwise_loss_epsilon_added_once"
    "elementwise_loss_near_one_cancelled"
    "elementwise_loss_padding_kept"
    "elementwise_loss_sign_at_zero"
    "elementwise_loss_summed_not_averaged"
    "elementwise_loss_weights_ignored_by_gradient"
    "elementwise_loss_weights_ignored_by_loss"
    "elementwise_loss_weights_of_first_sample"
    "expand_depthwise_block_past_the_last"
    "expand_depthwise_inputs_past_the_last"
    "expand_depthwise_pair_not_turned"
    "expand_depthwise_wrong_lane"
    "expand_depthwise_zeros_expanded"
    "fused_multiply_add_chain_missing"
    "global_average_pool_backward_input_not_divided"
    "kmeans_accumulate_bits_change_weighted"
    "kmeans_accumulate_bits_higher_digits_lost"
    "kmeans_accumulate_bits_lower_clusters_join"
    "kmeans_accumulate_bits_subgroup_changes_of_all"
    "kmeans_accumulate_bits_subgroup_digit_not_shifted"
    "kmeans_accumulate_bits_subgroup_last_row_repeated"
    "kmeans_accumulate_bits_subgroup_lower_clusters_join"
    "kmeans_accumulate_every_label_changed"
    "kmeans_accumulate_weight_ignored"
    "kmeans_assign_finished_restart_moved"
    "kmeans_assign_last_center_missing"
    "kmeans_assign_tables_centers_past_the_last"
    "kmeans_assign_tables_last_block_lost"
    "kmeans_assign_tables_scale_once"
    "kmeans_assign_tables_squares_missing"
    "kmeans_assign_tables_words_run_apart"
    "kmeans_assign_ties_by_another_key"
    "kmeans_candidates_chosen_ignored"
    "kmeans_candidates_worst_kept"
    "kmeans_move_all_copies_moved"
    "kmeans_move_nearest_relocated"
    "kmeans_move_row_left_behind"
    "kmeans_potential_closest_not_lowered"
    "kmeans_reduce_run_too_long"
    "neighbours_counted_once"
    "neighbours_row_not_its_own"
    "neighbours_word_not_cleared"
    "pairwise_last_row_repeated"
    "pairwise_rows_from_the_first"
    "pairwise_trait_of_the_wrong_row"
    "pointwise_columns_halves_of_the_first"
    "pointwise_columns_last_block_short"
    "pointwise_columns_wrong_lane"
    "pointwise_registers_bias_missing"
    "pointwise_registers_fold_broken"
    "pointwise_registers_last_input_missing"
    "pointwise_registers_panels_ignored"
    "pointwise_subgroup_activation_ignored"
    "pointwise_subgroup_halves_swapped"
    "pointwise_subgroup_row_of_another_panel"
    "pointwise_subgroup_wrong_lane"
    "pointwise_workgroup_barrier_after_load_missing"
    "pointwise_workgroup_depth_guard_lost"
    "pointwise_workgroup_panels_shifted"
    "pointwise_workgroup_residual_shifted"
    "pointwise_workgroup_runs_of_f16_not_added"
    "pool_divided_by_padded_count"
    "pool_last_position_missing"
    "pool_tail_lost"
    "resize_fold_broken"
    "resize_fourth_channel_not_zero"
    "resize_image_of_batch_ignored"
    "resize_nearest_without_half"
    "resize_rows_and_columns_swapped"
    "resize_second_pixel_as_first"
    "sgd_nesterov_looks_back"
    "sgd_velocity_not_kept"
    "silhouette_bits_trait_forgotten"
    "silhouette_block_lost"
    "silhouette_divided_by_all"
    "silhouette_end_of_cluster_counted"
    "silhouette_occurs_once"
    "silhouette_row_counts_itself"
    "silhouette_second_quad_lost"
    "silhouette_trait_forgotten"
    "stem_backward_weight_tap_row_ignored"
    "stem_backward_input_phase_ignored"
    "stem_layout_of_weights"
    "stem_not_clamped_nor_masked"
    "stem_padding_ignored"
    "stem_strip_last_pixel_lost"
    "stem_strip_next_row_overwritten"
    "stem_strip_padding_ignored"
    "stem_strip_rows_outside_repeated"
    "stream_tail_lost"
    "sum_of_parts_run_cut_short"
    "transpose_rows_not_turned"
};

/// Why a mutant cannot be put to the test.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum MutantError {
    /// The file does not follow the format.
    #[error("mutant {mutant}, line {line}: {reason}; a mutant is `kernel: NAME`, `why: WORDS`, then `- line` and `+ line` pairs")]
    Malformed {
        /// Name of the file.
        mutant: String,
        /// Line in it, from 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// There is no such kernel.
    #[error("mutant {mutant}: there is no kernel `{kernel}`")]
    NoSuchKernel {
        /// Name of the file.
        mutant: String,
        /// What it names.
        kernel: String,
    },
    /// The line to replace is not in the shader.
    #[error("mutant {mutant}: kernel {kernel} has no line `{line}`; the shader has changed, so change the mutant")]
    NoSuchLine {
        /// Name of the file.
        mutant: String,
        /// The kernel.
        kernel: String,
        /// The line.
        line: String,
    },
}

/// A broken shader.
#[derive(Debug)]
struct Mutant {
    name: &'static str,
    kernel: &'static Kernel,
    why: String,
    source: String,
}

/// Reads a mutant and breaks its kernel's shader.
fn parse(name: &'static str, text: &str) -> Result<Mutant, MutantError> {
    let malformed =
        |line: usize, reason: &str| MutantError::Malformed { mutant: name.to_string(), line, reason: reason.to_string() };
    let (mut kernel, mut why, mut pairs, mut removed) = (None, None, Vec::new(), None);
    for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
        if let Some(rest) = line.strip_prefix("kernel:") {
            kernel = Some(rest.trim());
        } else if let Some(rest) = line.strip_prefix("why:") {
            why = Some(rest.trim().to_string());
        } else if let Some(rest) = line.strip_prefix('-') {
            if removed.replace(rest.trim()).is_some() {
                return Err(malformed(number, "two `-` lines in a row"));
            }
        } else if let Some(rest) = line.strip_prefix('+') {
            let from = removed.take().ok_or_else(|| malformed(number, "a `+` line without its `-` line"))?;
            pairs.push((from, rest.trim()));
        } else {
            return Err(malformed(number, "a line of no known kind"));
        }
    }
    let last = text.lines().count();
    let kernel = kernel.ok_or_else(|| malformed(last, "no `kernel:` line"))?;
    let why = why.ok_or_else(|| malformed(last, "no `why:` line"))?;
    if removed.is_some() || pairs.is_empty() {
        return Err(malformed(last, "a `-` line without its `+` line, or no pair at all"));
    }
    let no_kernel = || MutantError::NoSuchKernel { mutant: name.to_string(), kernel: kernel.to_string() };
    let kernel = kernels::ALL.iter().find(|known| known.name == kernel).ok_or_else(no_kernel)?;
    let source = replace(name, kernel, &pairs)?;
    Ok(Mutant { name, kernel, why, source })
}

fn replace(mutant: &str, kernel: &Kernel, pairs: &[(&str, &str)]) -> Result<String, MutantError> {
    let mut lines: Vec<&str> = kernel.source.lines().collect();
    for (from, to) in pairs {
        let mut found = false;
        for line in lines.iter_mut().filter(|line| line.trim() == *from) {
            (*line, found) = (to, true);
        }
        if !found {
            let line = from.to_string();
            return Err(MutantError::NoSuchLine { mutant: mutant.to_string(), kernel: kernel.name.to_string(), line });
        }
    }
    Ok(lines.join("\n") + "\n")
}

/// Runs the cases of every mutant's kernel with the broken shader; a mutant that no case rejects is a failure.
///
/// # Errors
/// The adapter does not open.
pub fn run(arguments: &CommonArguments) -> Result<Tally, DeviceError> {
    let device = arguments.open()?;
    let mut tally = Tally::default();
    let mut lines = Vec::new();
    for (name, text) in ALL.iter().filter(|(name, _)| arguments.wants(name)) {
        let (why, verdict, caught) = match parse(name, text) {
            Err(error) => (String::new(), Verdict::Failed(error.to_string()), String::new()),
            Ok(mutant) => match check(&device, &mutant) {
                Ok(caught) => (mutant.why, Verdict::Passed, caught),
                Err(verdict) => (mutant.why, verdict, String::new()),
            },
        };
        tally.add(&verdict);
        let (word, reason) = verdict.words();
        if arguments.json {
            lines.push(serde_json::json!({ "mutant": name, "why": why, "verdict": word, "reason": reason, "caught_by": caught }));
        } else {
            let word = if verdict == Verdict::Passed { "rejected" } else { word };
            println!("{name:46} {word:8} {why}\n{:55} {caught}{reason}", "");
        }
        if matches!(verdict, Verdict::Failed(_)) {
            eprintln!("FAILED {name}: {reason}\n  replay: kernels mutants --filter {name}{}", arguments.adapter_arguments());
        }
    }
    if arguments.json {
        println!("{}", serde_json::json!({ "adapter": device.report(), "mutants": lines, "summary": tally }));
    }
    Ok(tally)
}

/// The case that rejects a mutant and its reason, or why none does.
fn check(device: &Device, mutant: &Mutant) -> Result<String, Verdict> {
    let lacking = mutant.kernel.variants.iter().map(|variant| missing(device, variant));
    if let Some(Some(reason)) = lacking.reduce(|one, other| one.and(other)) {
        return Err(Verdict::Skipped(reason.to_string()));
    }
    // Pipelines are cached by kernel name, so the broken one has a name of its own. Both live as long as the program.
    let name = format!("{} ({})", mutant.kernel.name, mutant.name).leak();
    let source = mutant.source.clone().leak();
    let broken: &'static Kernel = Box::leak(Box::new(Kernel { name, source, ..mutant.kernel.clone() }));
    let mut tried = 0;
    for cases in cases::ALL {
        for mut case in cases(context(device, Purpose::Test)) {
            if case.purpose != Purpose::Test || case.kernel != mutant.kernel.name {
                continue;
            }
            tried += 1;
            case.plan.replace_kernel(mutant.kernel, broken);
            // A shader that does not compile shows nothing about the cases.
            let outputs = run_case(device, &case).map_err(|error| Verdict::Failed(error.to_string()))?;
            let fault = outputs.iter().find_map(|output| output.comparison.fault.as_ref());
            if let Some(fault) = fault {
                return Ok(format!("{}: {fault}", case.label()));
            }
        }
    }
    Err(Verdict::Failed(format!("survived {tried} cases: {}", mutant.why)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use lineament::wgsl::reflect;

    #[test]
    fn every_file_is_listed() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/kernels-tests/mutants");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .filter_map(|entry| Some(entry.unwrap().file_name().to_str()?.strip_suffix(".mutant")?.to_string()))
            .collect();
        files.sort();
        assert_eq!(ALL.iter().map(|(name, _)| *name).collect::<Vec<_>>(), files);
    }

    #[test]
    fn every_mutant_differs_from_its_kernel_and_is_valid() {
        for (name, text) in ALL {
            let mutant = parse(name, text).unwrap_or_else(|error| panic!("{error}"));
            assert_ne!(mutant.source, mutant.kernel.source, "{name} changes nothing");
            for variant in mutant.kernel.variants {
                let source =
                    reflect::source(&Kernel { source: mutant.source.clone().leak(), ..mutant.kernel.clone() }, variant, 8);
                let source = source.unwrap_or_else(|error| panic!("{name}: {error}"));
                reflect::validate(mutant.kernel.name, &source).unwrap_or_else(|error| panic!("{name}: {error}"));
            }
        }
    }

    #[test]
    fn mistakes_in_a_mutant_are_named() {
        let line = "var sum = vec4<f32>();";
        for (text, message) in [
            (format!("kernel: pool\nwhy: x\n- {line}\n+ y\n"), "no kernel `pool`"),
            (format!("kernel: global_average_pool\n- {line}\n+ y\n"), "no `why:` line"),
            ("kernel: global_average_pool\nwhy: x\n- nowhere\n+ y\n".into(), "no line `nowhere`"),
            (format!("kernel: global_average_pool\nwhy: x\n- {line}\n"), "without its `+` line"),
            ("kernel: global_average_pool\nwhy: x\n+ y\n".into(), "line 3: a `+` line without its `-` line"),
            ("kernel: global_average_pool\nwhy: x\n".into(), "no pair at all"),
            ("cernel: x\n".into(), "line 1: a line of no known kind"),
        ] {
            let error = parse("example", &text).unwrap_err().to_string();
            assert!(error.contains(message), "`{error}` does not say `{message}`");
        }
    }
}
