//! What programs cost, as the kernel counts it: a process with all its children, and the whole machine.

use std::collections::HashMap;
use std::fs::{read_dir, read_to_string};
use std::time::{SystemTime, UNIX_EPOCH};

/// Clock ticks a second in `/proc`: USER_HZ, 100 on every Linux architecture in use.
const TICKS: f64 = 100.0;

/// The machine's clock, seconds since 1970.
pub fn unix_s() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

/// Of one side.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Usage {
    /// Processor seconds since it started.
    pub cpu_s: f64,
    /// Proportional set size, MB.
    pub pss_mb: f64,
}

/// Of this process and its children.
pub fn of(root: u32) -> Usage {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    for process in read_dir("/proc").into_iter().flatten().flatten() {
        let Some(id) = process.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        if let Some((parent, _)) = stat(&read_to_string(process.path().join("stat")).unwrap_or_default()) {
            children.entry(parent).or_default().push(id);
        }
    }
    let (mut total, mut left) = (Usage::default(), vec![root]);
    while let Some(id) = left.pop() {
        left.extend(children.remove(&id).unwrap_or_default());
        let read = |file: &str| read_to_string(format!("/proc/{id}/{file}")).unwrap_or_default();
        total.cpu_s += stat(&read("stat")).map_or(0.0, |(_, cpu_s)| cpu_s);
        total.pss_mb += pss_mb(&read("smaps_rollup"));
    }
    total
}

/// Processor seconds that the whole machine has worked.
pub fn machine_s() -> f64 {
    let text = read_to_string("/proc/stat").unwrap_or_default();
    let first = text.lines().next().unwrap_or_default();
    // User, nice, system, then idle and waiting, then interrupts.
    let busy = |(n, ticks): (usize, &str)| if n == 3 || n == 4 || n > 6 { 0.0 } else { ticks.parse().unwrap_or(0.0) };
    first.split_whitespace().skip(1).enumerate().map(busy).sum::<f64>() / TICKS
}

/// Parent, and user and system time, of proc(5) `stat`; the name before may hold anything up to the last `)`.
fn stat(text: &str) -> Option<(u32, f64)> {
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |n: usize| fields.get(n)?.parse::<f64>().ok();
    Some((fields.get(1)?.parse().ok()?, (ticks(11)? + ticks(12)?) / TICKS))
}

fn pss_mb(rollup: &str) -> f64 {
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok()).map_or(0.0, |kb| kb / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read_from_what_the_kernel_writes() {
        let text = "7 (a) b) S 3 7 7 0 -1 4194304 1 0 0 0 150 50 0 0 20 0 1 0 100 1 1";
        assert_eq!(stat(text), Some((3, 2.0)));
        assert_eq!(stat("nothing"), None);
        assert_eq!(pss_mb("1000-2000 ---p 0 0 0 [rollup]\nRss: 4096 kB\nPss:            2048 kB\n"), 2.0);
        assert_eq!(pss_mb(""), 0.0);
    }
}
