use std::time::Duration;

use super::*;

mod effective;
mod env;
mod files;
mod hostile;
mod mistakes;
mod sections;
mod yaml;

/// No variable is set.
fn unset(_: &str) -> Option<String> {
    None
}

/// A configuration that is right.
fn right(text: &str) -> Config {
    parse(text, "t.yaml", &unset).unwrap_or_else(|problems| panic!("{problems}"))
}

/// What is wrong with a configuration, line by line.
fn wrong(text: &str) -> Vec<String> {
    match parse(text, "t.yaml", &unset) {
        Ok(config) => panic!("accepted as {config:?}"),
        Err(problems) => problems.iter().map(Problem::to_string).collect(),
    }
}

/// A configuration with `section` and one exporter beside it.
fn beside_exporter(section: &str) -> String {
    format!("{section}\nexporters: {{debug: }}\n")
}

/// The texts of rules without their places.
fn without_places(mut config: Config) -> Config {
    for when in config.sampling.rules.iter_mut().filter_map(|rule| rule.when.as_mut()) {
        *when = when.text.as_str().into();
    }
    let conventions = &mut config.sessions.conventions;
    for file in config.prices.books.iter_mut().chain(&mut config.prices.overrides).chain(conventions) {
        *file = file.text.as_str().into();
    }
    config
}

/// The OTLP settings of the only exporter.
fn otlp(config: &Config) -> &OtlpExporter {
    match &config.exporters[0].kind {
        ExporterKind::OtlpGrpc(otlp) | ExporterKind::OtlpHttp(otlp) => otlp,
        other => panic!("{other:?}"),
    }
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
