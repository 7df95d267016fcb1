//! What the system says about the process: memory it may use, memory and CPU time it does use. From `/proc` and the
//! cgroup file systems, as `proc(5)` and the kernel's `cgroup-v1/memory.rst` and `cgroup-v2.rst` describe them.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Ticks a second of the times in `/proc/*/stat`: `USER_HZ`, the same on all machines that Linux runs on today.
const TICKS: u64 = 100;

/// Fewest and most descriptors that are kept for exporters and files.
const RESERVE: (usize, usize) = (16, 256);
/// Most connections of a listener for metrics or health.
const PAGES: usize = 64;

/// Bytes of memory that the process may use: the least of the machine's and of the limits of its cgroup and of those
/// around it. `None` where the system does not say.
pub fn memory() -> Option<u64> {
    memory_under(Path::new("/"))
}

/// The process's share by default: three quarters of [`memory`].
pub fn default_limit() -> Option<u64> {
    memory().map(|bytes| bytes / 4 * 3)
}

/// Resident bytes of the process.
pub fn resident() -> Option<u64> {
    kibibytes(&fs::read_to_string("/proc/self/status").ok()?, "VmRSS:")
}

/// CPU time of the process, in user and kernel mode.
pub fn cpu_time() -> Option<Duration> {
    ticks(&fs::read_to_string("/proc/self/stat").ok()?).map(|ticks| Duration::from_millis(ticks * 1000 / TICKS))
}

/// File descriptors that connections of the receivers may have: what the limit of the process leaves beside those that are
/// open, those of [`page_descriptors`] for each of two listeners, and a quarter for exporters and files. All there may be
/// where the system does not say.
pub fn connection_descriptors() -> usize {
    let open = fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    descriptors().map_or(usize::MAX, |limit| {
        let reserve = (limit / 4).clamp(RESERVE.0, RESERVE.1) + 2 * page_descriptors();
        limit.saturating_sub(open + reserve).max(1)
    })
}

/// File descriptors that connections of a listener for metrics or health may have.
pub fn page_descriptors() -> usize {
    descriptors().map_or(PAGES, |limit| (limit / 8).clamp(4, PAGES))
}

/// The soft limit of open file descriptors; `None` where the system does not say, or there is none.
fn descriptors() -> Option<usize> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

fn memory_under(root: &Path) -> Option<u64> {
    let total = fs::read_to_string(root.join("proc/meminfo")).ok().and_then(|text| kibibytes(&text, "MemTotal:"));
    let groups = fs::read_to_string(root.join("proc/self/cgroup")).unwrap_or_default();
    let limits = groups.lines().flat_map(|line| group_limits(root, line));
    limits.chain(total).min()
}

/// The limits that a line of `/proc/self/cgroup`, `number:controllers:path`, leads to: the group's own and those of the
/// groups around it. Inside a container the path may be the host's; the mount's top is then the container's group.
fn group_limits(root: &Path, line: &str) -> Vec<u64> {
    let mut parts = line.splitn(3, ':');
    let (Some(_), Some(controllers), Some(path)) = (parts.next(), parts.next(), parts.next()) else {
        return Vec::new();
    };
    let (mounts, file): (&[&str], _) = match controllers {
        "" => (&["sys/fs/cgroup", "sys/fs/cgroup/unified"], "memory.max"),
        some if some.split(',').any(|name| name == "memory") => (&["sys/fs/cgroup/memory"], "memory.limit_in_bytes"),
        _ => return Vec::new(),
    };
    let group = PathBuf::from(path.trim_start_matches('/'));
    let read = |mount: &str, group: &Path| {
        let text = fs::read_to_string(root.join(mount).join(group).join(file)).ok()?;
        // Without a limit version 2 says `max`, and version 1 a number that no machine's memory comes near.
        text.trim().parse().ok()
    };
    mounts.iter().flat_map(|mount| group.ancestors().filter_map(|group| read(mount, group))).collect()
}

/// The number of a line `key  number kB`, in bytes.
fn kibibytes(text: &str, key: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// `utime` + `stime`, fields 14 and 15 of `/proc/self/stat`. The second field is a name in brackets that may itself hold
/// blanks and brackets, so that fields are counted from its last bracket.
fn ticks(text: &str) -> Option<u64> {
    let (_, rest) = text.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    user.checked_add(fields.next()?.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn system(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        root
    }

    const MEMINFO: (&str, &str) = ("proc/meminfo", "MemTotal:       16000 kB\nMemFree:  10 kB\n");

    #[test]
    fn without_a_cgroup_the_machine_is_the_limit() {
        assert_eq!(memory_under(system(&[MEMINFO]).path()), Some(16_000 * 1024));
        assert_eq!(memory_under(system(&[]).path()), None);
    }

    #[test]
    fn a_version_2_group_is_bound_by_those_around_it() {
        let files = [
            MEMINFO,
            ("proc/self/cgroup", "0::/pod/app\n"),
            ("sys/fs/cgroup/pod/app/memory.max", "max\n"),
            ("sys/fs/cgroup/pod/memory.max", "5000000\n"),
        ];
        assert_eq!(memory_under(system(&files).path()), Some(5_000_000));
    }

    #[test]
    fn a_version_1_group_is_found_by_its_controller() {
        let files = [
            MEMINFO,
            ("proc/self/cgroup", "9:name=systemd:/x\n4:hugetlb,memory:/app\n0::/\n"),
            ("sys/fs/cgroup/memory/app/memory.limit_in_bytes", "4000000\n"),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"),
            ("sys/fs/cgroup/memory/x/memory.limit_in_bytes", "1\n"),
        ];
        assert_eq!(memory_under(system(&files).path()), Some(4_000_000));
    }

    #[test]
    fn in_a_container_that_sees_the_hosts_path_the_top_of_the_mount_counts() {
        let files = [
            MEMINFO,
            ("proc/self/cgroup", "4:memory:/docker/0123\n"),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "3000000\n"),
        ];
        assert_eq!(memory_under(system(&files).path()), Some(3_000_000));
    }

    #[test]
    fn a_program_name_with_brackets_does_not_shift_the_times() {
        let stat = "7 (a) (b c) S 1 2 3 4 5 6 7 8 9 10 120 30 1 1 20 0";
        assert_eq!(ticks(stat), Some(150));
        assert_eq!(ticks("7 (a"), None);
    }

    #[test]
    fn this_process_is_seen() {
        assert!(resident().unwrap() > 100_000);
        assert!(cpu_time().is_some());
        assert!(memory().unwrap() > default_limit().unwrap());
    }
}
