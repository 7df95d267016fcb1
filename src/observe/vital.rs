//! Threads that the process cannot do without.
//!
//! A shard that has died would leave a process that looks well, answers OK and loses every span of its sessions. It is
//! better ended whole, for a supervisor to start it anew.

/// Ends the process when the thread that holds it panics.
#[derive(Debug)]
pub struct Vital(&'static str);

// === impl Vital ===

impl Vital {
    /// For the thread that makes it; `what` it is, for the log.
    pub fn new(what: &'static str) -> Self {
        Self(what)
    }
}

impl Drop for Vital {
    fn drop(&mut self) {
        if std::thread::panicking() {
            tracing::error!("a thread has died that the process cannot do without ({}): it is ended", self.0);
            std::process::abort();
        }
    }
}
