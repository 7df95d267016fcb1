//! The process's own log: to standard error, as `service.telemetry.logs` says. `RUST_LOG`, where it is set, overrides
//! the level.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::config::{LogEncoding, LogLevel};

/// Why logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum LogsError {
    /// `RUST_LOG` is not a filter.
    #[error("RUST_LOG={value:?} is not a log filter: {reason}")]
    Filter {
        /// What it is.
        value: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Somebody has set it up before.
    #[error("logging is already set up: {0}")]
    Taken(String),
}

/// Sends events to standard error from here on.
///
/// # Errors
/// When `rust_log`, the value of `RUST_LOG`, is not a filter, or when a subscriber is installed already.
pub fn init(level: LogLevel, encoding: LogEncoding, rust_log: Option<&str>) -> Result<(), LogsError> {
    let ansi = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter(level, rust_log)?)
        .with_writer(std::io::stderr)
        .with_ansi(ansi && encoding == LogEncoding::Console);
    let done = match encoding {
        LogEncoding::Console => builder.try_init(),
        LogEncoding::Json => {
            builder.json().flatten_event(true).with_current_span(false).with_span_list(false).try_init()
        }
    };
    done.map_err(|error| LogsError::Taken(error.to_string()))
}

/// What is logged: ourselves at `level`; of the libraries beneath us only what is wrong.
fn filter(level: LogLevel, rust_log: Option<&str>) -> Result<EnvFilter, LogsError> {
    let ours = match level {
        LogLevel::Debug => "warn,tailsieve=debug",
        LogLevel::Info => "warn,tailsieve=info",
        LogLevel::Warn => "warn",
        LogLevel::Error => "error",
    };
    match rust_log.map(str::trim).filter(|text| !text.is_empty()) {
        None => Ok(EnvFilter::new(ours)),
        Some(text) => EnvFilter::try_new(text)
            .map_err(|error| LogsError::Filter { value: text.into(), reason: error.to_string() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_level_is_ours_and_libraries_only_warn() {
        let shown = |level| filter(level, None).unwrap().to_string();
        assert_eq!(shown(LogLevel::Debug), "tailsieve=debug,warn");
        assert_eq!(shown(LogLevel::Info), "tailsieve=info,warn");
        assert_eq!(shown(LogLevel::Error), "error");
    }

    #[test]
    fn rust_log_overrides_the_level_unless_it_is_empty() {
        assert_eq!(filter(LogLevel::Error, Some("trace")).unwrap().to_string(), "trace");
        assert_eq!(filter(LogLevel::Error, Some(" ")).unwrap().to_string(), "error");
    }

    #[test]
    fn a_rust_log_that_is_no_filter_is_named() {
        let error = filter(LogLevel::Info, Some("tailsieve=loud")).unwrap_err().to_string();
        assert!(error.starts_with("RUST_LOG=\"tailsieve=loud\" is not a log filter: "), "{error}");
    }
}
