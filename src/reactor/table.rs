//! `Table`: the connections by number, and for each limit in the order in which their waits began.
//!
//! One limit has one duration, so in each order only the first can be the next to expire: no timer wheel, no heap.

use mio::Token;

use super::limits::Limit;

/// One entry of the table during one use: the number is used again, the generation is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key {
    index: u32,
    generation: u32,
}

// A key fits into a token.
const _: () = assert!(usize::BITS == 64);

impl Key {
    pub fn token(self) -> Token {
        Token((self.generation as usize) << 32 | self.index as usize)
    }

    /// `None` for tokens that no key has: all below 2^32.
    pub fn of_token(token: Token) -> Option<Key> {
        let key = Key { index: token.0 as u32, generation: (token.0 >> 32) as u32 };
        (key.generation > 0).then_some(key)
    }
}

/// No entry.
const NONE: u32 = u32::MAX;

#[derive(Debug)]
pub(super) struct Table<T> {
    entries: Vec<Entry<T>>,
    /// The first of the free entries, which are chained by `next`.
    free: u32,
    len: usize,
    queues: [Queue; Limit::COUNT],
}

#[derive(Clone, Copy, Debug)]
struct Queue {
    first: u32,
    last: u32,
}

/// An entry, used or free.
#[derive(Debug)]
pub(super) struct Entry<T> {
    value: Option<T>,
    since_ms: u64,
    /// Of this use, or of the last. Never 0.
    generation: u32,
    previous: u32,
    next: u32,
    limit: Limit,
}

impl<T> Table<T> {
    /// Room for so many, reserved at once; the kernel gives the memory only as it is used.
    pub fn new(count_max: usize) -> Table<T> {
        let queues = [Queue { first: NONE, last: NONE }; Limit::COUNT];
        Table { entries: Vec::with_capacity(count_max.min(NONE as usize)), free: NONE, len: 0, queues }
    }

    pub fn len(&self) -> usize {
        self.len
    }

    /// Puts a value in, waiting under `limit` from now on.
    pub fn insert(&mut self, value: T, limit: Limit, now_ms: u64) -> Key {
        let index = match self.free {
            NONE => {
                debug_assert!(self.entries.len() < NONE as usize, "the loop limits their count far below that");
                self.entries.push(Entry { value: None, since_ms: 0, generation: 0, previous: NONE, next: NONE, limit });
                self.entries.len() as u32 - 1
            }
            index => {
                self.free = self.entries[index as usize].next;
                index
            }
        };
        let entry = &mut self.entries[index as usize];
        entry.value = Some(value);
        entry.generation = entry.generation.checked_add(1).unwrap_or(1);
        let key = Key { index, generation: entry.generation };
        self.len += 1;
        self.append(index, limit, now_ms);
        key
    }

    pub fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        let entry = self.entries.get_mut(key.index as usize)?;
        if entry.generation == key.generation { entry.value.as_mut() } else { None }
    }

    pub fn remove(&mut self, key: Key) -> Option<T> {
        let entry = self.entries.get_mut(key.index as usize)?;
        if entry.generation != key.generation {
            return None;
        }
        let value = entry.value.take()?;
        self.unlink(key.index);
        self.entries[key.index as usize].next = self.free;
        self.free = key.index;
        self.len -= 1;
        Some(value)
    }

    /// The limit it waits under.
    pub fn limit(&self, key: Key) -> Option<Limit> {
        let entry = self.entries.get(key.index as usize)?;
        (entry.generation == key.generation && entry.value.is_some()).then_some(entry.limit)
    }

    /// A new wait begins. `now_ms` never goes back.
    pub fn wait(&mut self, key: Key, limit: Limit, now_ms: u64) {
        if self.limit(key).is_some() {
            self.unlink(key.index);
            self.append(key.index, limit, now_ms);
        }
    }

    /// Who waits for longest under `limit`, and since when.
    pub fn first(&self, limit: Limit) -> Option<(Key, u64)> {
        let index = self.queues[limit as usize].first;
        let entry = self.entries.get(index as usize)?;
        Some((Key { index, generation: entry.generation }, entry.since_ms))
    }

    /// Everybody who waits under `limit`, longest first.
    pub fn waiting(&self, limit: Limit) -> impl Iterator<Item = Key> {
        let mut index = self.queues[limit as usize].first;
        std::iter::from_fn(move || {
            let entry = self.entries.get(index as usize)?;
            let key = Key { index, generation: entry.generation };
            index = entry.next;
            Some(key)
        })
    }

    fn append(&mut self, index: u32, limit: Limit, now_ms: u64) {
        let queue = &mut self.queues[limit as usize];
        let last = std::mem::replace(&mut queue.last, index);
        if last == NONE {
            queue.first = index;
        } else {
            self.entries[last as usize].next = index;
        }
        let entry = &mut self.entries[index as usize];
        (entry.previous, entry.next, entry.limit, entry.since_ms) = (last, NONE, limit, now_ms);
    }

    fn unlink(&mut self, index: u32) {
        let Entry { previous, next, limit, .. } = self.entries[index as usize];
        let queue = &mut self.queues[limit as usize];
        match previous {
            NONE => queue.first = next,
            previous => self.entries[previous as usize].next = next,
        }
        match next {
            NONE => self.queues[limit as usize].last = previous,
            next => self.entries[next as usize].previous = previous,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_key_finds_nothing() {
        let mut table = Table::new(2);
        let old = table.insert('a', Limit::Idle, 1);
        assert_eq!(Key::of_token(old.token()), Some(old));
        assert_eq!(table.remove(old), Some('a'));
        let new = table.insert('b', Limit::Idle, 2);
        assert_eq!((new.index, table.len()), (old.index, 1));
        assert_eq!(table.get_mut(old), None);
        assert_eq!((table.remove(old), table.limit(old)), (None, None));
        table.wait(old, Limit::Head, 3);
        assert_eq!(table.get_mut(new), Some(&mut 'b'));
        assert_eq!(table.first(Limit::Idle), Some((new, 2)));
        assert_eq!(Key::of_token(Token(7)), None);
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig { failure_persistence: None, ..Default::default() })]

        /// Against two plain lists: who is there, and in which order they wait.
        #[test]
        fn orders_hold(steps in proptest::collection::vec((0u8..4, 0usize..8, 0usize..Limit::COUNT), 0..200)) {
            let mut table = Table::new(0);
            let mut waits: Vec<(Key, Limit, usize)> = Vec::new();
            for (now, (step, at, limit)) in steps.into_iter().enumerate() {
                let limit = Limit::ALL[limit];
                match step {
                    0 | 1 => {
                        let key = table.insert(now, limit, now as u64);
                        waits.push((key, limit, now));
                    }
                    2 if at < waits.len() => {
                        let (key, _, value) = waits.remove(at);
                        assert_eq!(table.remove(key), Some(value));
                    }
                    3 if at < waits.len() => {
                        let (key, _, value) = waits.remove(at);
                        table.wait(key, limit, now as u64);
                        waits.push((key, limit, value));
                    }
                    _ => {}
                }
                assert_eq!(table.len(), waits.len());
                for limit in Limit::ALL {
                    let expected: Vec<Key> = waits.iter().filter(|wait| wait.1 == limit).map(|wait| wait.0).collect();
                    assert_eq!(table.waiting(limit).collect::<Vec<_>>(), expected);
                    assert_eq!(table.first(limit).map(|first| first.0), expected.first().copied());
                }
            }
        }
    }
}
