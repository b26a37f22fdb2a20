//! The steps of a reproduction, in the paper's order.

use lineament::app::train::TrainingSettings;
use lineament::cluster::{
    ClusterResult, ComparedMethod, ComparedRows, Comparison, ComparisonSettings, CountedRows, KMeans, Method, WeightRule,
    select_columns,
};
use lineament::data::attributes::CHOSEN_ATTRIBUTES;
use lineament::data::{AttributeTable, ImageSource, Partition};
use lineament::evaluation::{Evaluation, Found, LossIssue, Reproduction};
use lineament::nn::Model;
use lineament::nn::training::{FrozenNorm, first_of_last_blocks};
use lineament::report::{load_run, partially_present, write_report_on};
use serde_json::{Map, Value, json};

use super::super::cluster::{self, Phases, clustered};
use super::super::cluster_options::ClusterInput;
use super::super::common::{make_run_folder, record, write_out};
use super::super::compare::{self, compared};
use super::super::eval::EvaluationWork;
use super::super::train_options::{PAPER_DROPOUT, PAPER_HIDDEN, Trainable};
use super::super::training::{self, Course, Equipment, Fallible, check_data};
use super::StepName;
use super::choices::{PaperLoss, choices};
use super::state::{Record, hash, put_aside};
use super::work::{EVALUATION, REPRODUCTION, TRAIN, Work};

/// What a step depends on, or why it is left out.
pub enum Inputs {
    Of(Value),
    Skip(String),
}

/// One step.
pub struct Step {
    pub name: StepName,
    /// What it makes.
    pub makes: &'static str,
    /// Where the paper has it.
    pub place: &'static str,
    /// Files of the run folder without which it is not done.
    pub files: &'static [&'static str],
    /// What its result depends on.
    pub inputs: fn(&Work) -> Fallible<Inputs>,
    /// Does it; given how it was begun or done before.
    pub run: fn(&Work, Option<&Record>) -> Fallible<()>,
}

/// Every step.
pub const STEPS: [Step; 9] = [
    Step {
        name: StepName::Data,
        makes: "what the data hold",
        place: "section III, figure 1",
        files: &["data.json"],
        inputs: |work| Ok(Inputs::Of(json!({"data": work.data_hash}))),
        run: data,
    },
    Step {
        name: StepName::Train,
        makes: "the paper's model",
        place: "section III, training",
        files: &["train/model.safetensors", "train/history.csv"],
        inputs: train_inputs,
        run: train,
    },
    Step {
        name: StepName::Eval,
        makes: "accuracies beside the published ones",
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
    Step {
        name: StepName::LossIssue,
        makes: "what each loss makes of rare attributes",
        place: "section III, loss issue",
        files: &["loss_issue.json"],
        inputs: loss_inputs,
        run: loss_issue,
    },
    Step {
        name: StepName::Predict,
        makes: "attributes of the faces to cluster",
        place: "section III, clustering",
        files: &["attributes.csv"],
        inputs: |work| {
            let faces = work.faces().len();
            let mut inputs = json!({"model": work.model_hash(), "data": work.data_hash, "faces": faces, "crop": crop(work)});
            if !work.beside.is_empty() {
                let versions = work.beside.iter().map(|image| format!("{} {}", image.label().display(), image.version()));
                inputs["beside"] = json!(hash(versions.collect::<Vec<_>>().join("\0").as_bytes()));
            }
            Ok(Inputs::Of(inputs))
        },
        run: predict,
    },
    Step {
        name: StepName::Cluster,
        makes: "clusters of faces",
        place: "figure 6",
        files: &["clusters.json"],
        inputs: |work| Ok(Inputs::Of(of_clusters(work, None))),
        run: |work, _| cluster_faces(work, None),
    },
    Step {
        name: StepName::Weighted,
        makes: "clusters by weighted attributes",
        place: "figure 7",
        files: &["clusters_weighted.json"],
        inputs: |work| Ok(Inputs::Of(of_clusters(work, Some(WeightRule::Rare)))),
        run: |work, _| cluster_faces(work, Some(WeightRule::Rare)),
    },
    Step {
        name: StepName::Compare,
        makes: "silhouettes of six methods over k",
        place: "figure 5",
        files: &["comparison.json", "comparison.csv", "comparison.svg"],
        inputs: compare_inputs,
        run: |work, _| compare_methods(work),
    },
    Step {
        name: StepName::Report,
        makes: "the paper beside this run, and the HTML report",
        place: "all of it",
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
            Ok(Inputs::Of(json!({"files": hashes, "as": work.arguments.source.name(), "quick": work.arguments.quick})))
        },
        run: report,
    },
];

fn crop(work: &Work) -> Option<String> {
    work.options().crop.map(|crop| crop.to_string())
}

/// Counts images and attributes.
fn data(work: &Work, _: Option<&Record>) -> Fallible<()> {
    let data = &work.folder.dataset;
    let partitions: Map<String, Value> =
        Partition::ALL.iter().map(|one| (one.name().to_string(), json!(data.indices_of(*one).len()))).collect();
    eprintln!("data: {} images, {} labelled attributes", data.len(), data.attributes.len());
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
    let mut bytes = serde_json::to_vec_pretty(&told)?;
    bytes.push(b'\n');
    write_out(Some(&work.at("data.json")), &bytes)
}

fn train_inputs(work: &Work) -> Fallible<Inputs> {
    if let Some((path, why)) = &work.given {
        return Ok(Inputs::Skip(format!("{why} ({}), and that took its training elsewhere", path.display())));
    }
    let (arguments, trained) = (work.arguments, work.trained());
    let mut inputs = json!({
        "as": arguments.source.name(),
        "data": work.data_hash,
        "weights": super::state::hash_of(&arguments.weights),
        "trainable": format!("{:?}", arguments.trainable),
        "size": arguments.size,
        "batch": trained.map(|one| one.batch),
        "micro_batch": arguments.micro_batch,
        "epochs": trained.map(|one| one.epochs),
        "seed": arguments.seed,
    });
    // Trainings that were made before there was a choice are by the cosine, and stay what they were.
    if arguments.loss != PaperLoss::Cosine {
        inputs["loss"] = json!(arguments.loss.name());
    }
    Ok(Inputs::Of(inputs))
}

/// Everything that a training cannot change while it goes on: it may only become longer.
fn without_epochs(inputs: &Value) -> Value {
    let mut inputs = inputs.clone();
    inputs.as_object_mut().map(|inputs| inputs.remove("epochs"));
    inputs
}

fn train(work: &Work, before: Option<&Record>) -> Fallible<()> {
    let (arguments, data) = (work.arguments, &work.folder.dataset);
    check_data(&work.data, data)?;
    let folder = work.at(TRAIN);
    if let (true, Inputs::Of(inputs)) = (folder.exists(), train_inputs(work)?)
        && before.is_none_or(|before| without_epochs(&before.inputs) != without_epochs(&inputs))
    {
        let aside = put_aside(&folder)?;
        eprintln!("note: what was trained with other settings is kept in {}", aside.display());
    }
    make_run_folder(&folder)?;
    let model = work.start()?;
    let equipment = Equipment { device: work.device()?, model: &model, data, stop: &work.stop };
    record(&folder, "train", Some(equipment.device), training::details(&model, data))?;
    let (epoch, metrics) = equipment.follow(&course(work, &model), (&folder, true), arguments.skip_unreadable)?;
    eprintln!("epoch {epoch} is best: validation accuracy {:.4}", metrics.means.accuracy);
    Ok(())
}

/// The paper's training, as text or script have it.
fn course(work: &Work, model: &Model) -> Course {
    let (arguments, settings) = (work.arguments, &work.settings);
    let layers = model.backbone.layers();
    let batch = arguments.batch.unwrap_or(settings.batch);
    Course {
        takes_features: false,
        first_trained: match arguments.trainable {
            Trainable::Head => layers.len(),
            Trainable::Blocks(blocks) => first_of_last_blocks(layers, blocks),
            Trainable::All => 0,
        },
        frozen_norm: FrozenNorm::Inference,
        momentum: 0.999,
        running_statistics: settings.running_statistics,
        hidden: PAPER_HIDDEN,
        dropout: PAPER_DROPOUT,
        random_start: settings.random_start,
        settings: TrainingSettings {
            batch,
            micro_batch: arguments.micro_batch.unwrap_or(batch).min(batch),
            epochs: arguments.epochs.unwrap_or(settings.epochs),
            seed: arguments.seed,
            loss: arguments.loss.into(),
            augmentation: Some(settings.augmentation),
            ..TrainingSettings::default()
        },
    }
}

fn eval(work: &Work, _: Option<&Record>) -> Fallible<()> {
    let (model, out) = (work.model()?, work.at(EVALUATION));
    let evaluation = EvaluationWork {
        model: &model,
        path: &work.data,
        folder: &work.folder,
        partition: work.partition(),
        options: work.options(),
        out: Some(&out),
    };
    let device = work.device()?;
    let (_, complete) = evaluation.run_on(device)?;
    work.complete.set(work.complete.get() && complete);
    Ok(())
}

fn loss_inputs(work: &Work) -> Fallible<Inputs> {
    if !work.arguments.with_loss_issue {
        return Ok(Inputs::Skip("ask for it with --with-loss-issue: it trains four heads".into()));
    }
    let losses = work.arguments.losses(true);
    let weights = super::state::hash_of(&work.arguments.weights);
    Ok(Inputs::Of(json!({
        "data": work.data_hash, "weights": weights, "epochs": losses.epochs, "batch": losses.batch, "seed": losses.seed,
    })))
}

fn loss_issue(work: &Work, _: Option<&Record>) -> Fallible<()> {
    check_data(&work.data, &work.folder.dataset)?;
    let model = Model::open(&work.arguments.weights, None)?;
    let equipment = Equipment { device: work.device()?, model: &model, data: &work.folder.dataset, stop: &work.stop };
    work.arguments.losses(true).run(&equipment)
}

fn predict(work: &Work, _: Option<&Record>) -> Fallible<()> {
    let model = work.model()?;
    eprintln!("faces: {}", work.clustered_in_words());
    let of_data = work.faces().into_iter().map(|row| work.folder.dataset.images[row].clone());
    let images: Vec<ImageSource> = of_data.chain(work.beside.iter().cloned()).collect();
    let (device, options) = (work.device()?, work.options());
    let predictions = options.predict(device, &model, &images)?;
    work.complete.set(work.complete.get() && predictions.failures.is_empty());
    predictions.table.write(&work.at("attributes.csv"))?;
    record(&work.arguments.out, "predict", Some(device), options.details(&model, &predictions))
}

/// The table of faces to cluster, rounded as in the script, and its ten attributes, or all where it has not these.
fn faces(work: &Work) -> Fallible<(AttributeTable, Vec<String>)> {
    let table = AttributeTable::read(&work.at("attributes.csv"))?.rounded();
    let has_all = CHOSEN_ATTRIBUTES.iter().all(|name| table.attributes.iter().any(|one| one == name));
    if !has_all {
        eprintln!("note: the model does not predict all of the paper's ten attributes; all that it predicts are taken");
    }
    let select = if has_all { CHOSEN_ATTRIBUTES.map(String::from).to_vec() } else { table.attributes.clone() };
    Ok((table, select))
}

fn of_clusters(work: &Work, weights: Option<WeightRule>) -> Value {
    let weights = weights.map(|rule| rule.to_string());
    json!({
        "attributes": work.hash_at("attributes.csv"), "k": work.arguments.k, "weights": weights, "seed": work.arguments.seed,
    })
}

fn cluster_faces(work: &Work, weights: Option<WeightRule>) -> Fallible<()> {
    let (table, select) = faces(work)?;
    let (verb, file) = match &weights {
        None => ("cluster", "clusters.json"),
        Some(_) => ("weighted", "clusters_weighted.json"),
    };
    let input = ClusterInput::new(table, &select, weights, true)?;
    let distinct = CountedRows::distinct(input.fitted(), input.images.len(), input.columns.len())?.len();
    let wanted = work.arguments.k as usize;
    let k = wanted.min(distinct);
    if k < wanted {
        eprintln!("note: {k} clusters instead of {wanted}: only {distinct} rows are distinct");
    }
    let columns = input.columns.clone();
    let initial = None;
    let kmeans = KMeans { k, n_init: 10, seed: work.arguments.seed, tolerance: 1e-4, iterations: 300, initial };
    let device = work.device()?;
    let result = clustered(device, input, &Method::Kmeans(kmeans), k, Phases::new())?;
    let mut bytes = serde_json::to_vec(&result)?;
    bytes.push(b'\n');
    write_out(Some(&work.at(file)), &bytes)?;
    record(&work.arguments.out, verb, Some(device), cluster::details(&result, &columns))
}

/// Rows that OPTICS looks at once, itself among them.
const OPTICS_ROWS: usize = 5;

fn compare_inputs(work: &Work) -> Fallible<Inputs> {
    let (table, select) = faces(work)?;
    let (n, columns) = (table.images.len(), select.len());
    if n < OPTICS_ROWS {
        return Ok(Inputs::Skip(format!("there are {n} faces, and OPTICS looks at {OPTICS_ROWS} at once")));
    }
    let (values, _) = select_columns(&table, &select)?;
    if CountedRows::distinct(&values, n, columns)?.len() < 2 {
        let reason = format!("the model predicts the same of all {n} faces, so there is nothing to compare: train it longer");
        return Ok(Inputs::Skip(reason));
    }
    Ok(Inputs::Of(json!({"attributes": work.hash_at("attributes.csv"), "seed": work.arguments.seed})))
}

fn compare_methods(work: &Work) -> Fallible<()> {
    let (table, select) = faces(work)?;
    let input = ClusterInput::new(table, &select, None, true)?;
    let rows = ComparedRows { values: &input.values, columns: &input.columns, weights: None };
    let settings = ComparisonSettings {
        methods: ComparedMethod::ALL.to_vec(),
        k: 2..=50,
        n_init: 20,
        seed: work.arguments.seed,
        compress: true,
    };
    let device = work.device()?;
    let comparison = compared(device, rows, &settings, &work.stop)?;
    compare::write(&work.arguments.out, &comparison)?;
    record(&work.arguments.out, "compare", Some(device), compare::details(&comparison))
}

/// What the paper says beside what the run folder holds, then the report of it all.
fn report(work: &Work, _: Option<&Record>) -> Fallible<()> {
    let run = &work.arguments.out;
    let mut details = Map::new();
    details.insert("as".into(), json!(work.arguments.source.name()));
    details.insert("quick".into(), json!(work.arguments.quick));
    details.insert("data".into(), json!(work.data.display().to_string()));
    record(run, "reproduction", None, details)?;

    let reproduction = reproduction(work)?;
    let mut json = serde_json::to_vec_pretty(&reproduction)?;
    json.push(b'\n');
    write_out(Some(&work.at("reproduction.csv")), &reproduction.to_csv()?)?;
    write_out(Some(&work.at(REPRODUCTION)), &json)?;
    let input = load_run(run, None, None)?;
    let summary = write_report_on(work.device()?, &input, &work.at("report.html"))?;
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
            let input = load_run(&work.arguments.out, None, None)?;
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
    let arguments = work.arguments;
    Ok(Reproduction {
        settings: arguments.source.name().into(),
        quick: arguments.quick,
        findings: found.findings(),
        choices: choices(arguments.source, arguments.loss, work.trained(), &work.clustered_in_words()),
    })
}
