//! CPU and memory of a process, by the operating system's accounting.

/// Of the columns of `/proc/stat`: idle, and idle while something waits for a disk.
const IDLE: [usize; 2] = [3, 4];

/// What a process has used so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    /// User and system seconds.
    pub cpu: f64,
    /// Resident bytes.
    pub resident: u64,
    /// Most resident bytes since it started.
    pub peak: u64,
}

/// Reads `/proc/PID`; nothing where there is none.
pub fn read(pid: Option<u32>) -> Usage {
    let Some(pid) = pid else { return Usage::default() };
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name in parentheses may hold spaces; user and system ticks are the 12th and 13th behind it.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|ticks| ticks.parse::<f64>().ok()).unwrap_or(0.0);
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let kib = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) << 10
    };
    // Linux counts in hundredths of a second on every architecture that matters here.
    Usage { cpu: (ticks(11) + ticks(12)) / 100.0, resident: kib("VmRSS:"), peak: kib("VmHWM:") }
}

/// CPU seconds of the whole machine so far, idle ones left out; what the hypervisor took counts.
pub fn machine() -> f64 {
    let stat = std::fs::read_to_string("/proc/stat").unwrap_or_default();
    let ticks = stat.lines().next().unwrap_or_default().split_whitespace().skip(1).take(8);
    let busy =
        ticks.enumerate().filter(|(at, _)| !IDLE.contains(at)).filter_map(|(_, ticks)| ticks.parse::<f64>().ok());
    busy.sum::<f64>() / 100.0
}
