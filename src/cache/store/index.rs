//! `Index`: which objects there are, how large, and who has to go first.
//!
//! Lives here: space, and its order of eviction; which variants a key has. Not here: files, locks.
//!
//! Eviction is LFU with dynamic aging (LFUDA): an object's priority is how often it was used plus the age of the cache,
//! and the age is the priority of what was evicted last. What was popular long ago gives way to what is used now, and
//! objects that are used once, in a scan, give way to each other. M. Arlitt, L. Cherkasova, J. Dilley, R. Friedrich,
//! T. Jin: "Evaluating Content Management Techniques for Web Proxy Caches", 1999; Squid has it as `heap LFUDA`.
//!
//! A use only raises a number in the record. The queue holds priorities as they were, never higher than they are: what
//! comes out of it with an old one goes back with the one it has now.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::sync::Arc;

use super::entry::Entry;
use super::key::{Key, ObjectId};
use crate::cache::semantics::Variant;
use crate::http::Fields;

/// Most variants of one key; the oldest goes when another comes. Picked by feel.
const VARIANTS_MAX: usize = 32;

/// What is known of an object without reading its file. With its place in the queue it takes about 160 bytes.
#[derive(Debug)]
pub(super) struct Record {
    /// Another one whenever the object is another or has other metadata.
    pub stamp: u64,
    /// Its file, bytes, in whole blocks.
    pub file_bytes: u64,
    /// The entry, while it is kept open.
    pub open: Option<Arc<Entry>>,
    priority: u64,
    /// When it was used last: a number that rises with every use of anything.
    used_at: u64,
    use_count: u32,
    pin_count: u16,
    has_variant: bool,
    /// It was used since the last look at who may be closed.
    is_hot: bool,
    is_queued: bool,
}

/// Which objects there are.
#[derive(Debug, Default)]
pub(super) struct Index {
    records: HashMap<ObjectId, Record>,
    /// By what the ids of a key's variants have in common; the newest is last.
    variants: HashMap<u64, Vec<(ObjectId, Variant)>>,
    queue: BinaryHeap<Reverse<(u64, u64, ObjectId)>>,
    open: VecDeque<(ObjectId, u64)>,
    age: u64,
    clock: u64,
    object_bytes: u64,
    pinned_bytes: u64,
}

/// What was taken out of the index.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Removed {
    pub id: ObjectId,
    pub file_bytes: u64,
}

impl Index {
    /// Files of all objects, bytes.
    pub fn object_bytes(&self) -> u64 {
        self.object_bytes
    }

    /// Files of those that may not be evicted, bytes.
    pub fn pinned_bytes(&self) -> u64 {
        self.pinned_bytes
    }

    /// How many objects there are.
    pub fn object_count(&self) -> usize {
        self.records.len()
    }

    /// All of them, in no order.
    pub fn ids(&self) -> Vec<ObjectId> {
        self.records.keys().copied().collect()
    }

    /// How often each was used.
    pub fn uses(&self) -> impl Iterator<Item = (ObjectId, u32)> {
        self.records.iter().map(|(id, record)| (*id, record.use_count))
    }

    /// Takes over how often an object was used before. Its place in the queue is found when it comes up.
    pub fn set_use_count(&mut self, id: ObjectId, use_count: u32) {
        if let Some(record) = self.records.get_mut(&id) {
            record.use_count = record.use_count.max(use_count);
            record.priority = self.age + u64::from(record.use_count);
        }
    }

    pub fn get(&self, id: ObjectId) -> Option<&Record> {
        self.records.get(&id)
    }

    /// The object that would answer a request for a key, by what the index knows.
    pub fn select(&self, key: &Key, request: Fields<'_>) -> Option<ObjectId> {
        let plain = ObjectId::of(key, b"");
        if let Some(variants) = self.variants.get(&plain.of_key) {
            let found = variants.iter().rev().find(|(_, variant)| variant.matches(request));
            if let Some((id, _)) = found {
                return Some(*id);
            }
        }
        self.records.contains_key(&plain).then_some(plain)
    }

    /// All objects of a key.
    pub fn of_key(&self, key: &Key) -> Vec<ObjectId> {
        let plain = ObjectId::of(key, b"");
        let variants = self.variants.get(&plain.of_key).into_iter().flatten().map(|(id, _)| *id);
        variants.chain(self.records.contains_key(&plain).then_some(plain)).collect()
    }

    /// Puts an object in, in place of the one of the same id; what else it takes the place of comes back: a response
    /// that depends on nothing takes that of those that do, and the other way round.
    pub fn insert(&mut self, key: &Key, variant: &Variant, file_bytes: u64, stamp: u64) -> (ObjectId, Vec<Removed>) {
        let id = ObjectId::of(key, variant.as_bytes());
        let old = self.take(id);
        let (use_count, pin_count) = old.map_or((0, 0), |old| (old.use_count, old.pin_count));
        let variants = self.variants.get(&id.of_key).map_or(&[][..], Vec::as_slice);
        let superseded: Vec<ObjectId> = if variant.is_any() {
            variants.iter().map(|(id, _)| *id).collect()
        } else {
            let excess = (variants.len() + 1).saturating_sub(VARIANTS_MAX);
            let oldest = variants.iter().take(excess).map(|(id, _)| *id);
            oldest.chain([ObjectId::of(key, b"")]).collect()
        };
        let removed = superseded.into_iter().filter_map(|id| self.remove(id)).collect();
        self.clock += 1;
        let mut record = Record {
            stamp,
            file_bytes,
            open: None,
            priority: 0,
            used_at: self.clock,
            use_count: use_count.saturating_add(1),
            pin_count,
            has_variant: !variant.is_any(),
            is_hot: false,
            is_queued: pin_count == 0,
        };
        record.priority = self.age + u64::from(record.use_count);
        if record.is_queued {
            self.queue.push(Reverse((record.priority, record.used_at, id)));
        }
        if record.has_variant {
            self.variants.entry(id.of_key).or_default().push((id, variant.clone()));
        }
        self.object_bytes += file_bytes;
        self.pinned_bytes += if pin_count > 0 { file_bytes } else { 0 };
        self.records.insert(id, record);
        self.trim_queue();
        (id, removed)
    }

    /// Counts a use.
    pub fn touch(&mut self, id: ObjectId) {
        self.clock += 1;
        let (clock, age) = (self.clock, self.age);
        if let Some(record) = self.records.get_mut(&id) {
            record.use_count = record.use_count.saturating_add(1);
            record.priority = age + u64::from(record.use_count);
            record.used_at = clock;
            record.is_hot = true;
        }
    }

    /// Keeps an entry open, and closes others when there are more than `open_max`.
    pub fn keep_open(&mut self, id: ObjectId, entry: &Arc<Entry>, open_max: usize) {
        let Some(record) = self.records.get_mut(&id) else { return };
        record.open = Some(entry.clone());
        self.open.push_back((id, record.stamp));
        // Each has a second chance, so this ends after two rounds.
        while self.open.len() > open_max {
            let Some((id, stamp)) = self.open.pop_front() else { break };
            let Some(record) = self.records.get_mut(&id).filter(|record| record.stamp == stamp) else { continue };
            if std::mem::take(&mut record.is_hot) {
                self.open.push_back((id, stamp));
            } else {
                record.open = None;
            }
        }
    }

    /// The object has other metadata now.
    pub fn restamp(&mut self, id: ObjectId, stamp: u64) {
        if let Some(record) = self.records.get_mut(&id) {
            record.stamp = stamp;
            record.open = None;
        }
    }

    /// Takes an object out.
    pub fn remove(&mut self, id: ObjectId) -> Option<Removed> {
        self.take(id).map(|record| Removed { id, file_bytes: record.file_bytes })
    }

    fn take(&mut self, id: ObjectId) -> Option<Record> {
        let record = self.records.remove(&id)?;
        self.object_bytes -= record.file_bytes;
        self.pinned_bytes -= if record.pin_count > 0 { record.file_bytes } else { 0 };
        if record.has_variant
            && let Some(variants) = self.variants.get_mut(&id.of_key)
        {
            variants.retain(|(known, _)| *known != id);
            if variants.is_empty() {
                self.variants.remove(&id.of_key);
            }
        }
        Some(record)
    }

    /// Takes out the object with the lowest priority, of several the one that was not used for longest. Pinned ones are
    /// passed over. `None` when there is nothing left to evict.
    pub fn evict(&mut self) -> Option<Removed> {
        while let Some(Reverse((priority, used_at, id))) = self.queue.pop() {
            let Some(record) = self.records.get_mut(&id) else { continue };
            if !record.is_queued {
                continue;
            }
            if record.pin_count > 0 {
                record.is_queued = false;
                continue;
            }
            if (priority, used_at) != (record.priority, record.used_at) {
                self.queue.push(Reverse((record.priority, record.used_at, id)));
                continue;
            }
            self.age = self.age.max(priority);
            return self.remove(id);
        }
        None
    }

    /// Keeps an object from eviction; false when it is not there.
    pub fn pin(&mut self, id: ObjectId) -> bool {
        let Some(record) = self.records.get_mut(&id) else { return false };
        if record.pin_count == 0 {
            self.pinned_bytes += record.file_bytes;
        }
        record.pin_count = record.pin_count.saturating_add(1);
        true
    }

    /// Takes a pin back.
    pub fn unpin(&mut self, id: ObjectId) {
        let Some(record) = self.records.get_mut(&id).filter(|record| record.pin_count > 0) else { return };
        record.pin_count -= 1;
        if record.pin_count > 0 {
            return;
        }
        self.pinned_bytes -= record.file_bytes;
        if !record.is_queued {
            record.is_queued = true;
            self.queue.push(Reverse((record.priority, record.used_at, id)));
        }
    }

    /// Removed objects leave their places behind: too many of these are thrown out at once.
    fn trim_queue(&mut self) {
        if self.queue.len() > 2 * self.records.len() + 64 {
            let queued = self.records.iter().filter(|(_, record)| record.is_queued);
            self.queue = queued.map(|(id, record)| Reverse((record.priority, record.used_at, *id))).collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(number: u32) -> Key {
        Key::new(&format!("k{number}")).unwrap()
    }

    fn put(index: &mut Index, number: u32, file_bytes: u64) -> ObjectId {
        index.insert(&key(number), &Variant::default(), file_bytes, 0).0
    }

    /// The policy as it is defined, over a list.
    #[derive(Default)]
    struct Model {
        /// Key, priority, last use, uses, pins, bytes.
        records: Vec<(u32, u64, u64, u64, u16, u64)>,
        age: u64,
        clock: u64,
    }

    impl Model {
        fn touch(&mut self, number: u32) {
            self.clock += 1;
            let (age, clock) = (self.age, self.clock);
            if let Some(record) = self.records.iter_mut().find(|record| record.0 == number) {
                record.3 += 1;
                (record.1, record.2) = (age + record.3, clock);
            }
        }

        fn put(&mut self, number: u32, bytes: u64) {
            let at = self.records.iter().position(|record| record.0 == number);
            let (uses, pins) = at.map_or((0, 0), |at| {
                let old = self.records.remove(at);
                (old.3, old.4)
            });
            self.records.push((number, 0, 0, uses, pins, bytes));
            self.touch(number);
        }

        fn evict(&mut self) -> Option<u32> {
            let candidates = self.records.iter().filter(|record| record.4 == 0);
            let victim = *candidates.min_by_key(|record| (record.1, record.2))?;
            // An object that was pinned for long may be younger than the cache.
            self.age = self.age.max(victim.1);
            self.records.retain(|record| record.0 != victim.0);
            Some(victim.0)
        }
    }

    proptest! {
        #[test]
        fn eviction_is_that_of_the_model(steps in prop::collection::vec((0..7u8, 0..12u32), 1..400)) {
            let (mut index, mut model) = (Index::default(), Model::default());
            for (step, number) in steps {
                let id = ObjectId::of(&key(number), b"");
                match step {
                    0 | 1 => {
                        put(&mut index, number, u64::from(number) + 1);
                        model.put(number, u64::from(number) + 1);
                    }
                    2 | 3 => {
                        index.touch(id);
                        model.touch(number);
                    }
                    4 => {
                        let expected = model.evict();
                        let expected = expected.map(|number| ObjectId::of(&key(number), b""));
                        prop_assert_eq!(index.evict().map(|removed| removed.id), expected);
                    }
                    5 => {
                        let found = model.records.iter_mut().find(|record| record.0 == number);
                        prop_assert_eq!(index.pin(id), found.map(|record| record.4 += 1).is_some());
                    }
                    _ => {
                        index.unpin(id);
                        if let Some(record) = model.records.iter_mut().find(|record| record.0 == number) {
                            record.4 = record.4.saturating_sub(1);
                        }
                    }
                }
                prop_assert_eq!(index.object_count(), model.records.len());
                prop_assert_eq!(index.object_bytes(), model.records.iter().map(|record| record.5).sum::<u64>());
                let pinned = model.records.iter().filter(|record| record.4 > 0);
                prop_assert_eq!(index.pinned_bytes(), pinned.map(|record| record.5).sum::<u64>());
                prop_assert!(index.queue.len() <= 2 * index.records.len() + 64 + 1);
            }
        }
    }

    /// Evicts until there are `count` objects, as a full cache does.
    fn shrink(index: &mut Index, count: usize) {
        while index.object_count() > count {
            assert!(index.evict().is_some());
        }
    }

    #[test]
    fn a_scan_does_not_displace_what_is_used() {
        let mut index = Index::default();
        for number in 0..10 {
            let id = put(&mut index, number, 1);
            (0..20).for_each(|_| index.touch(id));
        }
        for number in 10..110 {
            put(&mut index, number, 1);
            shrink(&mut index, 20);
        }
        assert!((0..10).all(|number| index.get(ObjectId::of(&key(number), b"")).is_some()));
    }

    #[test]
    fn what_was_popular_once_goes_in_the_end() {
        let mut index = Index::default();
        let old = put(&mut index, 0, 1);
        (0..50).for_each(|_| index.touch(old));
        for number in 1..2000 {
            put(&mut index, number, 1);
            shrink(&mut index, 10);
        }
        assert!(index.get(old).is_none(), "the cache's age has overtaken it");
    }

    #[test]
    fn variants_have_a_limit_and_give_way_to_a_plain_response() {
        let variant = |number: usize| Variant::from_bytes(format!("a: ={number}\r\n").as_bytes()).unwrap();
        let mut index = Index::default();
        put(&mut index, 1, 1);
        for number in 0..40 {
            index.insert(&key(1), &variant(number), 1, 0);
            assert!(index.object_count() <= 32);
        }
        assert_eq!((index.of_key(&key(1)).len(), index.object_bytes()), (32, 32));
        let newest = ObjectId::of(&key(1), variant(39).as_bytes());
        assert!(index.get(newest).is_some() && index.get(ObjectId::of(&key(1), b"")).is_none());
        put(&mut index, 1, 1);
        assert_eq!((index.of_key(&key(1)).len(), index.variants.len(), index.object_bytes()), (1, 0, 1));
    }
}
