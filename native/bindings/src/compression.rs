//! `Compressor` and `decompress`.

use pyo3::prelude::*;
use vinculum_kernels::compression;
use vinculum_kernels::memory::Shared;

use crate::errors::IntoPython;
use crate::memory::{Blob, Bytes};

#[pyclass(frozen, module = "vinculum._native")]
pub struct Compressor(pub compression::Compressor);

#[pymethods]
impl Compressor {
    #[new]
    fn new(spec: &str) -> PyResult<Self> {
        compression::Compressor::new(spec).map(Self).into_python()
    }

    fn compress(&self, py: Python<'_>, data: Blob) -> PyResult<Bytes> {
        py.detach(|| self.0.compress(&data).map(|compressed| compressed.to_vec()))
            .map(|whole| Bytes(Shared::from(whole)))
            .into_python()
    }
}

#[pyfunction]
fn decompress(py: Python<'_>, data: Blob) -> PyResult<Bytes> {
    py.detach(|| match data {
        Blob::Native(shared) => compression::decompress_shared(&shared),
        Blob::Python(bytes) => compression::decompress(&bytes).map(Shared::from),
    })
    .map(Bytes)
    .into_python()
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Compressor>()?;
    module.add_function(wrap_pyfunction!(decompress, module)?)
}
