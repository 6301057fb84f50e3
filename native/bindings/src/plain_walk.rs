//! `PlainWalk`.

use std::sync::{Mutex, MutexGuard};

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use vinculum_kernels::batch::{self, Obstacle};
use vinculum_kernels::locks::lock;

use crate::batch::FileBatch;
use crate::errors::IntoPython;
use crate::scanning::DirectoryListing;

#[pyclass(frozen, module = "vinculum._native")]
pub struct PlainWalk(Mutex<batch::PlainWalk>);

impl PlainWalk {
    fn lock(&self) -> MutexGuard<'_, batch::PlainWalk> {
        lock(&self.0)
    }
}

#[pymethods]
impl PlainWalk {
    #[new]
    fn new(listing: &DirectoryListing) -> PyResult<Self> {
        let walk = batch::PlainWalk::new(&listing.0).into_python()?;
        Ok(Self(Mutex::new(walk)))
    }

    #[getter]
    fn has_ended(&self) -> bool {
        self.lock().has_ended()
    }

    fn fill<'py>(&self, py: Python<'py>, batch: &FileBatch) -> Vec<(usize, Bound<'py, PyBytes>, i32, &'static str)> {
        let obstacles = py.detach(|| self.lock().fill(&mut batch.lock())).into_iter();
        let wrap = |Obstacle {
                        before,
                        path,
                        errno,
                        operation,
                    }| (before, PyBytes::new(py, &path), errno, operation);
        obstacles.map(wrap).collect()
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PlainWalk>()
}
