//! `Protocol`: how files are fetched from a mirror.

use std::fmt;

/// How files are fetched from a mirror.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// Plain HTTP.
    Http,
    /// HTTP over TLS.
    Https,
    /// The rsync daemon's protocol.
    Rsync,
}

impl Protocol {
    /// All, in the order of files.
    pub const ALL: [Protocol; 3] = [Protocol::Http, Protocol::Https, Protocol::Rsync];

    /// As URLs spell it: `http`, `https`, `rsync`.
    pub fn name(self) -> &'static str {
        match self {
            Protocol::Http => "http",
            Protocol::Https => "https",
            Protocol::Rsync => "rsync",
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(self.name())
    }
}
