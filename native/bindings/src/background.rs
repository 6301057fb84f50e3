//! Work that goes on while Python does something else.

use std::sync::{Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use vinculum_kernels::errors::Error;

use crate::errors::IntoPython;

/// A result that is being worked out in the background. It can be waited for once.
pub struct ToCome<T>(Mutex<Option<JoinHandle<Result<T, Error>>>>);

impl<T: Send + 'static> ToCome<T> {
    pub fn begin(work: impl FnOnce() -> Result<T, Error> + Send + 'static) -> Self {
        Self(Mutex::new(Some(thread::spawn(work))))
    }

    pub fn wait(&self, py: Python<'_>) -> PyResult<T> {
        let work = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let work = work.ok_or_else(|| PyValueError::new_err("this was waited for before"))?;
        py.detach(|| work.join())
            .map_err(|_| PyRuntimeError::new_err("work in the background failed"))?
            .into_python()
    }
}
