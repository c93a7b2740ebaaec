//! `Verdict`: what is held of a subject after several looks, and how one look changes it.

use std::net::IpAddr;

use super::finding::{Class, Finding};
use super::subject::Subject;
use super::truth::Digest;

/// What can be shown for a finding.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// When, seconds since 1970.
    pub at: u64,
    /// Address that was connected to.
    pub address: Option<IpAddr>,
    /// Status of the answer.
    pub status: Option<u16>,
    /// Bytes of the body that were read.
    pub bytes: u64,
    /// SHA-256 of the body, when it was read whole.
    pub sha256: Option<Digest>,
    /// Time from the first packet to the last byte, milliseconds.
    pub millis: u32,
    /// What else there is to say: a redirect's target, the certificate's fault, the file that is missing. At most
    /// `NOTE_BYTES_MAX` bytes, no control characters (`Evidence::note`).
    pub note: String,
}

impl Evidence {
    /// Longest note, bytes.
    pub const NOTE_BYTES_MAX: usize = 200;

    /// A note of what somebody else wrote: control characters become spaces, and it ends before it is too long.
    pub fn note(text: &str) -> String {
        let mut note = String::new();
        for letter in text.trim().chars() {
            let letter = if letter.is_control() { ' ' } else { letter };
            if note.len() + letter.len_utf8() > Evidence::NOTE_BYTES_MAX {
                break;
            }
            note.push(letter);
        }
        note.truncate(note.trim_end().len());
        note
    }

    /// Whether the note is one that `Evidence::note` would leave alone.
    fn is_clean(&self) -> bool {
        self.note.len() <= Evidence::NOTE_BYTES_MAX && !self.note.chars().any(char::is_control)
    }
}

/// What one look at a subject found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    /// Of what.
    pub subject: Subject,
    /// What.
    pub finding: Finding,
    /// Shown by.
    pub evidence: Evidence,
}

/// Whether lists may name a mirror for a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Standing {
    /// In the lists.
    In,
    /// In the lists while nothing better is there: it is behind, but not for too long.
    Late,
    /// Out of the lists.
    Out,
}

impl Standing {
    /// All, best first.
    pub const ALL: [Standing; 3] = [Standing::In, Standing::Late, Standing::Out];

    /// A short name for logs and the state: `in`, `late`, `out`.
    pub fn name(self) -> &'static str {
        match self {
            Standing::In => "in",
            Standing::Late => "late",
            Standing::Out => "out",
        }
    }

    /// The standing with this name.
    pub fn named(name: &str) -> Option<Standing> {
        Standing::ALL.into_iter().find(|standing| standing.name() == name)
    }
}

/// How many looks it takes to leave the lists, and to come back. 1 and 1: every look decides.
///
/// Numbers out of range are taken as the nearest that makes sense: a window of 1 to 16 looks, `leave_after` at most the
/// window, `return_after` at most 16, each at least 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damping {
    /// Failures among the last `window` looks after which a mirror leaves.
    pub leave_after: u8,
    /// Looks that are remembered, at most 16.
    pub window: u8,
    /// Good looks in a row after which it comes back.
    pub return_after: u8,
    /// How long a mirror that is behind may stay, seconds since it was first seen behind.
    pub behind_seconds_max: u64,
}

impl Default for Damping {
    /// The original's rule (every look decides), and a day for mirrors that are behind.
    fn default() -> Damping {
        Damping { leave_after: 1, window: 1, return_after: 1, behind_seconds_max: 86_400 }
    }
}

/// What is held of a subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether lists may name it.
    pub standing: Standing,
    /// Since when it stands so, seconds since 1970.
    pub since: u64,
    /// What the last look found.
    pub finding: Finding,
    /// Shown by.
    pub evidence: Evidence,
    /// The last looks, newest in the lowest bit: 1 for good or behind, 0 for a failure.
    pub looks: u16,
    /// How many of them there were, at most 16.
    pub look_count: u8,
    /// Since when it is behind, seconds since 1970; 0 when it is not. Failures in between do not end it: only the
    /// master's current generation does.
    pub behind_since: u64,
}

/// Looks that a verdict remembers: the bits of `looks`.
const LOOKS_MAX: u8 = u16::BITS as u8;

impl Verdict {
    /// The verdict after another look; `before`: none when nobody had looked. A finding of class `Unknown` changes
    /// nothing.
    ///
    /// The first look decides by itself. Later a mirror leaves at a failure that is at least the `leave_after`th among
    /// the last `window` looks, and comes back at a look that is at least the `return_after`th in a row without
    /// failure. To be behind is no failure before `behind_seconds_max` have passed since the mirror was first seen so.
    pub fn after(before: Option<&Verdict>, observation: &Observation, damping: &Damping) -> Option<Verdict> {
        let class = observation.finding.class();
        let now = observation.evidence.at;
        // A time in the future is from a clock that was wrong; it must not excuse the mirror until then.
        let behind_before = before.map(|verdict| verdict.behind_since).filter(|&since| since != 0);
        let behind_since = match class {
            Class::Unknown => return before.cloned(),
            Class::Good => 0,
            Class::Behind => behind_before.map_or(now, |since| since.min(now)),
            Class::Bad | Class::Silent => behind_before.unwrap_or(0),
        };
        let usable = match class {
            Class::Good => Some(Standing::In),
            Class::Behind if now - behind_since < damping.behind_seconds_max => Some(Standing::Late),
            _ => None,
        };
        let looks = before.map_or(0, |verdict| verdict.looks) << 1 | u16::from(usable.is_some());
        let look_count = before.map_or(0, |verdict| verdict.look_count).saturating_add(1).min(LOOKS_MAX);
        let standing = match (before.map(|verdict| verdict.standing), usable) {
            (None, _) => usable.unwrap_or(Standing::Out),
            (Some(Standing::Out), Some(back)) if damping.lets_back(looks, look_count) => back,
            (Some(Standing::Out), _) => Standing::Out,
            (Some(_), Some(stays)) => stays,
            (Some(_), None) if damping.sends_out(looks, look_count) => Standing::Out,
            (Some(listed), None) => listed,
        };
        let since = before.filter(|verdict| verdict.standing == standing).map_or(now, |verdict| verdict.since);
        let mut evidence = observation.evidence.clone();
        if !evidence.is_clean() {
            evidence.note = Evidence::note(&evidence.note);
        }
        Some(Verdict { standing, since, finding: observation.finding, evidence, looks, look_count, behind_since })
    }
}

impl Damping {
    /// Whether a mirror that is listed leaves; the last of `looks` is a failure.
    fn sends_out(&self, looks: u16, look_count: u8) -> bool {
        let window = self.window.clamp(1, LOOKS_MAX);
        let leave_after = self.leave_after.clamp(1, window);
        let seen = u16::MAX >> (LOOKS_MAX - window.min(look_count));
        (!looks & seen).count_ones() >= u32::from(leave_after)
    }

    /// Whether a mirror that is out comes back; the last of `looks` is none.
    fn lets_back(&self, looks: u16, look_count: u8) -> bool {
        let in_a_row = looks.trailing_ones().min(u32::from(look_count));
        in_a_row >= u32::from(self.return_after.clamp(1, LOOKS_MAX))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::net::{Family, Protocol};
    use crate::verdicts::{MirrorId, RepoId};

    fn look(finding: Finding, at: u64) -> Observation {
        let subject = Subject { mirror: MirrorId(1), repo: RepoId(2), family: Family::Ipv6, protocol: Protocol::Https };
        Observation { subject, finding, evidence: Evidence { at, ..Evidence::default() } }
    }

    /// What is held after `looks`, one an hour.
    fn play(looks: &[Finding], damping: &Damping) -> Vec<Standing> {
        let mut verdict: Option<Verdict> = None;
        let mut standings = Vec::new();
        for (hour, &finding) in looks.iter().enumerate() {
            verdict = Verdict::after(verdict.as_ref(), &look(finding, 1_000 + 3_600 * hour as u64), damping);
            standings.extend(verdict.as_ref().map(|verdict| verdict.standing));
        }
        standings
    }

    const GOOD: Finding = Finding::Same;
    const LATE: Finding = Finding::Behind;
    const FAIL: Finding = Finding::TimedOut;

    #[test]
    fn by_default_every_look_decides() {
        let standings = play(&[FAIL, GOOD, LATE, Finding::Missing, LATE, GOOD], &Damping::default());
        use Standing::*;
        assert_eq!(standings, [Out, In, Late, Out, Late, In]);
    }

    #[test]
    fn flapping_is_damped() {
        let damping = Damping { leave_after: 2, window: 3, return_after: 2, ..Damping::default() };
        use Standing::*;
        // One failure now and then changes nothing; two among three do, though they are not in a row.
        assert_eq!(play(&[GOOD, FAIL, GOOD, GOOD, FAIL, GOOD], &damping), [In; 6]);
        assert_eq!(play(&[GOOD, FAIL, GOOD, FAIL, GOOD, FAIL, GOOD], &damping), [In, In, In, Out, Out, Out, Out]);
        assert_eq!(play(&[FAIL, GOOD, GOOD, GOOD], &damping), [Out, Out, In, In], "old failures do not send it out");
        assert_eq!(play(&[FAIL, LATE, GOOD], &damping), [Out, Out, In]);
        assert_eq!(play(&[FAIL, GOOD, LATE], &damping), [Out, Out, Late]);
        assert_eq!(play(&[LATE, FAIL, GOOD], &damping), [Late, Late, In], "a damped failure leaves it as it was");
    }

    #[test]
    fn behind_is_excused_for_a_while() {
        let damping = Damping { behind_seconds_max: 2 * 3_600, ..Damping::default() };
        use Standing::*;
        assert_eq!(play(&[GOOD, LATE, LATE, LATE, LATE], &damping), [In, Late, Late, Out, Out]);
        assert_eq!(play(&[LATE, FAIL, LATE, LATE, GOOD, LATE], &damping), [Late, Out, Out, Out, In, Late]);
        let never = Damping { behind_seconds_max: 0, ..damping };
        assert_eq!(play(&[LATE, GOOD, LATE], &never), [Out, In, Out]);
        // First seen behind by a clock that was a year ahead: it counts from now.
        let ahead = Verdict::after(None, &look(LATE, 40_000_000), &damping).unwrap();
        let now = Verdict::after(Some(&ahead), &look(LATE, 10_000_000), &damping).unwrap();
        assert_eq!((now.standing, now.behind_since), (Late, 10_000_000));
    }

    #[test]
    fn nobody_looked_so_nothing_changes() {
        let damping = Damping::default();
        assert_eq!(Verdict::after(None, &look(Finding::Discarded, 5), &damping), None);
        let before = Verdict::after(None, &look(GOOD, 5), &damping);
        assert_eq!(Verdict::after(before.as_ref(), &look(Finding::Discarded, 9), &damping), before);
    }

    #[test]
    fn notes_are_short_and_of_one_line() {
        assert_eq!(Evidence::note(" a\nb\u{1b}[31m\0 "), "a b [31m");
        let long = Evidence::note(&"ä".repeat(300));
        assert_eq!((long.len(), long.chars().count()), (200, 100));
        let mut observation = look(FAIL, 1);
        observation.evidence.note = "x\r\ny".repeat(100);
        let verdict = Verdict::after(None, &observation, &Damping::default()).unwrap();
        assert!(verdict.evidence.is_clean() && verdict.evidence.note.starts_with("x  y"));
    }

    fn any_damping() -> impl Strategy<Value = Damping> {
        (any::<u8>(), any::<u8>(), any::<u8>(), 0_u64..20).prop_map(|(leave, window, back, behind)| Damping {
            // Mostly in range, now and then far out of it.
            leave_after: if leave > 250 { leave } else { leave % 5 },
            window: if window > 250 { window } else { window % 18 },
            return_after: if back > 250 { back } else { back % 5 },
            behind_seconds_max: behind,
        })
    }

    fn any_looks() -> impl Strategy<Value = Vec<(Finding, u64)>> {
        let finding = prop_oneof![
            3 => Just(GOOD),
            2 => Just(LATE),
            3 => Just(FAIL),
            3 => (0..Finding::COUNT).prop_map(|at| Finding::all().nth(at).unwrap()),
        ];
        proptest::collection::vec((finding, 0_u64..6), 1..60)
    }

    proptest! {
        /// The rules as the documentation has them, held against all looks since the first.
        #[test]
        fn the_rules_hold(damping in any_damping(), looks in any_looks()) {
            let window = usize::from(damping.window).clamp(1, 16);
            let leave_after = usize::from(damping.leave_after).clamp(1, window);
            let return_after = usize::from(damping.return_after).clamp(1, 16);
            let mut now = 1_000_000;
            let mut usable: Vec<bool> = Vec::new();
            let mut behind_since = None;
            let mut before: Option<Verdict> = None;
            for (finding, wait) in looks {
                now += wait;
                let after = Verdict::after(before.as_ref(), &look(finding, now), &damping);
                let class = finding.class();
                if class == Class::Unknown {
                    prop_assert_eq!(&after, &before);
                    continue;
                }
                let after = after.unwrap();
                match class {
                    Class::Good => behind_since = None,
                    Class::Behind => behind_since = behind_since.or(Some(now)),
                    _ => {}
                }
                let excused = behind_since.is_some_and(|since| now - since < damping.behind_seconds_max);
                usable.push(class == Class::Good || class == Class::Behind && excused);
                let failures = usable.iter().rev().take(window).filter(|&&usable| !usable).count();
                let in_a_row = usable.iter().rev().take_while(|&&usable| usable).count();
                let best = if class == Class::Good { Standing::In } else { Standing::Late };
                let failed = in_a_row == 0;
                let expected = match before.as_ref().map(|verdict| verdict.standing) {
                    None if failed => Standing::Out,
                    None => best,
                    Some(Standing::Out) if in_a_row >= return_after => best,
                    Some(Standing::Out) => Standing::Out,
                    Some(_) if failed && failures >= leave_after => Standing::Out,
                    Some(listed) if failed => listed,
                    Some(_) => best,
                };
                prop_assert_eq!(after.standing, expected);
                prop_assert_eq!(after.finding, finding);
                prop_assert_eq!(after.evidence.at, now);
                prop_assert_eq!(after.behind_since, behind_since.unwrap_or(0));
                prop_assert_eq!(usize::from(after.look_count), usable.len().min(16));
                let stood = before.as_ref().filter(|verdict| verdict.standing == expected);
                prop_assert_eq!(after.since, stood.map_or(now, |verdict| verdict.since));
                before = Some(after);
            }
        }

        /// Bits and counts that no looks of ours made, as a damaged state may hold them.
        #[test]
        fn nothing_panics(
            damping in any_damping(), looks: u16, look_count: u8, since: u64, behind_since: u64, at: u64,
            number in 0..Finding::COUNT,
        ) {
            let finding = Finding::all().nth(number).unwrap();
            for standing in Standing::ALL {
                let evidence = Evidence::default();
                let before = Verdict { standing, since, finding: FAIL, evidence, looks, look_count, behind_since };
                let after = Verdict::after(Some(&before), &look(finding, at), &damping).unwrap();
                prop_assert!(after.look_count <= 16.max(look_count));
            }
        }
    }
}
