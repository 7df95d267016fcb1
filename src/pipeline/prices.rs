//! Looks at the files of prices while the process runs.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::sleep;

use crate::pricing::{PriceBook, Prices, Reload};

/// Looks every `period` (zero for never), and whenever it is `asked`, and tells what came of it.
pub(super) async fn watch(prices: Arc<Prices>, period: Duration, asked: Arc<Notify>) {
    let looks = !period.is_zero() && prices.has_files();
    loop {
        let anyway = tokio::select! {
            () = sleep(period), if looks => false,
            () = asked.notified() => true,
        };
        let files = prices.clone();
        match tokio::task::spawn_blocking(move || files.reload(anyway)).await {
            Ok(reload) => tell_reload(reload, anyway),
            Err(error) => tracing::error!(%error, "files of prices could not be looked at"),
        }
    }
}

/// Tells which prices are in use.
pub(super) fn tell(book: &PriceBook) {
    for edition in book.editions() {
        let counts = edition.counts();
        let (book, source, version) = (edition.name(), edition.source().name(), edition.version());
        tracing::info!(book, source, version, models = counts.priced, "prices in use");
        if let Some(first) = counts.first_skipped {
            tracing::warn!(book, skipped = counts.skipped, first, "some prices of the book cannot be read");
        }
    }
    if !book.own_version().is_empty() {
        tracing::info!(version = book.own_version(), "own prices in use");
    }
}

fn tell_reload(reload: Reload, asked: bool) {
    match reload {
        Reload::Same if asked => tracing::info!("the files of prices are as they were"),
        Reload::Same => {}
        Reload::Taken(book) => tell(&book),
        Reload::Refused(problems) => {
            for problem in &problems {
                tracing::error!(%problem, "changed prices are refused, the old ones stay in use");
            }
        }
    }
}
