//! `IdHasher`.

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use vinculum_kernels::hashing;

use crate::errors::IntoPython;
use crate::ids::joined;
use crate::memory::{Blob, detach_if_large};

#[pyclass(frozen, module = "vinculum._native")]
pub struct IdHasher(pub hashing::IdHasher);

#[pymethods]
impl IdHasher {
    #[new]
    #[pyo3(signature = (kind, key = b"".as_slice()), text_signature = "(kind, key=b'')")]
    fn new(kind: &str, key: &[u8]) -> PyResult<Self> {
        hashing::IdHasher::new(kind, key).map(Self).into_python()
    }

    fn digest<'py>(&self, py: Python<'py>, data: Blob) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &detach_if_large(py, data.len(), || self.0.digest(&data)))
    }

    fn digest_many<'py>(&self, py: Python<'py>, buffers: Vec<Blob>) -> Bound<'py, PyBytes> {
        let slices: Vec<&[u8]> = buffers.iter().map(|buffer| &**buffer).collect();
        let bytes = slices.iter().map(|slice| slice.len()).sum();
        let ids = detach_if_large(py, bytes, || self.0.digest_many(&slices));
        joined(py, &ids)
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<IdHasher>()
}
