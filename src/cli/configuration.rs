//! Reads the configuration that a command names.

use std::path::PathBuf;

use crate::config::{self, Config, Problems, Purpose};
use crate::pipeline;

/// Reads and validates the configuration in `files`: its sections, and the rules and conventions that they name.
///
/// # Errors
/// All problems of the sections, the rules and the conventions.
pub(super) fn configuration(files: &[PathBuf], purpose: Purpose) -> Result<Config, Problems> {
    let (config, mut problems) = config::read(files, &variable, purpose);
    pipeline::check(&config).iter().cloned().for_each(|problem| problems.push(problem));
    problems.or(config)
}

/// Returns an environment variable. `None` if it is not set or not UTF-8.
pub(super) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
