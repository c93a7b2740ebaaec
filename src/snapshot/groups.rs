//! Which groups a client belongs to besides the one its network names: the part of `View` that follows them.
//!
//! Not here: which network a client is in (`answer`), a group's list (`serving`).

use super::format::*;
use super::view::View;
use crate::net::Asn;

impl<B: AsRef<[u8]>> View<B> {
    /// The group whose list follows a group's own.
    pub fn outer_group(&self, index: GroupIndex) -> Option<GroupIndex> {
        let outer = self.records::<GroupRecord>(Section::Groups).get(index.0 as usize)?.outer.get();
        // Only lower numbers, so that even bytes that `check` has not seen lead to an end.
        (outer < index.0).then_some(GroupIndex(outer))
    }

    /// A group, the one around it, and so on outward.
    pub fn groups_around(&self, index: GroupIndex) -> impl Iterator<Item = GroupIndex> {
        std::iter::successors(Some(index), |&group| self.outer_group(group))
    }

    /// The group of an autonomous system's clients.
    pub fn asn_group(&self, asn: Asn) -> Option<GroupIndex> {
        let records = self.records::<AsnRecord>(Section::Asns);
        let position = records.binary_search_by_key(&asn.0, |record| record.asn.get()).ok()?;
        Some(GroupIndex(records.get(position)?.group.get()))
    }

    /// All autonomous systems whose clients are a group, rising.
    pub fn asns(&self) -> impl ExactSizeIterator<Item = (Asn, GroupIndex)> {
        let records = self.records::<AsnRecord>(Section::Asns).iter();
        records.map(|record| (Asn(record.asn.get()), GroupIndex(record.group.get())))
    }
}
