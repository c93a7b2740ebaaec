//! Metalinks: where a file can be had, and how it must look.
//!
//! - `version3`   Metalink 3.0 with the additions that dnf and yum know
//! - `version4`   Metalink 4 (RFC 5854), for any file

pub mod version3;
pub mod version4;

use crate::snapshot::CountryCode;

/// A place to get a file from.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// Its URL, in parts that follow each other.
    pub url: [&'a [u8]; 3],
    /// The protocol of the URL.
    pub protocol: &'static str,
    /// The country it is in.
    pub country: Option<CountryCode>,
}
