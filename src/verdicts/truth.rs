//! `Truth`: the generations of a repo that its master has shown.

/// SHA-256 of a file.
pub type Digest = [u8; 32];

/// One state of a repo's `repomd.xml` (or ostree `summary`) that the master has shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// SHA-256 of the whole file.
    pub sha256: Digest,
    /// SHA-512 of the whole file, for metalinks.
    pub sha512: [u8; 64],
    /// Length of the file, bytes.
    pub bytes: u64,
    /// The first `<timestamp>` in it, seconds since 1970; for metalinks. 0 for an ostree summary.
    pub timestamp: u64,
    /// When the master was first seen with it, seconds since 1970.
    pub first_seen: u64,
    /// When it was last seen there.
    pub last_seen: u64,
}

/// What the master of a repo has shown: the current generation first, then older ones, at most `KEPT_MAX`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Truth {
    /// Newest first. Empty when the master has never answered.
    pub shown: Vec<Shown>,
    /// When the master last answered, seconds since 1970; 0 for never.
    pub answered: u64,
    /// Since when the current generation is the current one, seconds since 1970; 0 for never. Later than its
    /// `first_seen` when the master has gone back to it. What was seen of mirrors before this was held against another
    /// generation.
    pub changed: u64,
}

/// What became of a truth when its master answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Showing {
    /// The master answered for the first time.
    First,
    /// It has what it had.
    Same,
    /// It has something it never had before.
    New,
    /// It went back to a generation that it had before.
    Back,
}

impl Showing {
    /// Whether verdicts of the repo are to be made anew: they were held against another generation.
    pub fn invalidates(self) -> bool {
        self != Showing::Same
    }
}

impl Truth {
    /// Generations remembered.
    pub const KEPT_MAX: usize = 5;

    /// Takes down what the master shows at `now`, seconds since 1970. Times in `shown` do not count.
    ///
    /// A generation that is known keeps the time it was first seen; the least recently current one is forgotten when
    /// there are more than `KEPT_MAX`.
    pub fn show(&mut self, shown: Shown, now: u64) -> Showing {
        self.answered = now;
        let turn = match self.find(&shown.sha256).map(|(age, _)| age) {
            Some(0) => Showing::Same,
            Some(age) => {
                self.shown[..=age].rotate_right(1);
                Showing::Back
            }
            None => {
                let turn = if self.shown.is_empty() { Showing::First } else { Showing::New };
                self.shown.insert(0, Shown { first_seen: now, ..shown });
                self.shown.truncate(Truth::KEPT_MAX);
                turn
            }
        };
        if let Some(current) = self.shown.first_mut() {
            current.last_seen = now;
        }
        if turn.invalidates() {
            self.changed = now;
        }
        turn
    }

    /// What the master has now, as far as is known.
    pub fn current(&self) -> Option<&Shown> {
        self.shown.first()
    }

    /// The generation with this digest, and how many newer ones there are.
    pub fn find(&self, sha256: &Digest) -> Option<(usize, &Shown)> {
        self.shown.iter().enumerate().find(|(_, shown)| shown.sha256 == *sha256)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(number: u8) -> Shown {
        Shown {
            sha256: [number; 32],
            sha512: [number; 64],
            bytes: 3_000 + u64::from(number),
            timestamp: 1_000 + u64::from(number),
            first_seen: 77,
            last_seen: 77,
        }
    }

    fn order(truth: &Truth) -> Vec<u8> {
        truth.shown.iter().map(|one| one.sha256[0]).collect()
    }

    #[test]
    fn generations_come_stay_and_come_back() {
        let mut truth = Truth::default();
        assert!(truth.current().is_none());
        assert_eq!(truth.show(shown(1), 100), Showing::First);
        assert_eq!(truth.show(shown(1), 200), Showing::Same);
        assert_eq!((truth.changed, truth.answered), (100, 200));
        assert_eq!(truth.show(shown(2), 300), Showing::New);
        assert_eq!(truth.show(shown(3), 400), Showing::New);
        assert_eq!(order(&truth), [3, 2, 1]);
        assert_eq!(truth.find(&[1; 32]), Some((2, &Shown { first_seen: 100, last_seen: 200, ..shown(1) })));
        assert_eq!(truth.show(shown(1), 500), Showing::Back);
        assert_eq!(order(&truth), [1, 3, 2], "what it went back to is current, the rest keeps its order");
        assert_eq!(truth.current(), Some(&Shown { first_seen: 100, last_seen: 500, ..shown(1) }));
        assert_eq!((truth.changed, truth.answered), (500, 500));
    }

    proptest! {
        #[test]
        fn whatever_a_master_shows(looks in proptest::collection::vec((0_u8..8, 0_u64..100), 1..60)) {
            let mut truth = Truth::default();
            let mut again = Truth::default();
            for &(number, now) in &looks {
                let before = order(&truth);
                let turn = truth.show(shown(number), now);
                prop_assert_eq!(again.show(shown(number), now), turn);
                let after = order(&truth);
                prop_assert_eq!(after[0], number);
                prop_assert_eq!(turn.invalidates(), before.first() != Some(&number));
                prop_assert_eq!(turn == Showing::Back, before.iter().skip(1).any(|&one| one == number));
                prop_assert!(after.len() <= Truth::KEPT_MAX);
                let mut others: Vec<u8> = before.into_iter().filter(|&one| one != number).collect();
                others.truncate(Truth::KEPT_MAX - 1);
                prop_assert_eq!(&after[1..], &others[..], "the others keep their order");
                prop_assert_eq!((truth.answered, truth.shown[0].last_seen), (now, now));
            }
            prop_assert_eq!(truth, again);
        }
    }
}
