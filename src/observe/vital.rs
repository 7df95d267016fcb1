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

#[cfg(test)]
mod tests {
    use super::*;

    /// Is its own child, which panics.
    #[test]
    fn a_panic_in_a_vital_thread_ends_the_process() {
        const CHILD: &str = "TAILSIEVE_TEST_PANICS";
        if std::env::var_os(CHILD).is_some() {
            let thread = std::thread::spawn(|| {
                let _end = Vital::new("a test");
                panic!("as told");
            });
            assert!(thread.join().is_err());
            return;
        }
        let name = format!("{}::a_panic_in_a_vital_thread_ends_the_process", module_path!());
        let name = name.split_once("::").unwrap().1;
        let mut child = std::process::Command::new(std::env::current_exe().unwrap());
        let child = child.args(["--exact", name]).env(CHILD, "1").output().unwrap();
        assert!(!child.status.success(), "{child:?}");
        std::thread::spawn(|| drop(Vital::new("a test"))).join().unwrap();
    }
}
