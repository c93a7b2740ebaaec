//! `Failure`: what went wrong with a command, and so its exit code. Others script against the codes.

use std::fmt;
use std::io;
use std::path::Path;
use std::process::ExitCode;

use crate::cache::store::StoreError as CacheError;
use crate::daemon::{GeoError, ProxyError, RunError, SourcesError};
use crate::snapshot::StoreError;
use crate::verdicts::StateError;

/// What went wrong with a command.
#[derive(Debug)]
pub enum Failure {
    /// The input is at fault: 1.
    Input(String),
    /// A guard refused: 3.
    Guard(String),
    /// The system failed: 4.
    System(String),
}

impl Failure {
    /// The exit code.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Failure::Input(_) => 1,
            Failure::Guard(_) => 3,
            Failure::System(_) => 4,
        })
    }

    /// The input is at fault.
    pub fn input(error: impl fmt::Display) -> Failure {
        Failure::Input(error.to_string())
    }

    /// A file that cannot be read is bad input; one that cannot be written is the system's failure.
    pub fn reading(path: &Path, error: &io::Error) -> Failure {
        Failure::Input(format!("{}: cannot read it: {error}", path.display()))
    }

    /// A file that cannot be written.
    pub fn writing(path: &Path, error: &io::Error) -> Failure {
        Failure::System(format!("{}: cannot write it: {error}", path.display()))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Failure::Input(text) | Failure::Guard(text) | Failure::System(text)) = self;
        out.write_str(text)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Failure {
        match &error {
            StoreError::System { source, .. } if source.kind() != io::ErrorKind::NotFound => {
                Failure::System(error.to_string())
            }
            StoreError::NoOlder { .. } | StoreError::Unsound(_) => Failure::Guard(error.to_string()),
            _ => Failure::Input(error.to_string()),
        }
    }
}

impl From<CacheError> for Failure {
    fn from(error: CacheError) -> Failure {
        match &error {
            CacheError::Locked { .. } => Failure::Guard(error.to_string()),
            CacheError::System { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                Failure::Input(error.to_string())
            }
            _ => Failure::System(error.to_string()),
        }
    }
}

impl From<StateError> for Failure {
    fn from(error: StateError) -> Failure {
        match &error {
            StateError::Locked { .. } => Failure::Guard(error.to_string()),
            StateError::System { .. } | StateError::Sqlite { .. } => Failure::System(error.to_string()),
            StateError::Missing { .. }
            | StateError::Foreign { .. }
            | StateError::Version { .. }
            | StateError::Damaged { .. } => Failure::Input(error.to_string()),
        }
    }
}

impl From<SourcesError> for Failure {
    fn from(error: SourcesError) -> Failure {
        match error {
            SourcesError::Store(error) => error.into(),
            SourcesError::State(error) => error.into(),
            SourcesError::Refused { .. } => Failure::Guard(error.to_string()),
            SourcesError::Memory(_) | SourcesError::Open(_) | SourcesError::Check(_) => {
                Failure::System(error.to_string())
            }
            _ => Failure::Input(error.to_string()),
        }
    }
}

impl From<GeoError> for Failure {
    fn from(error: GeoError) -> Failure {
        Failure::Input(error.to_string())
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Failure {
        match error {
            RunError::Sources(error) => error.into(),
            RunError::Proxy(ProxyError::Cache(CacheError::Locked { .. })) => Failure::Guard(error.to_string()),
            RunError::Proxy(ProxyError::Fetcher(_)) | RunError::Config(_) => Failure::Input(error.to_string()),
            RunError::Proxy(_) | RunError::Listen(_) | RunError::Log(_) | RunError::System { .. } => {
                Failure::System(error.to_string())
            }
        }
    }
}
