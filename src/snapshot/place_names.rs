//! What people call the places of a snapshot: the parts of `Builder`, `View` and `check` that know.
//!
//! Not here: where places are, and what their lists have (`plan`).

use super::builder::Builder;
use super::check::{CheckError, expect};
use super::format::*;
use super::view::View;
use crate::place::Code;

impl Builder {
    /// Tells what people call a place. A place that the builder does not have is passed over.
    pub fn place_name(&mut self, code: Code, name: &str) {
        if let Some(place) = self.place(code) {
            let name = self.texts.add(name);
            self.place_names.push((place, name));
        }
    }

    /// The section: a text for each place, and none for the fallback.
    pub(super) fn laid_out_place_names(&self, place_count: usize) -> Vec<Text> {
        let mut names = vec![Text::default(); place_count];
        for &(place, name) in &self.place_names {
            names[usize::from(place.0)] = name;
        }
        names
    }
}

impl<B: AsRef<[u8]>> View<B> {
    /// What people call a place; none when the snapshot does not say.
    pub fn place_name(&self, code: Code) -> Option<&str> {
        let place = self.place(code)?;
        let name = self.records::<Text>(Section::PlaceNames).get(usize::from(place.0))?;
        Some(self.name(*name)).filter(|name| !name.is_empty())
    }

    pub(super) fn check_place_names(&self) -> Result<(), CheckError> {
        let names = self.records::<Text>(Section::PlaceNames);
        let places = self.records::<PlaceRecord>(Section::Places).len();
        expect(names.len() == places, Section::PlaceNames, 0, "not a name per place")?;
        for (record, name) in names.iter().enumerate() {
            expect(self.is_text(*name), Section::PlaceNames, record, "bad text")?;
        }
        Ok(())
    }
}
