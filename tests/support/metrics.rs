//! `/metrics`, read.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::client;

/// One scrape: values by name and labels.
#[derive(Clone, Debug, Default)]
pub struct Metrics(BTreeMap<Series, f64>);

/// A name, without `tailsieve_`, and labels.
type Series = (String, BTreeMap<String, String>);

/// The ledger of spans at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    pub received: u64,
    pub kept: u64,
    pub dropped: u64,
    pub held: u64,
    pub refused: u64,
    pub duplicate: u64,
    pub lost: u64,
}

/// All metrics now.
pub async fn scrape(address: SocketAddr) -> Metrics {
    let reply = client::http(address).await.get("/metrics").await;
    assert_eq!(reply.status, 200, "{reply:?}");
    Metrics::parse(std::str::from_utf8(&reply.body).unwrap())
}

// === impl Metrics ===

impl Metrics {
    fn parse(text: &str) -> Self {
        let rows = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
        Self(rows.map(|row| Self::row(row).unwrap_or_else(|| panic!("no metric: {row}"))).collect())
    }

    fn row(row: &str) -> Option<(Series, f64)> {
        let (series, value) = row.rsplit_once(' ')?;
        let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
        let mut labels = labels.strip_suffix('}')?;
        let mut read = BTreeMap::new();
        while let Some((key, rest)) = labels.split_once("=\"") {
            let mut text = String::new();
            let mut escaped = false;
            let mut end = None;
            for (at, char) in rest.char_indices() {
                match char {
                    _ if escaped => {
                        text.push(if char == 'n' { '\n' } else { char });
                        escaped = false;
                    }
                    '\\' => escaped = true,
                    '"' => {
                        end = Some(at);
                        break;
                    }
                    _ => text.push(char),
                }
            }
            read.insert(key.trim_start_matches(',').to_owned(), text);
            labels = &rest[end? + 1..];
        }
        Some(((name.strip_prefix("tailsieve_")?.to_owned(), read), value.parse().ok()?))
    }

    /// The sum over all rows of a metric that have these labels; its name is without `tailsieve_`. Zero without rows.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let rows = self.0.iter().filter(|((known, of), _)| {
            known == name && labels.iter().all(|(key, value)| of.get(*key).is_some_and(|known| known == value))
        });
        rows.map(|(_, value)| value).sum()
    }

    /// The same as a whole number.
    pub fn count(&self, name: &str, labels: &[(&str, &str)]) -> u64 {
        let sum = self.sum(name, labels);
        assert!(sum >= 0.0 && sum.fract() == 0.0, "{name} is {sum}");
        sum as u64
    }

    /// Whether there is such a metric at all.
    pub fn has(&self, name: &str) -> bool {
        self.0.keys().any(|(known, _)| known == name)
    }

    /// Counts by the value of one label.
    pub fn by(&self, name: &str, label: &str) -> BTreeMap<String, u64> {
        let mut counts = BTreeMap::new();
        for ((known, labels), value) in &self.0 {
            if let (true, Some(text)) = (known == name, labels.get(label)) {
                *counts.entry(text.clone()).or_default() += *value as u64;
            }
        }
        counts
    }

    /// The ledger in spans.
    pub fn ledger(&self) -> Ledger {
        self.ledger_of("spans")
    }

    /// The ledger in `spans` or in `bytes`.
    pub fn ledger_of(&self, unit: &str) -> Ledger {
        let count = |what: &str| {
            let name = format!("ledger_{what}_{unit}");
            assert!(self.has(&name), "there is no {name}");
            self.count(&name, &[])
        };
        Ledger {
            received: count("received"),
            kept: count("kept"),
            dropped: count("dropped"),
            held: count("held"),
            refused: count("refused"),
            duplicate: count("duplicate"),
            lost: count("lost"),
        }
    }
}

// === impl Ledger ===

impl Ledger {
    /// Whether all that came is accounted for.
    pub fn balances(&self) -> bool {
        self.received == self.kept + self.dropped + self.held + self.refused + self.duplicate + self.lost
    }
}
