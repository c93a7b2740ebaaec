//! What is to be published: lists and verdicts planned, held against the snapshot in use.

use std::path::Path;

use super::sources::SourcesError;
use crate::inventory::Inventory;
use crate::plan::guard::{self, Decision, Minimums};
use crate::plan::{self, Goods, Known};
use crate::snapshot::{self, Generation, Store, View};
use crate::sys::Map;
use crate::verdicts::State;

/// A snapshot that was planned, and what the guard says of it.
pub struct Publication {
    /// The snapshot.
    pub bytes: Vec<u8>,
    /// What was kept, and why it should perhaps not be published.
    pub decision: Decision,
    /// The snapshot in use; none when nothing was ever published.
    pub in_use: Option<(Generation, View<Map>)>,
}

impl Publication {
    /// Plans from an inventory and the verdicts in `state` (none, or none there: the operators' word alone).
    pub fn plan(inventory: &Inventory, state: Option<&Path>, minimums: &Minimums) -> Result<Publication, SourcesError> {
        let (known, doubt) = match state {
            Some(folder) if State::exists(folder) => {
                let state = State::read(folder)?;
                (Known::read(&state)?, state.doubt()?)
            }
            _ => (Known::default(), None),
        };
        let store = state.map(Store::new).filter(|store| !store.is_empty());
        let in_use = store.map(|store| store.open()).transpose()?;
        let view = in_use.as_ref().map(|(_, view)| view);
        let planned = Goods::judged(inventory, &known);
        let mut decision = guard::decide(view, inventory, planned, minimums, doubt.as_deref());
        let bytes = plan::build(inventory, &decision.goods)?;
        // What is in use already needs nobody's leave: it may have been published in spite of the guard.
        if view.is_some_and(|view| snapshot::says_the_same(view.bytes(), &bytes)) {
            decision.refusals.clear();
        }
        Ok(Publication { bytes, decision, in_use })
    }

    /// Why it must not be published unless somebody wants it in spite: the number of reasons and the first of them.
    pub fn refused(&self) -> Option<SourcesError> {
        let first = self.decision.refusals.first()?;
        Some(SourcesError::Refused { count: self.decision.refusals.len(), first: first.to_string() })
    }
}
