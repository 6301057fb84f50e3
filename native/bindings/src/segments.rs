//! `SegmentEntries`, `scan_segment`, `read_objects`, `entry_sizes`, `encode_deletes`, `recover_segment`.

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use vinculum_kernels::segments;

use crate::errors::IntoPython;
use crate::ids::{Ids, joined};
use crate::memory::{Blob, Bytes};
use crate::sys::Descriptor;

#[pyclass(frozen, module = "vinculum._native")]
pub struct SegmentEntries(pub segments::SegmentEntries);

#[pymethods]
impl SegmentEntries {
    fn __len__(&self) -> usize {
        self.0.len()
    }

    fn tags<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.tags)
    }

    fn keys<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        joined(py, &self.0.keys)
    }

    fn offsets(&self) -> &[u32] {
        &self.0.offsets
    }

    fn sizes(&self) -> &[u32] {
        &self.0.sizes
    }

    #[getter]
    fn size_bytes(&self) -> u64 {
        self.0.size_bytes
    }
}

#[pyfunction]
fn scan_segment(py: Python<'_>, fd: Descriptor) -> PyResult<SegmentEntries> {
    py.detach(|| segments::scan_segment(fd.borrow()))
        .into_python()
        .map(SegmentEntries)
}

#[pyfunction]
fn read_objects(py: Python<'_>, fd: Descriptor, ids: Ids, offsets: Vec<u32>) -> PyResult<Vec<Bytes>> {
    let objects = py
        .detach(|| segments::read_objects(fd.borrow(), ids.as_slice(), &offsets))
        .into_python()?;
    Ok(objects.into_iter().map(Bytes).collect())
}

#[pyfunction]
fn entry_sizes(py: Python<'_>, fd: Descriptor, ids: Ids, offsets: Vec<u32>) -> PyResult<Vec<u32>> {
    py.detach(|| segments::entry_sizes(fd.borrow(), ids.as_slice(), &offsets))
        .into_python()
}

#[pyfunction]
fn encode_deletes(py: Python<'_>, ids: Ids) -> Bytes {
    Bytes(py.detach(|| segments::encode_deletes(ids.as_slice())))
}

#[pyfunction]
fn recover_segment(py: Python<'_>, data: Blob) -> Bytes {
    Bytes(py.detach(|| segments::recover_segment(&data)))
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<SegmentEntries>()?;
    module.add_function(wrap_pyfunction!(scan_segment, module)?)?;
    module.add_function(wrap_pyfunction!(read_objects, module)?)?;
    module.add_function(wrap_pyfunction!(entry_sizes, module)?)?;
    module.add_function(wrap_pyfunction!(encode_deletes, module)?)?;
    module.add_function(wrap_pyfunction!(recover_segment, module)?)
}
