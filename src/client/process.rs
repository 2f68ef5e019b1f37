//! What this process costs, by the system's own books.

use crate::model::stats::Process;

/// Processor time and memory now; unknown where the system has no `/proc`.
pub fn now() -> Process {
    Process { cpu_s: cpu_seconds(), pss_mb: pss_megabytes() }
}

/// User and system time of all threads, from `/proc/self/stat` (proc(5)). The clock ticks 100 times a second on every
/// Linux that a program can see (`USER_HZ`).
fn cpu_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name in parentheses may hold anything; the fields after it are numbered from 3.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = fields.get(11)?.parse::<f64>().ok()? + fields.get(12)?.parse::<f64>().ok()?;
    Some(ticks / 100.0)
}

/// Memory with shared pages counted by their share, from `/proc/self/smaps_rollup`.
fn pss_megabytes() -> Option<f64> {
    let rollup = std::fs::read_to_string("/proc/self/smaps_rollup").ok()?;
    let kibibytes: f64 =
        rollup.lines().find_map(|line| line.strip_prefix("Pss:"))?.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes * 1024.0 / 1e6)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #[test]
    fn linux_tells() {
        let process = super::now();
        assert!(process.cpu_s.is_some_and(|s| s >= 0.0));
        assert!(process.pss_mb.is_some_and(|mb| mb > 0.5));
    }
}
