//! The settings in which the paper's text and its published code differ, with their values in both.

use crate::app::train::AugmentationRanges;
use crate::evaluation::Choice;
use crate::nn::training::{Loss, RunningStatistics};
use crate::nn::weights::InputScaling;

/// The source whose settings a reproduction takes where the paper's text and its published code differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// The settings in the paper's text.
    Paper,
    /// The settings in the published script and notebook.
    Script,
}

/// The loss that the paper's model minimises. It is chosen separately, because both losses are compatible with the other settings
/// of text and code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PaperLoss {
    /// Minus the cosine of the angle between labels and predictions.
    Cosine,
    /// The angle between labels and predictions.
    Angle,
}

impl PaperLoss {
    /// Returns the name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            PaperLoss::Cosine => "cosine",
            PaperLoss::Angle => "angle",
        }
    }
}

impl From<PaperLoss> for Loss {
    fn from(loss: PaperLoss) -> Loss {
        match loss {
            PaperLoss::Cosine => Loss::Cosine,
            PaperLoss::Angle => Loss::Angle,
        }
    }
}

/// The settings that a source determines.
pub(super) struct Settings {
    pub batch: u32,
    pub epochs: u32,
    pub random_start: bool,
    /// Whether all of CelebA's 40 attributes are learnt instead of 37.
    pub all_attributes: bool,
    pub augmentation: AugmentationRanges,
    pub running_statistics: RunningStatistics,
    /// How the input is scaled, if not as the weights expect.
    pub scaling: Option<InputScaling>,
}

impl Source {
    /// Returns the name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Source::Paper => "paper",
            Source::Script => "script",
        }
    }

    /// Returns the settings of this source.
    pub(super) fn settings(self) -> Settings {
        match self {
            Source::Paper => Settings {
                batch: 64,
                epochs: 3,
                random_start: false,
                all_attributes: false,
                augmentation: AugmentationRanges::PAPER_TEXT,
                running_statistics: RunningStatistics::Tensorflow,
                scaling: None,
            },
            Source::Script => Settings {
                batch: 80,
                epochs: 12,
                random_start: true,
                all_attributes: true,
                augmentation: AugmentationRanges::PAPER,
                running_statistics: RunningStatistics::Keras2,
                scaling: Some(InputScaling::ZeroToOne),
            },
        }
    }
}

/// The length of a training.
#[derive(Debug, Clone, Copy)]
pub(super) struct Trained {
    /// Number of images in each update.
    pub batch: u32,
    /// Number of passes over the training images.
    pub epochs: u32,
}

/// Returns every setting with the value that a run used. `clustered` says which faces were clustered.
pub(super) fn choices(source: Source, loss: PaperLoss, trained: Option<Trained>, clustered: &str) -> Vec<Choice> {
    let of_training = |value: String| if trained.is_some() { value } else { "not trained in this run".to_string() };
    let number = |number: fn(Trained) -> u32| trained.map_or(String::new(), |trained| number(trained).to_string());
    let by_source = |paper: &str, script: &str| if source == Source::Paper { paper.to_string() } else { script.to_string() };
    let training: [(&str, &str, &str, Option<String>); 8] = [
        ("batch size", "64", "80", Some(number(|one| one.batch))),
        ("epochs", "\"only few\" (here: 3)", "12", Some(number(|one| one.epochs))),
        ("start", "ImageNet weights", "random (weights=None)", None),
        ("input", "−1 to 1, as the weights expect", "0 to 1 (rescale=1/255)", None),
        ("outputs", "37", "40 in the run shown, 37 in the weights", Some(by_source("37", "40, or those that are labelled"))),
        ("zoom", "magnified by at most 20 %", "0.8 to 1.2 for each axis: also shrinks", None),
        ("shear", "effect of 0.2 (read as radians)", "0.2 degrees", None),
        ("running statistics", "not stated (here: TensorFlow's)", "Keras 2.2.4's, which forget their initial values", None),
    ];
    let training = training.into_iter().map(|(what, paper, script, used)| {
        let used = used.unwrap_or_else(|| by_source(paper, script));
        choice(what, paper, script, of_training(used))
    });
    let minimised = match loss {
        PaperLoss::Cosine => "minus the cosine (--loss angle selects the other)",
        PaperLoss::Angle => "the angle, arccos of the cosine",
    };
    let everywhere = [
        ("loss", "arccos of the cosine", "minus the cosine", minimised),
        ("faces clustered", "not stated", "400 of CelebA, 100 of LFW", clustered),
        ("eigenface", "PCA of the faces", "the mean that PCA subtracts", "both: the mean, and the first components"),
        ("figure 5", "three methods", "six methods", "six methods"),
    ];
    training.chain(everywhere.map(|(what, paper, script, used)| choice(what, paper, script, used.into()))).collect()
}

fn choice(what: &str, paper: &str, script: &str, used: String) -> Choice {
    Choice { what: what.into(), paper: paper.into(), script: script.into(), used }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_used_is_named_for_each_source() {
        let used = |source, trained| {
            let choices = choices(source, PaperLoss::Angle, trained, "the first 500");
            move |what: &str| choices.iter().find(|one| one.what == what).unwrap().used.clone()
        };
        let paper = used(Source::Paper, Some(Trained { batch: 32, epochs: 2 }));
        assert_eq!(
            (paper("batch size").as_str(), paper("epochs").as_str(), paper("start").as_str()),
            ("32", "2", "ImageNet weights")
        );
        let script = used(Source::Script, Some(Trained { batch: 80, epochs: 12 }));
        assert_eq!((script("start").as_str(), script("shear").as_str()), ("random (weights=None)", "0.2 degrees"));
        let untrained = used(Source::Paper, None);
        assert_eq!(untrained("faces clustered"), "the first 500");
        assert!(untrained("loss").starts_with("the angle"));
        assert!(untrained("batch size").contains("not trained") && untrained("figure 5") == "six methods");
    }
}
