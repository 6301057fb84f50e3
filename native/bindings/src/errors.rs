//! Kernel errors become Python exceptions here and nowhere else.

use pyo3::exceptions::{PyKeyError, PyOSError, PyValueError};
use pyo3::prelude::*;
use vinculum_kernels::errors::Error;

pyo3::import_exception!(vinculum.errors, IntegrityError);

/// The Python exception for a kernel error.
pub fn to_python(error: Error) -> PyErr {
    match error {
        Error::Integrity(message) => IntegrityError::new_err(message),
        Error::Value(message) => PyValueError::new_err(message),
        Error::Key(message) => PyKeyError::new_err(message),
        Error::Os { error, path } => {
            let errno = error.raw_os_error().unwrap_or(0);
            // The text without Rust's " (os error N)" suffix, as Python's own messages have it.
            let text = error.to_string();
            let text = text.split(" (os error").next().unwrap_or(&text).to_owned();
            match path {
                // As text: a path would become a `pathlib.Path`,
                // and importing that module fails where descriptors are all used up.
                Some(path) => PyOSError::new_err((errno, text, path.into_os_string())),
                None => PyOSError::new_err((errno, text)),
            }
        }
    }
}

/// `?` for kernel results inside a binding function.
pub trait IntoPython<T> {
    fn into_python(self) -> PyResult<T>;
}

impl<T> IntoPython<T> for Result<T, Error> {
    fn into_python(self) -> PyResult<T> {
        self.map_err(to_python)
    }
}
