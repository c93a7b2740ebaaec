//! `MirrorSet`: some of the mirrors of an inventory, by position. A bit each: there are sets for every repo.

/// A mirror, by its position in the inventory.
pub type Position = usize;

/// Some of the mirrors of an inventory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct MirrorSet {
    /// 64 mirrors a word; the last word is never 0, so that equal sets are equal words.
    words: Vec<u64>,
}

impl MirrorSet {
    /// Adds a mirror.
    pub fn insert(&mut self, position: Position) {
        if self.words.len() <= position / 64 {
            self.words.resize(position / 64 + 1, 0);
        }
        self.words[position / 64] |= 1 << (position % 64);
    }

    /// Whether a mirror is in it.
    pub fn contains(&self, position: Position) -> bool {
        self.words.get(position / 64).is_some_and(|word| word >> (position % 64) & 1 == 1)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// All of them, rising.
    pub fn iter(&self) -> impl Iterator<Item = Position> + '_ {
        (0..self.words.len() * 64).filter(|&position| self.contains(position))
    }

    /// Those in this or the other.
    pub fn or(&self, other: &MirrorSet) -> MirrorSet {
        let count = self.words.len().max(other.words.len());
        let word = |set: &MirrorSet, at: usize| set.words.get(at).copied().unwrap_or_default();
        MirrorSet { words: (0..count).map(|at| word(self, at) | word(other, at)).collect() }
    }

    /// Those in this and the other.
    pub fn and(&self, other: &MirrorSet) -> MirrorSet {
        MirrorSet::trimmed(self.words.iter().zip(&other.words).map(|(a, b)| a & b).collect())
    }

    /// Those in this and not in the other.
    pub fn without(&self, other: &MirrorSet) -> MirrorSet {
        let others = other.words.iter().copied().chain(std::iter::repeat(0));
        MirrorSet::trimmed(self.words.iter().zip(others).map(|(a, b)| a & !b).collect())
    }

    fn trimmed(mut words: Vec<u64>) -> MirrorSet {
        let used = words.iter().rposition(|&word| word != 0).map_or(0, |at| at + 1);
        words.truncate(used);
        MirrorSet { words }
    }
}

impl FromIterator<Position> for MirrorSet {
    fn from_iter<I: IntoIterator<Item = Position>>(positions: I) -> MirrorSet {
        let mut set = MirrorSet::default();
        positions.into_iter().for_each(|position| set.insert(position));
        set
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn sets_are_sets(a in prop::collection::btree_set(0usize..300, 0..20),
                         b in prop::collection::btree_set(0usize..300, 0..20)) {
            let [x, y]: [MirrorSet; 2] = [&a, &b].map(|set| set.iter().copied().collect());
            let same = |set: MirrorSet, expected: BTreeSet<usize>| {
                set.iter().eq(expected.iter().copied())
                    && set.len() == expected.len()
                    && set.is_empty() == expected.is_empty()
                    && set == expected.into_iter().collect()
            };
            prop_assert!(same(x.clone(), a.clone()));
            prop_assert!(same(x.or(&y), &a | &b) && same(x.and(&y), &a & &b) && same(x.without(&y), &a - &b));
        }
    }
}
