//! Work that goes on while Python does something else.

use std::sync::Mutex;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use vinculum_kernels::errors::Result;
use vinculum_kernels::locks::lock;
use vinculum_kernels::parallel::Begun;

use crate::errors::IntoPython;

/// A result that is being worked out in the background. It can be waited for once.
pub struct ToCome<T>(Mutex<Option<Begun<Result<T>>>>);

impl<T: Send + 'static> ToCome<T> {
    /// Begins work on so many bytes.
    pub fn begin(bytes: usize, work: impl FnOnce() -> Result<T> + Send + 'static) -> Self {
        Self::from(Begun::new(bytes, work))
    }

    pub fn wait(&self, py: Python<'_>) -> PyResult<T> {
        let work = lock(&self.0).take();
        let work = work.ok_or_else(|| PyValueError::new_err("this was waited for before"))?;
        py.detach(|| work.wait()).into_python()
    }
}

impl<T> From<Begun<Result<T>>> for ToCome<T> {
    fn from(work: Begun<Result<T>>) -> Self {
        Self(Mutex::new(Some(work)))
    }
}
