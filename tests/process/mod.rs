//! What the system says of a process under test.
#![allow(dead_code, reason = "each proof uses a part of it")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

pub const MIB: u64 = 1 << 20;

/// Between two looks at a process's memory.
const PERIOD: Duration = Duration::from_millis(50);

/// The most memory that was seen.
#[derive(Clone, Copy, Debug, Default)]
pub struct Peak {
    pub bytes: u64,
    pub samples: u64,
}

/// Looks at the memory of a process until it is stopped or the process ends.
pub struct Watch {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Peak>,
}

/// Resident bytes of a process; `None` when it has ended. `proc(5)`: the second field of `statm`, in pages.
pub fn resident(pid: u32) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    let pages: u64 = text.split_ascii_whitespace().nth(1)?.parse().ok()?;
    Some(pages * 4096).filter(|bytes| *bytes > 0)
}

// === impl Watch ===

impl Watch {
    pub fn start(pid: u32) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || {
            let mut peak = Peak::default();
            while let (false, Some(bytes)) = (stopped.load(Ordering::Relaxed), resident(pid)) {
                peak = Peak { bytes: peak.bytes.max(bytes), samples: peak.samples + 1 };
                std::thread::sleep(PERIOD);
            }
            peak
        });
        Self { stop, thread }
    }

    pub fn stop(self) -> Peak {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}
