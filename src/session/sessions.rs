//! The stage as a whole: its shards as threads, from start to stop.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, bounded, unbounded};

use super::describe::Lens;
use super::directory::Directory;
use super::intake::Intake;
use super::mail::{Mail, Message};
use super::outlets::Outlets;
use super::shard::{Shard, Site};
use super::wheel::TICK;
use crate::clock::{Clock, Nanos};
use crate::config;
use crate::log::Log;
use crate::observe::ledger::Ledger;
use crate::observe::vital::Vital;

/// The running stage.
pub struct Sessions {
    intake: Arc<Intake>,
    mail: Mail,
    threads: Vec<JoinHandle<()>>,
    ledger: Arc<Ledger>,
}

// === impl Sessions ===

impl Sessions {
    /// Starts a shard for each of the ledger's. Requests of more than `most_spans` are refused.
    ///
    /// # Errors
    /// When a thread cannot be started.
    pub fn start(
        config: &config::Sessions,
        lens: Arc<Lens>,
        log: &Arc<Log>,
        ledger: &Arc<Ledger>,
        outlets: Outlets,
        clock: &Clock,
        most_spans: usize,
    ) -> std::io::Result<Self> {
        let shards = ledger.shards.len() as u16;
        let directory = Arc::new(Directory::new(shards));
        let outlets = Arc::new(outlets);
        let (senders, receivers): (Vec<_>, Vec<_>) = (0..shards).map(|_| unbounded()).unzip();
        let mail = Mail::new(senders, ledger.arriving_bytes.clone());
        let mut threads = Vec::new();
        for (id, (messages, counts)) in receivers.into_iter().zip(&ledger.shards).enumerate() {
            let site = Site {
                id: id as u16,
                lens: lens.clone(),
                directory: directory.clone(),
                mail: mail.clone(),
                log: log.clone(),
                ledger: counts.clone(),
                outlets: outlets.clone(),
            };
            let (shard, clock) = (Shard::new(site, config, clock.now()), clock.clone());
            threads.push(
                std::thread::Builder::new().name(format!("shard-{id}")).spawn(move || run(shard, &messages, &clock))?,
            );
        }
        let intake = Arc::new(Intake { lens, directory, mail: mail.clone(), most_spans, log: log.clone() });
        Ok(Self { intake, mail, threads, ledger: ledger.clone() })
    }

    /// The way in.
    pub fn intake(&self) -> Arc<Intake> {
        self.intake.clone()
    }

    /// Judges everything that is held, then ends the threads; at `deadline` they are no longer waited for. Nothing may be
    /// taken in any more. Returns how many spans are left without a verdict.
    pub fn stop(self, deadline: Instant) -> u64 {
        // What is on its way from one shard to another needs another round; there is no third step.
        let mut in_time = true;
        for _ in 0..4 {
            in_time = self.flush(deadline);
            if !in_time || self.ledger.total().held.spans == 0 {
                break;
            }
        }
        for shard in 0..self.mail.shards() {
            self.mail.send(shard as u16, Message::Stop);
        }
        for thread in self.threads.into_iter().filter(|_| in_time) {
            if thread.join().is_err() {
                tracing::error!("a shard has died");
            }
        }
        self.ledger.total().held.spans
    }

    /// Waits until every shard has judged all that it held and all that was on its way when it was asked; `false` where that
    /// takes longer than until `deadline`.
    fn flush(&self, deadline: Instant) -> bool {
        let (done, wait) = bounded(self.mail.shards());
        for shard in 0..self.mail.shards() {
            self.mail.send(shard as u16, Message::Flush(done.clone()));
        }
        drop(done);
        wait.recv_deadline(deadline) != Err(RecvTimeoutError::Timeout)
    }
}

/// A shard's thread.
fn run(mut shard: Shard, messages: &Receiver<Message>, clock: &Clock) {
    let _vital = Vital::new("a shard, and with it its sessions");
    let mut next: Nanos = clock.now() + TICK;
    loop {
        let wait = Duration::from_nanos(next.saturating_sub(clock.now()));
        match messages.recv_timeout(wait) {
            Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => return,
            Ok(message) => shard.handle(message, clock.now()),
            Err(RecvTimeoutError::Timeout) => {}
        }
        let now = clock.now();
        if now >= next {
            shard.tick(now);
            next = now + TICK;
        }
    }
}
