//! Whether a run is believed.
//!
//! When everybody is silent, it is we who are deaf: a dead resolver, a network that is down, a portal before it. Such a
//! run says nothing about mirrors. Each family is judged by itself: a machine without IPv6 says nothing about mirrors'
//! IPv6.
//!
//! Not here: how mirrors are asked again (`pass`), and whether those that should never fail do (`canaries`).

use std::collections::HashMap;

use super::look::Outcome;
use super::report::FamilyReport;
use super::targets::Targets;
use crate::net::Family;
use crate::verdicts::{Class, Finding, MirrorId};

/// Known good mirrors that it takes to draw conclusions from their silence.
const WITNESSES_MIN: u32 = 3;

/// What one mirror has shown over one family in a run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Shown {
    /// It answered something.
    pub answered: bool,
    /// It answered with metadata of some age.
    pub metadata: bool,
    /// It was silent at least once.
    pub silent: bool,
}

/// What all mirrors have shown over one family, by their number.
pub type Showing = HashMap<MirrorId, Shown>;

/// Sums up what outcomes show over a family.
pub fn showing<'a>(outcomes: impl Iterator<Item = &'a Outcome>, targets: &Targets, family: Family) -> Showing {
    let mut showing = Showing::new();
    for outcome in outcomes.filter(|outcome| outcome.family == family) {
        let Some(mirror) = targets.doors[outcome.task.door as usize].mirror else { continue };
        let shown = showing.entry(mirror).or_default();
        let silent = outcome.finding.class() == Class::Silent;
        shown.silent |= silent;
        shown.answered |= !silent;
        use Finding::*;
        // A portal has a size and a date for everything, and so something else for an image.
        shown.metadata |= match targets.is_image(outcome.task.repo) {
            true => outcome.finding == Same,
            false => matches!(outcome.finding, Same | Behind | Newer | Different | Inconsistent),
        };
    }
    showing
}

/// Judges a family by what its mirrors have shown, those that were known to be good, and whether the masters answered
/// as they should.
pub fn judge(showing: &Showing, known_good: impl Fn(MirrorId) -> bool, masters_answer: bool) -> FamilyReport {
    let count = |test: &dyn Fn(&Shown) -> bool| showing.values().filter(|shown| test(shown)).count() as u32;
    let mut report =
        FamilyReport { asked: showing.len() as u32, answered: count(&|shown| shown.answered), inconclusive: None };
    let witnesses: Vec<&Shown> =
        showing.iter().filter(|(mirror, _)| known_good(**mirror)).map(|(_, shown)| shown).collect();
    let known = witnesses.len() as u32;
    let silent = witnesses.iter().filter(|shown| !shown.answered).count() as u32;
    let metadata = witnesses.iter().filter(|shown| shown.metadata).count();
    report.inconclusive = if report.asked > 0 && report.answered == 0 {
        Some("no mirror answers".to_owned())
    } else if known >= WITNESSES_MIN && silent * 2 > known {
        Some(format!("{silent} of {known} mirrors that were good do not answer"))
    } else if known >= WITNESSES_MIN && metadata == 0 && !masters_answer {
        Some(format!("neither a master nor any of {known} mirrors that were good shows metadata"))
    } else {
        None
    };
    report
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(good: u32, page: u32, silent: u32, masters_answer: bool) -> Option<String> {
        let kinds = [(good, (true, true)), (page, (true, false)), (silent, (false, false))];
        let mut showing = Showing::new();
        for (count, (answered, metadata)) in kinds {
            for _ in 0..count {
                let shown = Shown { answered, metadata, silent: !answered };
                showing.insert(MirrorId(showing.len() as u32), shown);
            }
        }
        judge(&showing, |_| true, masters_answer).inconclusive
    }

    #[test]
    fn silence_of_all_is_our_own_deafness() {
        assert_eq!(report(10, 0, 0, true), None);
        assert_eq!(report(10, 0, 10, true), None);
        assert!(report(9, 0, 10, true).unwrap().contains("10 of 19"));
        assert!(report(0, 0, 1, true).unwrap().contains("no mirror"));
        assert!(report(0, 5, 0, false).unwrap().contains("neither"));
        assert_eq!(report(0, 5, 0, true), None, "the master answers: it is the mirrors that have pages");
        assert_eq!(report(1, 5, 0, false), None);
        assert_eq!(report(1, 0, 1, false), None, "too few to draw conclusions from");
        assert_eq!(report(0, 0, 0, true), None, "nobody was asked");
    }
}
