//! From the table `[pages]` to what workers show: reads the logo.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

use crate::answer::images::{Logo, Site, SiteLink};
use crate::{config, serve};

/// Longest logo, bytes: it is held in memory, and sent to everybody.
const LOGO_BYTES_MAX: u64 = 256 << 10;

/// Why there is no logo.
#[derive(Debug, thiserror::Error)]
pub enum LogoError {
    /// It cannot be read.
    #[error("{path}: cannot read the logo: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's word.
        source: io::Error,
    },
    /// It is too long.
    #[error("{path}: too long for a logo (at most {LOGO_BYTES_MAX} bytes); make it smaller")]
    Long {
        /// The file.
        path: PathBuf,
    },
    /// It is no picture that browsers show.
    #[error("{path}: neither SVG nor PNG, JPEG or WebP; convert it")]
    Kind {
        /// The file.
        path: PathBuf,
    },
}

/// What workers show; none when pages are switched off.
pub fn pages(config: &config::Pages) -> Result<Option<serve::Pages>, LogoError> {
    if !config.enabled {
        return Ok(None);
    }
    let links = config.links.iter().map(|(text, url)| SiteLink { text: text.clone(), url: url.clone() }).collect();
    let site = Site::new(config.title.clone(), links, config.footer.clone());
    let site = match (&config.logo_file, &config.logo_url) {
        (Some(path), _) => site.with_logo(logo(path.clone())?),
        (None, Some(url)) => site.with_logo_url(url.clone()),
        (None, None) => site,
    };
    Ok(Some(serve::Pages { hosts: config.hosts.clone(), prefix: config.prefix.clone(), site }))
}

fn logo(path: PathBuf) -> Result<Logo, LogoError> {
    let mut bytes = Vec::new();
    let read = File::open(&path).and_then(|file| file.take(LOGO_BYTES_MAX + 1).read_to_end(&mut bytes));
    match read {
        Err(source) => Err(LogoError::Read { path, source }),
        Ok(_) if bytes.len() as u64 > LOGO_BYTES_MAX => Err(LogoError::Long { path }),
        Ok(_) => Logo::new(bytes).ok_or(LogoError::Kind { path }),
    }
}
