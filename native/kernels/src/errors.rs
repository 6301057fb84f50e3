//! The one error type of the kernels; `bindings/src/errors.rs` turns it into Python exceptions.

use std::io;
use std::path::PathBuf;

pub type Result<T> = std::result::Result<T, Error>;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Stored data are not what they should be: becomes `vinculum.errors.IntegrityError`.
    #[error("{0}")]
    Integrity(String),
    /// The caller passed something senseless: becomes `ValueError`.
    #[error("{0}")]
    Value(String),
    /// An id that must be there is not: becomes `KeyError`.
    #[error("{0}")]
    Key(String),
    /// A system call failed, on this file if it is known: becomes `OSError` with errno and filename.
    #[error("{error}")]
    Os { error: io::Error, path: Option<PathBuf> },
}

impl Error {
    pub fn integrity(message: impl Into<String>) -> Self {
        Self::Integrity(message.into())
    }

    pub fn value(message: impl Into<String>) -> Self {
        Self::Value(message.into())
    }

    /// What the system said; 0 if it was not the system.
    pub fn errno(&self) -> i32 {
        match self {
            Self::Os { error, .. } => error.raw_os_error().unwrap_or_default(),
            _ => 0,
        }
    }

    pub fn os(error: impl Into<io::Error>, path: Option<PathBuf>) -> Self {
        Self::Os {
            error: error.into(),
            path,
        }
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Os { error, path: None }
    }
}
