//! At whose end it is: the findings of all peers side by side.
//!
//! With one peer nobody can tell the far end of our download from the near one, and it is said so; what our upload loses is
//! taken for ours, as theirs is by them. With several, what the same way of all of them suffers from is ours.

use std::mem::discriminant;

use super::{Finding, Found};
use crate::model::quality::{Cause, Quality, Side, Trouble, Verdict, Way};

/// A verdict for each of these peers, in their order.
pub fn verdicts(findings: &[Finding]) -> Vec<Verdict> {
    findings.iter().map(|finding| verdict(finding, findings)).collect()
}

fn verdict(of: &Finding, all: &[Finding]) -> Verdict {
    let quality = |found: Option<Found>| found.map_or(Quality::Good, |found| found.quality);
    let both = quality(of.both);
    let (up, down) = (quality(of.up).max(both), quality(of.down).max(both));
    let ways = [(Way::Up, of.up), (Way::Down, of.down), (Way::Both, of.both)];
    let mut worst: Option<(Way, Found)> = None;
    for (way, found) in ways {
        let Some(found) = found else { continue };
        let rank = |found: &Found| (found.quality, !is_machine(found.cause));
        if worst.is_none_or(|(_, worst)| rank(&found) > rank(&worst)) {
            worst = Some((way, found));
        }
    }
    let trouble = worst.map(|(way, found)| {
        let (way, cause) = together(of).filter(|_| way != Way::Both).unwrap_or((way, found.cause));
        let alone = match way {
            Way::Up => down == Quality::Good,
            Way::Down => up == Quality::Good,
            Way::Both => false,
        };
        Trouble { cause, way, side: side(way, cause, all), alone }
    });
    Verdict { up, down, trouble }
}

/// The same on both ways is one thing.
fn together(of: &Finding) -> Option<(Way, Cause)> {
    match (of.up?.cause, of.down?.cause) {
        (Cause::Loss { percent: up }, Cause::Loss { percent: down }) => {
            Some((Way::Both, Cause::Loss { percent: up.max(down) }))
        }
        (Cause::Jitter { ms: up }, Cause::Jitter { ms: down }) => Some((Way::Both, Cause::Jitter { ms: up.max(down) })),
        _ => None,
    }
}

fn is_machine(cause: Cause) -> bool {
    matches!(cause, Cause::Busy { .. } | Cause::Behind | Cause::Camera { .. })
}

fn side(way: Way, cause: Cause, all: &[Finding]) -> Side {
    if cause == Cause::Behind {
        return Side::Yours;
    }
    // Who sends knows.
    if is_machine(cause) || matches!(cause, Cause::Shared { .. }) {
        return if way == Way::Up { Side::Yours } else { Side::Theirs };
    }
    let has = |found: Option<Found>| found.is_some_and(|found| discriminant(&found.cause) == discriminant(&cause));
    let suffers = |of: &Finding| match way {
        Way::Up => has(of.up),
        Way::Down => has(of.down),
        Way::Both => has(of.both) || (has(of.up) && has(of.down)),
    };
    match (all.len(), way) {
        (0 | 1, Way::Up) => Side::Yours,
        (0 | 1, _) => Side::Either,
        _ if all.iter().all(suffers) => Side::Yours,
        _ => Side::Theirs,
    }
}
