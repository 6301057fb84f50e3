//! `crc32` and `Xxh64`.

use std::sync::Mutex;

use pyo3::prelude::*;
use vinculum_kernels::checksums;
use vinculum_kernels::locks::lock;

use crate::memory::{Blob, detach_if_large};

#[pyfunction]
#[pyo3(signature = (data, value = 0))]
fn crc32(py: Python<'_>, data: Blob, value: u32) -> u32 {
    detach_if_large(py, data.len(), || checksums::crc32(&data, value))
}

#[pyclass(frozen, module = "vinculum._native")]
struct Xxh64(Mutex<checksums::Xxh64>);

#[pymethods]
impl Xxh64 {
    #[new]
    fn new() -> Self {
        Self(Mutex::new(checksums::Xxh64::new()))
    }

    fn update(&self, py: Python<'_>, data: Blob) {
        detach_if_large(py, data.len(), || lock(&self.0).update(&data));
    }

    fn hexdigest(&self) -> String {
        lock(&self.0).hexdigest()
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(crc32, module)?)?;
    module.add_class::<Xxh64>()
}
