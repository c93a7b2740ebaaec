//! `Systems`: the systems that clients told of, each with a number for counters. Bounded, and without a lock.
//!
//! All workers share one table: a slot is written once, by whoever sees a system first, and then only read. What finds
//! no free slot is counted as other, for what clients say is theirs to choose.

use std::sync::OnceLock;

use xxhash_rust::xxh3::xxh3_64;

use crate::answer::System;

/// Slots: with the two that stand for the rest, the most series that clients can make. A popular distribution's mirror
/// list sees a few dozen versions of a dozen systems.
pub const SYSTEM_COUNT: usize = 256;
/// Slots that are looked at for one system.
const PROBES_MAX: usize = 16;
/// Longest name, and longest version, bytes: more than `System` lets through.
const TEXT_BYTES_MAX: usize = 48;

/// Position of a system's counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SystemSlot(u16);

impl SystemSlot {
    /// How many there are.
    pub const COUNT: usize = SYSTEM_COUNT + 2;

    /// Position in an array of `COUNT` counters.
    pub fn position(self) -> usize {
        usize::from(self.0)
    }
}

/// A system that was seen.
#[derive(Clone, Debug)]
pub struct SystemName {
    name: Short,
    version: Short,
}

impl SystemName {
    /// Its name.
    pub fn name(&self) -> &str {
        self.name.text()
    }

    /// Its version; empty when it tells none.
    pub fn version(&self) -> &str {
        self.version.text()
    }
}

/// A short text without memory of its own.
#[derive(Clone, Debug)]
struct Short {
    bytes: [u8; TEXT_BYTES_MAX],
    length: u8,
}

impl Short {
    fn of(text: &str) -> Option<Short> {
        let mut bytes = [0; TEXT_BYTES_MAX];
        bytes.get_mut(..text.len())?.copy_from_slice(text.as_bytes());
        Some(Short { bytes, length: text.len() as u8 })
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.bytes[..usize::from(self.length)]).unwrap_or_default()
    }

    fn is(&self, text: &str) -> bool {
        &self.bytes[..usize::from(self.length)] == text.as_bytes()
    }
}

/// The systems that were seen.
#[derive(Debug)]
pub struct Systems {
    slots: Box<[OnceLock<SystemName>]>,
}

impl Default for Systems {
    fn default() -> Systems {
        Systems { slots: (0..SYSTEM_COUNT).map(|_| OnceLock::new()).collect() }
    }
}

impl Systems {
    /// Stands for systems beyond the table, and for what is none though libdnf says so.
    pub const OTHER: SystemSlot = SystemSlot(SYSTEM_COUNT as u16);
    /// Stands for clients that are not libdnf.
    pub const NONE: SystemSlot = SystemSlot(SYSTEM_COUNT as u16 + 1);

    /// The slot of whom a User-Agent names.
    pub fn slot(&self, user_agent: &[u8]) -> SystemSlot {
        match System::of(user_agent) {
            Some(system) => self.find(&system).unwrap_or(Systems::OTHER),
            None if user_agent.starts_with(b"libdnf") => Systems::OTHER,
            None => Systems::NONE,
        }
    }

    fn find(&self, system: &System<'_>) -> Option<SystemSlot> {
        let hash = xxh3_64(system.name.as_bytes()) ^ xxh3_64(system.version.as_bytes()).rotate_left(1);
        for step in 0..PROBES_MAX {
            let position = (hash as usize).wrapping_add(step) % SYSTEM_COUNT;
            let slot = &self.slots[position];
            if slot.get().is_none() {
                let name = SystemName { name: Short::of(system.name)?, version: Short::of(system.version)? };
                // Another worker may come first, with this system or with another: the comparison tells.
                let _ = slot.set(name);
            }
            if slot.get().is_some_and(|known| known.name.is(system.name) && known.version.is(system.version)) {
                return Some(SystemSlot(position as u16));
            }
        }
        None
    }

    /// The system at a position below `SYSTEM_COUNT`, when there is one.
    pub fn get(&self, position: usize) -> Option<(SystemSlot, &SystemName)> {
        Some((SystemSlot(position as u16), self.slots.get(position)?.get()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_system_has_one_slot() {
        let systems = Systems::default();
        let slot = |text: &str| systems.slot(text.as_bytes());
        let alma = slot("libdnf (AlmaLinux 9.8; generic; Linux.x86_64)");
        assert_eq!(alma, slot("libdnf (AlmaLinux 9.8; container; Linux.aarch64)"));
        assert_ne!(alma, slot("libdnf (AlmaLinux 9.7; generic; Linux.x86_64)"));
        assert_eq!(slot("curl/7.88.1"), Systems::NONE);
        assert_eq!(slot(""), Systems::NONE);
        assert_eq!(slot("libdnf (\"; x)"), Systems::OTHER);
        let (_, name) = systems.get(alma.position()).unwrap();
        assert_eq!((name.name(), name.version()), ("AlmaLinux", "9.8"));
    }

    #[test]
    fn whoever_makes_names_up_fills_the_table_and_no_more() {
        let systems = Systems::default();
        let alma = systems.slot(b"libdnf (AlmaLinux 9.8; generic; Linux.x86_64)");
        let others = (0..10_000)
            .filter(|number| systems.slot(format!("libdnf (X{number} 1; a; b)").as_bytes()) == Systems::OTHER);
        assert!(others.count() > 9_000);
        let known = (0..SYSTEM_COUNT).filter(|&position| systems.get(position).is_some()).count();
        assert!(known > SYSTEM_COUNT / 2, "{known} slots are in use");
        assert_eq!(systems.slot(b"libdnf (AlmaLinux 9.8; generic; Linux.x86_64)"), alma, "who was there stays");
    }
}
