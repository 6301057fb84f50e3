//! `FilesCache`.

use pyo3::prelude::*;
use vinculum_kernels::files_cache;

use crate::errors::IntoPython;
use crate::memory::{Blob, Bytes};

#[pyclass(frozen, module = "vinculum._native")]
pub struct FilesCache(pub files_cache::FilesCache);

#[pymethods]
impl FilesCache {
    #[new]
    fn new(mode: &str, ttl: i64) -> PyResult<Self> {
        files_cache::FilesCache::new(mode, ttl).into_python().map(Self)
    }

    fn load(&self, py: Python<'_>, data: Blob) -> PyResult<()> {
        py.detach(|| self.0.load(&data)).into_python()
    }

    fn save(&self, py: Python<'_>) -> Bytes {
        Bytes(py.detach(|| self.0.save()))
    }

    fn __len__(&self, py: Python<'_>) -> usize {
        py.detach(|| self.0.len())
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<FilesCache>()
}
