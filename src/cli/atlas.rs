//! What commands answer from that do not serve: a snapshot file, what is served from the state folder, or the lists.

use std::path::Path;
use std::sync::Arc;

use super::failure::Failure;
use crate::answer::Atlas;
use crate::config::Config;
use crate::daemon::{GeoCache, Sources, Tolerance};
use crate::snapshot::{self, Generation};

/// The atlas of a configuration, or that of a snapshot file in place of its own. Publishes nothing.
pub fn open(mut config: Config, snapshot: Option<&Path>) -> Result<Arc<Atlas>, Failure> {
    if let Some(path) = snapshot {
        let geo = GeoCache::default().table(&config.geoip, config.state.as_deref(), &|_, _| None)?;
        let asns = GeoCache::default().asn_table(&config.asn, config.state.as_deref())?;
        return Ok(Arc::new(Atlas::new(Generation::default(), snapshot::open(path)?, geo).with_asns(asns)));
    }
    // Where there is a state folder, what is served from it is meant, even if it was built of older lists.
    config.build &= config.state.is_none();
    let mut report = |problem: &crate::inventory::Problem| eprintln!("{problem}");
    Ok(Sources::default().edition(&config, Tolerance::Skip, &mut report)?.atlas)
}
