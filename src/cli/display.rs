//! Shows events on the terminal: messages, and a progress bar on stderr. If stderr is no terminal, a line is printed every few
//! seconds instead of the bar.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use lineament::app::train::Progress;
use lineament::app::{Cancellation, Context, Event, Observer};

use super::output::{command_line, print_line};

/// Time between two progress lines if stderr is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Shows the events of a use case.
#[derive(Default)]
pub struct Display(RefCell<Option<Work>>);

/// The counted work that is in progress. Its bar disappears when it is dropped.
struct Work {
    bar: ProgressBar,
    task: String,
    unit: &'static str,
    total: u64,
    /// Time and value of the first count. Work that an earlier run did is not part of this run's speed.
    first: Option<(Instant, u64)>,
    last_line: Instant,
    accuracy: Option<f64>,
}

impl Display {
    /// Returns a context that shows events on this display and records the command line.
    pub fn context(&self) -> Context<'_> {
        Context { command: Some(command_line()), ..Context::observed(self) }
    }
}

impl Observer for Display {
    fn receive(&self, event: Event) {
        let mut state = self.0.borrow_mut();
        match event {
            Event::Started { task, unit, total } => *state = Some(Work::new(task, unit, total)),
            Event::Finished => *state = None,
            Event::Advanced { done } => {
                if let Some(work) = &mut *state {
                    work.advance(done);
                }
            }
            Event::Training { progress: progress @ (Progress::Step { .. } | Progress::Validation { .. }), batch } => {
                if let Some(work) = &mut *state {
                    work.train(progress, batch);
                }
            }
            other => {
                let print = || match other {
                    // If stdout was closed, this text is lost, but the work continues.
                    Event::Output(text) => drop(print_line(text)),
                    other => eprintln!("{other}"),
                };
                match &*state {
                    Some(work) => work.bar.suspend(print),
                    None => print(),
                }
            }
        }
    }
}

impl Work {
    fn new(task: String, unit: &'static str, total: u64) -> Work {
        let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
        let template = format!("{{msg}} {{bar:32}} {{pos}}/{{len}} {unit}  {{per_sec}}  {{eta}} left");
        if let Ok(style) = ProgressStyle::with_template(&template) {
            bar.set_style(style);
        }
        bar.set_message(task.clone());
        if bar.is_hidden() && !task.is_empty() {
            eprintln!("{task}: {total} {unit}");
        }
        Work { bar, task, unit, total, first: None, last_line: Instant::now(), accuracy: None }
    }

    /// Returns the units done per second since the first count.
    fn rate(&mut self, done: u64) -> f64 {
        let (start, before) = *self.first.get_or_insert((Instant::now(), done));
        done.saturating_sub(before) as f64 / start.elapsed().as_secs_f64().max(1e-9)
    }

    /// Returns whether a progress line is due; never while there is a bar.
    fn is_line_due(&mut self) -> bool {
        let due = self.bar.is_hidden() && self.last_line.elapsed() >= LINE_EVERY;
        if due {
            self.last_line = Instant::now();
        }
        due
    }

    fn advance(&mut self, done: u64) {
        let is_first = self.first.is_none();
        let rate = self.rate(done);
        self.bar.set_position(done);
        if is_first {
            self.bar.reset_eta();
        }
        if self.is_line_due() {
            let Work { task, unit, total, .. } = self;
            let task = if task.is_empty() { String::new() } else { format!("{task}: ") };
            let left = (*total).saturating_sub(done) as f64 / rate.max(1e-9);
            let left = if rate > 0.0 { format!(", {rate:.1} per second, {left:.0} s left") } else { String::new() };
            eprintln!("{task}{done} of {total} {unit}{left}");
        }
    }

    fn train(&mut self, progress: Progress, batch: u32) {
        match progress {
            Progress::Step { epoch, epochs, step, steps, loss, accuracy } => {
                let rate = self.rate(step as u64) * f64::from(batch);
                self.accuracy = accuracy.or(self.accuracy);
                let right = self.accuracy.map_or(String::new(), |accuracy| format!(", accuracy {accuracy:.4}"));
                let speed = if rate > 0.0 { format!(", {rate:.1} img/s") } else { String::new() };
                let message = format!("epoch {epoch} of {epochs}, loss {loss:.4}{right}{speed}");
                self.bar.set_length(steps as u64);
                self.bar.set_position(step as u64);
                if self.is_line_due() {
                    let seconds = (steps - step) as f64 * f64::from(batch) / rate.max(1e-9);
                    let left = if rate > 0.0 { format!(", {seconds:.0} s left in the epoch") } else { String::new() };
                    eprintln!("step {step} of {steps}: {message}{left}");
                }
                self.bar.set_message(message);
            }
            Progress::Validation { done, samples } => {
                self.first = None;
                self.bar.set_message(format!("validation, {done} of {samples}"));
                if self.is_line_due() {
                    eprintln!("validation, {done} of {samples} images");
                }
            }
            _ => {}
        }
    }
}

/// Makes Ctrl-C cancel the work, which then saves its state. A second Ctrl-C ends the program at once.
pub fn cancel_on_interrupt(cancellation: &Cancellation) {
    let cancellation = cancellation.clone();
    let installed = ctrlc::set_handler(move || {
        if cancellation.cancel() {
            std::process::exit(130);
        }
        eprintln!("\nstopping after the current step; press Ctrl-C again to stop immediately");
    });
    if let Err(error) = installed {
        eprintln!("note: Ctrl-C cannot be intercepted, so it will not save the work in progress ({error})");
    }
}
