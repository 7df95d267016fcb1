//! The purpose of a configuration.

/// What a configuration is read for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// `run`: at least one exporter is required.
    Run,
    /// `inspect`: nothing is exported, so exporters are optional.
    Inspect,
}
