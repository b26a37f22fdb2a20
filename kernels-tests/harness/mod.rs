//! What every command shares: cases, how they run, how results are compared, and what counts as passed.

pub mod browser;
pub mod case;
pub mod compare;
pub mod mutant;
pub mod outcome;
#[cfg(test)]
pub mod requirements;
pub mod run_case;
pub mod timing;
