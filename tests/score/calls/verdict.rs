//! Two programs' figures beside each other and a goal.

use super::figures::percentile;

/// Median and range.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    pub median: f64,
    pub least: f64,
    pub most: f64,
}

impl Spread {
    /// Of these values; `None` where there are none. What is no number is left out.
    pub fn of(values: &[f64]) -> Option<Self> {
        let mut sorted: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
        sorted.sort_by(f64::total_cmp);
        let (least, most) = (*sorted.first()?, *sorted.last()?);
        let middle = sorted.len() / 2;
        // Of an even number the mean of the two in the middle; where both are infinite, that.
        let (low, high) = (sorted[middle - usize::from(sorted.len().is_multiple_of(2))], sorted[middle]);
        let median = if low == high { low } else { (low + high) / 2.0 };
        Some(Self { median, least, most })
    }

    /// `54 (50–61)`; what is infinite never came.
    pub fn words(&self, digits: usize) -> String {
        let word = |value: f64| if value.is_finite() { format!("{value:.digits$}") } else { "never".to_owned() };
        let (median, least, most) = (word(self.median), word(self.least), word(self.most));
        if least == most { median } else { format!("{median} ({least}–{most})") }
    }
}

/// Which values are good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    Less,
    More,
}

/// Between two programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Won,
    Lost,
    Even,
}

impl Verdict {
    /// Won when the median is ahead and the ranges do not overlap, lost when it is the other's; else even.
    pub fn between(ours: Spread, theirs: Spread, better: Better) -> Self {
        let ahead = |a: Spread, b: Spread| match better {
            Better::Less => a.median < b.median && a.most < b.least,
            Better::More => a.median > b.median && a.least > b.most,
        };
        match (ahead(ours, theirs), ahead(theirs, ours)) {
            (true, _) => Self::Won,
            (_, true) => Self::Lost,
            _ => Self::Even,
        }
    }

    pub fn word(self) -> &'static str {
        match self {
            Self::Won => "won",
            Self::Lost => "lost",
            Self::Even => "even",
        }
    }
}

/// Whether the median is at the goal.
pub fn reached(ours: Spread, goal: f64, better: Better) -> bool {
    match better {
        Better::Less => ours.median <= goal,
        Better::More => ours.median >= goal,
    }
}

/// 95 % of the values are not farther from 0 than this.
pub fn off_zero(values: &[f64]) -> f64 {
    percentile(&values.iter().map(|value| value.abs()).collect::<Vec<_>>(), 0.95)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spread(values: &[f64]) -> Spread {
        Spread::of(values).expect("there are some")
    }

    #[test]
    fn a_spread_is_median_and_range() {
        assert_eq!(spread(&[3.0, 1.0, 2.0]), Spread { median: 2.0, least: 1.0, most: 3.0 });
        assert_eq!(spread(&[4.0, 1.0, 2.0, f64::NAN, 3.0]).median, 2.5);
        assert_eq!(spread(&[1.0, f64::INFINITY, f64::INFINITY, f64::INFINITY]).median, f64::INFINITY);
        assert_eq!(Spread::of(&[f64::NAN]), None);
        assert_eq!(spread(&[1.24, 1.0, 3.0]).words(1), "1.2 (1.0–3.0)");
        assert_eq!(spread(&[2.0, 2.01]).words(1), "2.0");
        assert_eq!(spread(&[2.0, 3.0, f64::INFINITY]).words(0), "3 (2–never)");
    }

    #[test]
    fn won_and_lost_are_without_overlap() {
        let (low, middle, high) = (spread(&[1.0, 2.0]), spread(&[1.5, 3.0]), spread(&[3.5, 4.0]));
        assert_eq!(Verdict::between(low, high, Better::Less), Verdict::Won);
        assert_eq!(Verdict::between(low, high, Better::More), Verdict::Lost);
        assert_eq!(Verdict::between(high, middle, Better::More), Verdict::Won);
        assert_eq!(Verdict::between(low, middle, Better::Less), Verdict::Even);
        // Both at nothing at all, as with freezes.
        assert_eq!(Verdict::between(spread(&[0.0]), spread(&[0.0]), Better::Less), Verdict::Even);
    }

    #[test]
    fn a_goal_is_reached_at_the_median() {
        assert!(reached(spread(&[10.0, 30.0, 90.0]), 30.0, Better::Less));
        assert!(!reached(spread(&[10.0, 30.0, 90.0]), 31.0, Better::More));
        assert_eq!(off_zero(&[-50.0, 10.0]), 50.0);
    }
}
