//! The steps of a reproduction, in the order of the paper.

use serde_json::{Map, Value, json};

use super::choices::{PaperLoss, Trained, choices};
use super::state::{Record, hash, hash_of, put_aside};
use super::work::{BESIDE, EVALUATION, REPRODUCTION, TRAIN, Work};
use super::{ORIENTATION, Step};
use crate::app::faces::largest_faces;
use crate::app::train::TrainingSettings;
use crate::app::{
    ClusterRows, Clusterer, Error, Evaluator, EvaluatorOptions, FaceOptions, FaceSelection, PredictionOptions, Predictor, Report,
    RowOptions, RunFolder, Trainer, TrainerOptions, check_training_data, compare_methods, comparison_details, json_line,
    write_comparison, write_file, write_json,
};
use crate::cluster::{
    ClusterResult, ComparedMethod, Comparison, ComparisonSettings, CountedRows, KMeans, Method, WeightRule, select_columns,
};
use crate::data::attributes::CHOSEN_ATTRIBUTES;
use crate::data::{AttributeTable, ImageSource, Partition, StoredOrientation};
use crate::evaluation::{Evaluation, Found, LossIssue, Reproduction};
use crate::nn::Model;
use crate::report::{load_run, partially_present};

type Fallible<T> = Result<T, Error>;

/// The inputs of a step, or the reason why it is skipped.
pub(super) enum Inputs {
    Of(Value),
    Skip(String),
}

/// How a step is done.
pub(super) struct StepPlan {
    pub step: Step,
    /// What the step makes.
    pub makes: &'static str,
    /// The place in the paper.
    pub place: &'static str,
    /// Files in the run folder that the step writes. The step is done again if one is missing.
    pub files: &'static [&'static str],
    /// Returns everything that the result depends on.
    pub inputs: fn(&Work) -> Fallible<Inputs>,
    /// Does the step. It receives the record of the last time it was started, if any.
    pub run: fn(&Work, Option<&Record>) -> Fallible<()>,
}

/// All steps.
pub(super) const STEPS: [StepPlan; 9] = [
    StepPlan {
        step: Step::Data,
        makes: "what the data contain",
        place: "section III, figure 1",
        files: &["data.json"],
        inputs: |work| Ok(Inputs::Of(json!({"data": work.data_hash}))),
        run: data,
    },
    StepPlan {
        step: Step::Train,
        makes: "the paper's model",
        place: "section III, training",
        files: &["train/model.safetensors", "train/history.csv"],
        inputs: train_inputs,
        run: train,
    },
    StepPlan {
        step: Step::Eval,
        makes: "accuracies compared with the published ones",
        place: "table I",
        files: &["evaluation/metrics.json", "evaluation/attributes.csv"],
        inputs: |work| {
            let partition = work.partition().map(Partition::name);
            Ok(Inputs::Of(json!({
                "model": work.model_hash(), "data": work.data_hash, "partition": partition, "crop": crop(work),
            })))
        },
        run: eval,
    },
    StepPlan {
        step: Step::LossIssue,
        makes: "how well each loss learns rare attributes",
        place: "section III, loss issue",
        files: &["loss_issue.json"],
        inputs: loss_inputs,
        run: loss_issue,
    },
    StepPlan {
        step: Step::Predict,
        makes: "attributes of the faces to cluster",
        place: "section III, clustering",
        files: &["attributes.csv"],
        inputs: |work| {
            let faces = work.faces().len();
            let mut inputs = json!({"model": work.model_hash(), "data": work.data_hash, "faces": faces, "crop": crop(work)});
            if !work.beside.is_empty() {
                let versions = work.beside.iter().map(|image| format!("{} {}", image.label().display(), image.version()));
                inputs["beside"] = json!(hash(versions.collect::<Vec<_>>().join("\0").as_bytes()));
                if work.options.beside_faces == FaceSelection::Largest {
                    inputs["beside_faces"] = json!("largest");
                }
            }
            Ok(Inputs::Of(inputs))
        },
        run: predict,
    },
    StepPlan {
        step: Step::Cluster,
        makes: "clusters of faces",
        place: "figure 6",
        files: &["clusters.json"],
        inputs: |work| Ok(Inputs::Of(of_clusters(work, None))),
        run: |work, _| cluster_faces(work, None),
    },
    StepPlan {
        step: Step::Weighted,
        makes: "clusters by weighted attributes",
        place: "figure 7",
        files: &["clusters_weighted.json"],
        inputs: |work| Ok(Inputs::Of(of_clusters(work, Some(WeightRule::Rare)))),
        run: |work, _| cluster_faces(work, Some(WeightRule::Rare)),
    },
    StepPlan {
        step: Step::Compare,
        makes: "silhouettes of six methods over k",
        place: "figure 5",
        files: &["comparison.json", "comparison.csv", "comparison.svg"],
        inputs: compare_inputs,
        run: |work, _| compare(work),
    },
    StepPlan {
        step: Step::Report,
        makes: "this run compared with the paper, and the HTML report",
        place: "the whole paper",
        files: &[REPRODUCTION, "reproduction.csv", "report.html"],
        inputs: |work| {
            let files = [
                "data.json",
                "evaluation/metrics.json",
                "train/history.csv",
                "loss_issue.json",
                "attributes.csv",
                "clusters.json",
                "clusters_weighted.json",
                "comparison.json",
            ];
            let hashes: Map<String, Value> = files.iter().map(|name| (name.to_string(), work.hash_at(name))).collect();
            Ok(Inputs::Of(json!({"files": hashes, "as": work.options.source.name(), "quick": work.options.quick})))
        },
        run: report,
    },
];

fn crop(work: &Work) -> Option<String> {
    work.prediction().crop.map(|crop| crop.to_string())
}

/// Counts images and attributes.
fn data(work: &Work, _: Option<&Record>) -> Fallible<()> {
    let data = &work.folder.dataset;
    let partitions: Map<String, Value> =
        Partition::ALL.iter().map(|one| (one.name().to_string(), json!(data.indices_of(*one).len()))).collect();
    work.context.message(format!("data: {} images, {} labelled attributes", data.len(), data.attributes.len()));
    let occurrences: Vec<Value> = data
        .attributes
        .iter()
        .zip(data.occurrences())
        .map(|(name, share)| json!({"attribute": name, "occurrence": share}))
        .collect();
    let told = json!({
        "data": work.data.display().to_string(),
        "images": data.len(),
        "partitioned_by_its_lists": work.folder.partitioned,
        "partitions": partitions,
        "attributes": occurrences,
    });
    write_json(&work.at("data.json"), &told)
}

fn train_inputs(work: &Work) -> Fallible<Inputs> {
    if let Some(given) = &work.given {
        let (reason, path) = (given.reason, given.path.display());
        return Ok(Inputs::Skip(format!("{reason} ({path}), so no training is needed")));
    }
    let (options, length) = (work.options, work.length());
    let mut inputs = json!({
        "as": options.source.name(),
        "data": work.data_hash,
        "weights": hash_of(&options.weights()?),
        "trainable": format!("{:?}", options.trainable),
        "size": options.size,
        "batch": length.batch,
        "micro_batch": options.micro_batch,
        "epochs": length.epochs,
        "seed": options.seed,
    });
    // Earlier versions trained with the cosine only and did not record the loss. Their records must stay valid.
    if options.loss != PaperLoss::Cosine {
        inputs["loss"] = json!(options.loss.name());
    }
    Ok(Inputs::Of(inputs))
}

/// Returns the inputs that must not change when a training continues: all but the number of epochs, which may grow.
fn without_epochs(inputs: &Value) -> Value {
    let mut inputs = inputs.clone();
    if let Some(inputs) = inputs.as_object_mut() {
        inputs.remove("epochs");
    }
    inputs
}

fn train(work: &Work, before: Option<&Record>) -> Fallible<()> {
    let data = &work.folder.dataset;
    check_training_data(&work.data, data, &work.context)?;
    let folder = work.at(TRAIN);
    if let (true, Inputs::Of(inputs)) = (folder.exists(), train_inputs(work)?)
        && before.is_none_or(|before| without_epochs(&before.inputs) != without_epochs(&inputs))
    {
        let aside = put_aside(&folder)?;
        work.context.note(format!("the earlier training with other settings is kept in {}", aside.display()));
    }
    let run = RunFolder::create(&folder)?;
    let model = work.start()?;
    let device = work.device()?;
    let trainer = Trainer::new(device, &model, data, trainer_options(work)).with_context(&work.context);
    run.record("train", Some(device), trainer.details(), &work.context)?;
    let training = trainer.train(&folder)?;
    let accuracy = training.metrics.means.accuracy;
    work.context.message(format!("epoch {} is best: validation accuracy {accuracy:.4}", training.epoch));
    Ok(())
}

/// Returns the options of the paper's training, with the settings of the paper's text or of its script.
fn trainer_options(work: &Work) -> TrainerOptions {
    let (options, settings) = (work.options, &work.settings);
    let Trained { batch, epochs } = work.length();
    TrainerOptions {
        trainable: options.trainable,
        running_statistics: settings.running_statistics,
        random_start: settings.random_start,
        skip_unreadable: options.skip_unreadable,
        orientation: ORIENTATION,
        resume: true,
        settings: TrainingSettings {
            batch,
            micro_batch: options.micro_batch.unwrap_or(batch).min(batch),
            epochs,
            seed: options.seed,
            loss: options.loss.into(),
            augmentation: Some(settings.augmentation),
            ..TrainingSettings::default()
        },
        ..TrainerOptions::default()
    }
}

fn eval(work: &Work, _: Option<&Record>) -> Fallible<()> {
    let model = work.model()?;
    let options = EvaluatorOptions { partition: work.partition(), prediction: work.prediction(), run: Some(work.at(EVALUATION)) };
    let evaluator = Evaluator::new(work.device()?, &model, options).with_context(&work.context);
    let evaluated = evaluator.evaluate(&work.folder, &work.data)?;
    work.complete.set(work.complete.get() && evaluated.predictions.failures.is_empty());
    Ok(())
}

fn loss_inputs(work: &Work) -> Fallible<Inputs> {
    if !work.options.with_loss_issue {
        return Ok(Inputs::Skip("it trains four heads; ask for it with --with-loss-issue".into()));
    }
    let losses = work.options.losses(true);
    let weights = hash_of(&work.options.weights()?);
    Ok(Inputs::Of(json!({
        "data": work.data_hash, "weights": weights, "epochs": losses.epochs, "batch": losses.batch, "seed": losses.seed,
    })))
}

fn loss_issue(work: &Work, _: Option<&Record>) -> Fallible<()> {
    check_training_data(&work.data, &work.folder.dataset, &work.context)?;
    let model = Model::open(&work.options.weights()?, None)?;
    work.options.losses(true).run(work.device()?, &model, &work.folder.dataset, &work.context)
}

fn predict(work: &Work, _: Option<&Record>) -> Fallible<()> {
    let model = work.model()?;
    work.context.message(format!("faces: {}", work.clustered_in_words()));
    let mut images: Vec<ImageSource> = work.faces().into_iter().map(|row| work.folder.dataset.images[row].clone()).collect();
    let device = work.device()?;
    let mut aligned = Vec::new();
    if work.options.beside_faces == FaceSelection::Largest && !work.beside.is_empty() {
        // These are the user's own photographs, in which faces are only found upright.
        let (folder, orientation) = (work.at(BESIDE), StoredOrientation::Applied);
        let faces = largest_faces(device, &work.beside, &folder, FaceOptions::default(), orientation, &work.context)?;
        work.complete.set(work.complete.get() && faces.iter().all(Option::is_some));
        aligned.extend(faces.into_iter().flatten());
    } else {
        images.extend(work.beside.iter().cloned());
    }
    let mut predictor = Predictor::new(device, &model, work.prediction())?.with_context(&work.context);
    let mut predictions = predictor.predict(&images)?;
    if !aligned.is_empty() {
        // Aligned faces are cropped already.
        let options = PredictionOptions { crop: None, ..work.prediction() };
        let more = Predictor::new(device, &model, options)?.with_context(&work.context).predict(&aligned)?;
        predictions.used.extend(more.used.iter().map(|index| images.len() + index));
        predictions.failures.extend(more.failures);
        predictions.table.images.extend(more.table.images);
        predictions.table.values.extend(more.table.values);
    }
    work.complete.set(work.complete.get() && predictions.failures.is_empty());
    predictions.table.write(&work.at("attributes.csv"))?;
    work.run()?.record("predict", Some(device), predictor.details(&predictions), &work.context)
}

/// Returns the table of faces to cluster, rounded as in the script, and the paper's ten attributes, or all if the model does not
/// predict these.
fn faces(work: &Work) -> Fallible<(AttributeTable, Vec<String>)> {
    let table = AttributeTable::read(&work.at("attributes.csv"))?.rounded();
    let has_all = CHOSEN_ATTRIBUTES.iter().all(|name| table.attributes.iter().any(|one| one == name));
    if !has_all {
        work.context.note("the model does not predict all of the paper's ten attributes, so all its attributes are used");
    }
    let select = if has_all { CHOSEN_ATTRIBUTES.map(String::from).to_vec() } else { table.attributes.clone() };
    Ok((table, select))
}

fn of_clusters(work: &Work, weights: Option<WeightRule>) -> Value {
    let weights = weights.map(|rule| rule.to_string());
    json!({
        "attributes": work.hash_at("attributes.csv"), "k": work.options.k, "weights": weights, "seed": work.options.seed,
    })
}

fn cluster_faces(work: &Work, weights: Option<WeightRule>) -> Fallible<()> {
    let (table, select) = faces(work)?;
    let (verb, file) = match &weights {
        None => ("cluster", "clusters.json"),
        Some(_) => ("weighted", "clusters_weighted.json"),
    };
    let rows = ClusterRows::new(table, &RowOptions { select, weights, compress: true }, &work.context)?;
    let distinct = rows.distinct()?;
    let wanted = work.options.k as usize;
    let k = wanted.min(distinct);
    if k < wanted {
        work.context.note(format!("{k} clusters instead of {wanted}: only {distinct} rows are distinct"));
    }
    let columns = rows.columns.clone();
    let initial = None;
    let kmeans = KMeans { k, n_init: 10, seed: work.options.seed, tolerance: 1e-4, iterations: 300, initial };
    let device = work.device()?;
    let result = Clusterer::new(device, Method::Kmeans(kmeans), k).with_context(&work.context).cluster(rows)?;
    write_file(&work.at(file), &json_line(&result)?)?;
    work.run()?.record(verb, Some(device), Clusterer::details(&result, &columns), &work.context)
}

/// Number of rows in a neighbourhood of OPTICS, including the row itself.
const OPTICS_ROWS: usize = 5;

fn compare_inputs(work: &Work) -> Fallible<Inputs> {
    let (table, select) = faces(work)?;
    let (n, columns) = (table.images.len(), select.len());
    if n < OPTICS_ROWS {
        return Ok(Inputs::Skip(format!("there are only {n} faces, and OPTICS needs {OPTICS_ROWS}")));
    }
    let (values, _) = select_columns(&table, &select)?;
    if CountedRows::distinct(&values, n, columns)?.len() < 2 {
        let reason = format!("the model predicts the same for all {n} faces, so there is nothing to compare; train it longer");
        return Ok(Inputs::Skip(reason));
    }
    Ok(Inputs::Of(json!({"attributes": work.hash_at("attributes.csv"), "seed": work.options.seed})))
}

fn compare(work: &Work) -> Fallible<()> {
    let (table, select) = faces(work)?;
    let rows = ClusterRows::new(table, &RowOptions { select, ..RowOptions::default() }, &work.context)?;
    let settings = ComparisonSettings {
        methods: ComparedMethod::ALL.to_vec(),
        k: 2..=50,
        n_init: 20,
        seed: work.options.seed,
        compress: true,
    };
    let device = work.device()?;
    let comparison = compare_methods(device, &rows, &settings, &work.context)?;
    write_comparison(&work.options.out, &comparison)?;
    work.run()?.record("compare", Some(device), comparison_details(&comparison), &work.context)
}

/// Compares the results in the run folder with the paper's, and writes the report.
fn report(work: &Work, _: Option<&Record>) -> Fallible<()> {
    let run = &work.options.out;
    let mut details = Map::new();
    details.insert("as".into(), json!(work.options.source.name()));
    details.insert("quick".into(), json!(work.options.quick));
    details.insert("data".into(), json!(work.data.display().to_string()));
    work.run()?.record("reproduction", None, details, &work.context)?;

    let reproduction = reproduction(work)?;
    write_file(&work.at("reproduction.csv"), &reproduction.to_csv()?)?;
    write_json(&work.at(REPRODUCTION), &reproduction)?;
    let summary = Report::of_run(run)?.write(Some(work.device()?))?;
    work.complete.set(work.complete.get() && summary.unreadable.is_empty());
    Ok(())
}

fn reproduction(work: &Work) -> Fallible<Reproduction> {
    let there = |name: &str| Some(work.at(name)).filter(|path| path.is_file());
    let evaluation = there("evaluation/metrics.json").map(|path| Evaluation::read(&path)).transpose()?;
    let loss_issue = there("loss_issue.json").map(|path| LossIssue::read(&path)).transpose()?;
    let comparison = there("comparison.json").map(|path| Comparison::read(&path)).transpose()?;
    let clusters = there("clusters.json").map(|path| ClusterResult::read(&path)).transpose()?;
    let weighted = there("clusters_weighted.json").map(|path| ClusterResult::read(&path)).transpose()?;
    let partial = match (&clusters, &weighted) {
        (Some(clusters), Some(weighted)) => {
            let input = load_run(&work.options.out, None, None)?;
            Some([clusters, weighted].map(|result| partially_present(&input, result)).map(|one| (one.pairs, one.of)))
        }
        _ => None,
    };
    let found = Found {
        faces: &work.faces_in_words(),
        model: &work.model_in_words(),
        occurrences: &work.folder.dataset.occurrences(),
        evaluation: evaluation.as_ref(),
        loss_issue: loss_issue.as_ref(),
        comparison: comparison.as_ref(),
        clusters: clusters.as_ref(),
        partially_present: partial,
    };
    let options = work.options;
    Ok(Reproduction {
        settings: options.source.name().into(),
        quick: options.quick,
        findings: found.findings(),
        choices: choices(options.source, options.loss, work.trained(), &work.clustered_in_words()),
    })
}
