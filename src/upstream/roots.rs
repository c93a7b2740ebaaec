//! Which certificates are believed: those of the web's authorities, and those an operator names.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::{ClientConfig, RootCertStore};

/// Why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The file with additional roots cannot be used.
    #[error("{path}: cannot read certificates: {source}; write PEM certificates of authorities into it")]
    Roots {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: PemError,
    },
    /// A certificate in it cannot be used.
    #[error("{path}: certificate {number} is no certificate of an authority: {source}")]
    Root {
        /// The file.
        path: PathBuf,
        /// Which, from 1.
        number: usize,
        /// What is wrong.
        source: rustls::Error,
    },
    /// The library refuses.
    #[error("cannot set up TLS: {0}")]
    Setup(#[from] rustls::Error),
}

/// Trusts the roots of the web and those in `extra_roots`, a PEM file.
pub fn tls_config(extra_roots: Option<&Path>) -> Result<Arc<ClientConfig>, TlsError> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(path) = extra_roots {
        let failed = |source| TlsError::Roots { path: path.to_owned(), source };
        let found = CertificateDer::pem_file_iter(path).map_err(failed)?;
        let found = found.collect::<Result<Vec<_>, _>>().map_err(failed)?;
        if found.is_empty() {
            return Err(failed(PemError::NoItemsFound));
        }
        for (at, root) in found.into_iter().enumerate() {
            let failed = |source| TlsError::Root { path: path.to_owned(), number: at + 1, source };
            roots.add(root).map_err(failed)?;
        }
    }
    let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(tls))
}
