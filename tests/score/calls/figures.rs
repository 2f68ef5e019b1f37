//! Figures of counters over time.

/// Time between two refreshes of a screen of 60 Hz, ms.
const REFRESH_MS: f64 = 1e3 / 60.0;

/// Phases of a screen that are tried.
const PHASES: u32 = 8;

/// Over what time a rate counts as there, and how long it must stay, s.
const THERE_S: f64 = 0.5;
const STAYS_S: f64 = 3.0;

/// The value that this share of all is not above; NaN where there are none.
pub fn percentile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(((sorted.len() as f64 - 1.0) * share).round() as usize).copied().unwrap_or(f64::NAN)
}

/// Mean; NaN where there are none.
pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Times to the decoded picture → times to the picture on a screen of 60 Hz, whose next refresh is any time off.
pub fn on_screen(decoded_ms: &[f64]) -> Vec<f64> {
    let wait = |phase: u32| (f64::from(phase) + 0.5) / f64::from(PHASES) * REFRESH_MS;
    decoded_ms.iter().flat_map(|ms| (0..PHASES).map(move |phase| ms + wait(phase))).collect()
}

/// A counter at some time, between its readings (which are in order) as if it grew evenly.
pub fn at(points: &[(f64, f64)], time: f64) -> f64 {
    let after = points.partition_point(|(t, _)| *t < time);
    match (after.checked_sub(1).and_then(|n| points.get(n)), points.get(after)) {
        (Some((t0, v0)), Some((t1, v1))) => v0 + (v1 - v0) * (time - t0) / (t1 - t0),
        (Some((_, value)), None) | (None, Some((_, value))) => *value,
        (None, None) => 0.0,
    }
}

/// How fast a counter grew between two times, a second.
pub fn rate(points: &[(f64, f64)], from: f64, to: f64) -> f64 {
    (at(points, to) - at(points, from)) / (to - from)
}

/// Seconds from `since` until the counter grows at `wanted` a second: over the last half second, and over the three
/// seconds that follow. Infinite where that is not seen.
pub fn seconds_back(points: &[(f64, f64)], since: f64, wanted: f64) -> f64 {
    let end = points.last().map_or(since, |(t, _)| *t);
    let back = points
        .iter()
        .map(|(t, _)| *t)
        .filter(|t| *t > since && t + STAYS_S <= end)
        .find(|t| rate(points, t - THERE_S, *t) >= wanted && rate(points, *t, t + STAYS_S) >= wanted);
    back.map_or(f64::INFINITY, |t| t - since)
}

/// Seconds from `since` until the counter has grown, and grows at half of `before` a second over the second that follows.
pub fn seconds_until_flowing(points: &[(f64, f64)], since: f64, before: f64) -> f64 {
    let (there, end) = (at(points, since), points.last().map_or(since, |(t, _)| *t));
    let flows = points
        .iter()
        .filter(|(t, _)| *t > since && t + 1.0 <= end)
        .find(|(t, value)| *value > there && rate(points, *t, t + 1.0) >= before / 2.0);
    flows.map_or(f64::INFINITY, |(t, _)| t - since)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A counter read five times a second that grows as `speed` says.
    fn counter(seconds: u32, speed: impl Fn(f64) -> f64) -> Vec<(f64, f64)> {
        let mut value = 0.0;
        (0..=seconds * 5)
            .map(|n| {
                let t = f64::from(n) / 5.0;
                value += speed(t) / 5.0;
                (t, value)
            })
            .collect()
    }

    #[test]
    fn percentiles_and_means() {
        let values: Vec<f64> = (1..=101).rev().map(f64::from).collect();
        assert_eq!((percentile(&values, 0.5), percentile(&values, 0.95), mean(&values)), (51.0, 96.0, 51.0));
        assert!(percentile(&[], 0.5).is_nan() && mean(&[]).is_nan());
    }

    #[test]
    fn a_screen_adds_half_a_refresh_at_the_median_and_a_whole_one_at_most() {
        let seen = on_screen(&[20.0; 50]);
        assert!((mean(&seen) - 20.0 - REFRESH_MS / 2.0).abs() < 1e-9);
        assert!(percentile(&seen, 1.0) < 20.0 + REFRESH_MS && percentile(&seen, 0.0) > 20.0);
    }

    #[test]
    fn between_readings_a_counter_grows_evenly() {
        let points = [(1.0, 10.0), (2.0, 30.0), (4.0, 30.0)];
        assert_eq!([0.0, 1.0, 1.5, 3.0, 9.0].map(|t| at(&points, t)), [10.0, 10.0, 20.0, 30.0, 30.0]);
        assert_eq!((rate(&points, 1.0, 2.0), at(&[], 1.0)), (20.0, 0.0));
    }

    #[test]
    fn a_rate_is_back_when_it_stays() {
        // Back at 32 s, but for a peak before that does not stay.
        let points = counter(60, |t| match t {
            t if t < 10.0 => 100.0,
            t if t < 30.0 => 20.0,
            t if (30.5..31.0).contains(&t) => 100.0,
            t if t < 32.0 => 20.0,
            _ => 100.0,
        });
        let seconds = seconds_back(&points, 30.0, 90.0);
        assert!((2.0..=2.6).contains(&seconds), "{seconds}");
        assert_eq!(seconds_back(&points, 30.0, 110.0), f64::INFINITY);
        assert_eq!(seconds_back(&[], 30.0, 110.0), f64::INFINITY);
    }

    #[test]
    fn pictures_flow_when_they_go_on() {
        let points = counter(30, |t| if (10.0..15.0).contains(&t) || (15.2..16.0).contains(&t) { 0.0 } else { 30.0 });
        let seconds = seconds_until_flowing(&points, 15.0, 30.0);
        assert!((0.6..=1.2).contains(&seconds), "{seconds}");
        let never = counter(30, |t| if t < 10.0 { 30.0 } else { 0.0 });
        assert_eq!(seconds_until_flowing(&never, 15.0, 30.0), f64::INFINITY);
    }
}
