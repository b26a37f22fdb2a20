//! The options of the optimizers, made from the table of optimizers.

use std::collections::{BTreeMap, BTreeSet};

use clap::builder::{PossibleValue, PossibleValuesParser};
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};
use lineament::app::Error;
use lineament::ops::{AnyOptimizer, OPTIMIZERS, OptimizerEntry, OptimizerOption, OptionDefault};

use super::arguments::require_within;

/// `--optimizer`, `--learning-rate`, and the options of all optimizers.
pub struct OptimizerArguments {
    entry: &'static OptimizerEntry,
    learning_rate: Option<f64>,
    /// The optimizer options that the user gave.
    given: BTreeMap<&'static str, f64>,
}

impl OptimizerArguments {
    /// Refuses options that belong to other optimizers or have no effect, and values out of range.
    pub fn check(&self) -> Result<(), Error> {
        require_within("--learning-rate", self.learning_rate, f64::MIN_POSITIVE..=1e6)?;
        for (name, value) in &self.given {
            // Decay rates and momenta are shares; a switch is 1.
            require_within(&format!("--{name}"), Some(*value), 0.0..=1.0)?;
        }
        if self.given.contains_key("nesterov") && self.given.get("momentum") == Some(&0.0) {
            let problem = "--nesterov is a form of the momentum, and --momentum 0 turns that off; leave out one of the two";
            return Err(Error::Misuse(problem.into()));
        }
        let foreign = |name: &&&str| !self.entry.options.iter().any(|option| option.name == **name);
        self.given.keys().find(foreign).map_or(Ok(()), |name| {
            let (chosen, users) = (self.entry.name, names_of_users(name));
            Err(Error::Misuse(format!("--{name} does not go with --optimizer {chosen}; it is an option of {users} only")))
        })
    }

    /// Returns the optimizer with the given options.
    pub fn optimizer(&self) -> AnyOptimizer {
        self.entry.with(|name| self.given.get(name).copied())
    }

    /// Returns the given learning rate, or the optimizer's default.
    pub fn learning_rate(&self) -> f64 {
        self.learning_rate.unwrap_or(self.entry.learning_rate)
    }
}

/// Returns every option of every optimizer, each only once.
fn options() -> Vec<&'static OptimizerOption> {
    let mut seen = BTreeSet::new();
    OPTIMIZERS.iter().flat_map(|entry| entry.options).filter(|option| seen.insert(option.name)).collect()
}

/// Returns the optimizers that have an option, with its default in each.
fn users_of(option: &str) -> Vec<(&'static str, OptionDefault)> {
    let default =
        |entry: &'static OptimizerEntry| entry.options.iter().find(|known| known.name == option).map(|known| known.default);
    OPTIMIZERS.iter().filter_map(|entry| Some((entry.name, default(entry)?))).collect()
}

/// Returns the names of the optimizers that have an option, joined by "and".
fn names_of_users(option: &str) -> String {
    users_of(option).iter().map(|(name, _)| *name).collect::<Vec<_>>().join(" and ")
}

impl Args for OptimizerArguments {
    fn augment_args(command: Command) -> Command {
        let names = OPTIMIZERS.iter().map(|entry| PossibleValue::new(entry.name).help(entry.about));
        let rates: Vec<String> = OPTIMIZERS.iter().map(|entry| format!("{} for {}", entry.learning_rate, entry.name)).collect();
        let command = command
            .arg(
                Arg::new("optimizer")
                    .value_name("NAME")
                    .long("optimizer")
                    .help("Optimizer to train with")
                    .value_parser(PossibleValuesParser::new(names))
                    .default_value(OPTIMIZERS[0].name),
            )
            .arg(
                Arg::new("learning-rate")
                    .value_name("RATE")
                    .long("learning-rate")
                    .help(format!("Learning rate, or its peak if the schedule changes it [default: {}]", rates.join(", ")))
                    .allow_negative_numbers(true)
                    .value_parser(clap::value_parser!(f64)),
            );
        options().into_iter().fold(command, |command, option| command.arg(argument(option)))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

fn argument(option: &'static OptimizerOption) -> Arg {
    let argument = Arg::new(option.name).long(option.name);
    if option.default == OptionDefault::Off {
        return argument.action(ArgAction::SetTrue).help(format!("{} (for {} only)", option.about, names_of_users(option.name)));
    }
    let default = |(name, default): (&str, OptionDefault)| match default {
        OptionDefault::Number(number) => format!("{number} for {name}"),
        OptionDefault::Off => format!("off for {name}"),
    };
    let defaults: Vec<String> = users_of(option.name).into_iter().map(default).collect();
    let help = format!("{} [default: {}]", option.about, defaults.join(", "));
    argument.allow_negative_numbers(true).value_name("NUMBER").value_parser(clap::value_parser!(f64)).help(help)
}

impl FromArgMatches for OptimizerArguments {
    fn from_arg_matches(matches: &ArgMatches) -> Result<OptimizerArguments, clap::Error> {
        let chosen = matches.get_one::<String>("optimizer");
        let entry = OPTIMIZERS.iter().find(|entry| chosen.is_none_or(|name| name == entry.name));
        let entry = entry.ok_or_else(|| clap::Error::raw(clap::error::ErrorKind::InvalidValue, "no such optimizer"))?;
        let given = |option: &&OptimizerOption| {
            let value = match option.default {
                OptionDefault::Off => matches.get_flag(option.name).then_some(1.0),
                OptionDefault::Number(_) => matches.get_one(option.name).copied(),
            };
            value.map(|value| (option.name, value))
        };
        let given = options().iter().filter_map(given).collect();
        Ok(OptimizerArguments { entry, learning_rate: matches.get_one("learning-rate").copied(), given })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
