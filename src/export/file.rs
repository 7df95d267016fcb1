//! One OTLP/JSON request a line, as otelcol's file exporter writes and its `otlpjsonfile` receiver reads.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use prost::Message;

use super::outcome::Outcome;
use crate::flow::Signal;
use crate::otlp::json::to_json;

/// A `file` exporter.
pub(super) struct File(Arc<Mutex<Output>>);

struct Output {
    to: Box<dyn Write + Send>,
    /// The last write failed half-way: the line it began must be ended first.
    torn: bool,
}

// === impl File ===

impl File {
    /// Opens `path` for writing; `-` is standard output. What the file holds is cut off unless `append`. A new file can be
    /// read and written by its owner only, because prompts and answers are in it.
    pub(super) fn open(path: &Path, append: bool, follow_symlinks: bool) -> Result<Self, String> {
        let to: Box<dyn Write + Send> = if path == Path::new("-") {
            Box::new(io::stdout())
        } else {
            let mut options = OpenOptions::new();
            options.create(true).write(true).append(append).truncate(!append).mode(0o600);
            // In a directory that others may write to, a link could lead to any file of this user.
            options.custom_flags(if follow_symlinks { 0 } else { libc::O_NOFOLLOW });
            let file = options.open(path).map_err(|error| match error.raw_os_error() {
                Some(libc::ELOOP) if !follow_symlinks => {
                    format!(
                        "path: {} is a symbolic link; set follow_symlinks: true to write to its target",
                        path.display()
                    )
                }
                _ => format!("path: {}: {error}", path.display()),
            })?;
            warn_of_open_directory(path);
            Box::new(file)
        };
        Ok(Self(Arc::new(Mutex::new(Output { to, torn: false }))))
    }

    /// The line.
    pub(super) fn encode(signal: Signal, request: &[u8]) -> Result<Bytes, String> {
        let mut line = Vec::with_capacity(request.len() * 2);
        match signal {
            Signal::Traces => to_json(request, &mut line).map_err(unwritable)?,
            Signal::Logs => {
                let request = ExportLogsServiceRequest::decode(request).map_err(unwritable)?;
                serde_json::to_writer(&mut line, &request).map_err(unwritable)?;
            }
            Signal::Metrics => {
                let request = ExportMetricsServiceRequest::decode(request).map_err(unwritable)?;
                serde_json::to_writer(&mut line, &request).map_err(unwritable)?;
            }
        }
        line.push(b'\n');
        Ok(line.into())
    }

    /// Writes a line, on a thread that may wait for the disk.
    pub(super) async fn send(&self, line: Bytes) -> Outcome {
        let output = self.0.clone();
        let write = move || output.lock().unwrap_or_else(PoisonError::into_inner).write(&line);
        match tokio::task::spawn_blocking(write).await {
            Ok(Ok(())) => Outcome::taken(),
            Ok(Err(error)) => Outcome::Retry { after: None, message: error.to_string() },
            Err(error) => Outcome::Refused { message: error.to_string() },
        }
    }
}

/// Warns where everybody may replace the file: the directory is writable by others and has no sticky bit.
fn warn_of_open_directory(path: &Path) {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if fs::metadata(parent).is_ok_and(|found| found.mode() & 0o1002 == 0o002) {
        tracing::warn!(directory = %parent.display(), "everybody may replace the file that is exported to");
    }
}

fn unwritable(error: impl std::fmt::Display) -> String {
    format!("cannot be written as JSON: {error}")
}

// === impl Output ===

impl Output {
    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        if self.torn {
            self.to.write_all(b"\n")?;
        }
        self.torn = true;
        self.to.write_all(line)?;
        self.to.flush()?;
        self.torn = false;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
