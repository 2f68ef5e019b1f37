//! What this process costs, as the system counts it (Linux; elsewhere unknown).

use crate::model::stats::Process;

/// Clock ticks a second in `/proc`: USER_HZ, 100 on every Linux architecture in use.
const TICKS: f64 = 100.0;

/// Processor time and memory of the whole process until now.
pub fn process() -> Process {
    let read = |path| std::fs::read_to_string(path).ok();
    Process {
        cpu_s: read("/proc/self/stat").as_deref().and_then(cpu_s),
        pss_mb: read("/proc/self/smaps_rollup").as_deref().and_then(pss_mb),
    }
}

/// User and system time, fields 14 and 15 of proc(5) `stat`; the name before may hold anything up to the last `)`.
fn cpu_s(stat: &str) -> Option<f64> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<f64>().ok();
    Some((ticks()? + ticks()?) / TICKS)
}

fn pss_mb(rollup: &str) -> Option<f64> {
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    line.split_whitespace().next()?.parse::<f64>().ok().map(|kb| kb / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read_from_what_the_kernel_writes() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194304 1 0 0 0 150 50 0 0 20 0 1 0 100 1 1";
        assert_eq!(cpu_s(stat), Some(2.0));
        assert_eq!(pss_mb("1000-2000 ---p 0 0 0 [rollup]\nRss: 4096 kB\nPss:            2048 kB\n"), Some(2.0));
        assert_eq!((cpu_s(""), pss_mb("")), (None, None));
    }
}
