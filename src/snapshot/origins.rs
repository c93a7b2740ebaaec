//! Where mirrors are and who runs their networks: what answers are filtered by.
//!
//! Lives here: countries, continents and autonomous systems of mirrors, and the records of these.

use zerocopy::little_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::format::{MirrorIndex, MirrorRecord, PlaceIndex, PlaceRecord, Section};
use super::view::View;

/// A continent by a number of the builder's, 1 to 15; 0 where none is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Continent(pub u8);

impl Continent {
    /// One more than the highest number.
    pub const END: u8 = 16;
    /// Where no continent is known.
    pub const NONE: Continent = Continent(0);
}

/// A country by its two letters, in upper case.
pub type CountryCode = [u8; 2];

/// That a mirror is in an autonomous system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct MirrorAsnRecord {
    /// The mirror.
    pub mirror: U16,
    /// The number of the autonomous system.
    pub asn: U32,
}

impl MirrorAsnRecord {
    /// What records are sorted by.
    pub fn key(&self) -> (u16, u32) {
        (self.mirror.get(), self.asn.get())
    }
}

impl<B: AsRef<[u8]>> View<B> {
    /// The country of a place; none for the fallback.
    pub fn country_of_place(&self, place: PlaceIndex) -> Option<CountryCode> {
        let [a, b, ..] = self.records::<PlaceRecord>(Section::Places).get(usize::from(place.0))?.code;
        (a != 0).then_some([a, b])
    }

    /// The continent of a place.
    pub fn continent_of_place(&self, place: PlaceIndex) -> Continent {
        let continents = self.section_bytes(Section::Continents);
        continents.get(usize::from(place.0)).map_or(Continent::NONE, |&number| Continent(number))
    }

    fn place_of(&self, mirror: MirrorIndex) -> Option<PlaceIndex> {
        let record = self.records::<MirrorRecord>(Section::Mirrors).get(usize::from(mirror.0))?;
        Some(PlaceIndex(record.place.get()))
    }

    /// The country of a mirror; none for a global one.
    pub fn country(&self, mirror: MirrorIndex) -> Option<CountryCode> {
        self.country_of_place(self.place_of(mirror)?)
    }

    /// The continent of a mirror.
    pub fn continent(&self, mirror: MirrorIndex) -> Continent {
        self.place_of(mirror).map_or(Continent::NONE, |place| self.continent_of_place(place))
    }

    /// Whether a mirror is in an autonomous system, as far as the inventory says.
    pub fn is_in_asn(&self, mirror: MirrorIndex, asn: u32) -> bool {
        let records = self.records::<MirrorAsnRecord>(Section::MirrorAsns);
        records.binary_search_by_key(&(mirror.0, asn), MirrorAsnRecord::key).is_ok()
    }
}
