//! `SegmentEntries`, `scan_segment`, `scan_segments`, `read_objects`, `entry_sizes`, `encode_deletes`, `find_entries`.

use pyo3::exceptions::PyBaseException;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use vinculum_kernels::errors::Error;
use vinculum_kernels::segments;

use crate::errors::{IntoPython, to_python};
use crate::ids::{Ids, joined};
use crate::memory::Bytes;
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

/// The entries of a segment file, what is wrong with it, or why nobody knows.
#[derive(IntoPyObject)]
enum Scanned {
    Entries(Py<SegmentEntries>),
    Damage(String),
    Unreadable(Py<PyBaseException>),
}

#[pyfunction]
fn scan_segments(py: Python<'_>, fds: Vec<Descriptor>) -> PyResult<Vec<Scanned>> {
    let found = py.detach(|| {
        let fds: Vec<_> = fds.iter().map(Descriptor::borrow).collect();
        segments::scan_segments(&fds)
    });
    let found = found.into_iter().map(|scanned| match scanned {
        Ok(entries) => Py::new(py, SegmentEntries(entries)).map(Scanned::Entries),
        Err(Error::Integrity(damage)) => Ok(Scanned::Damage(damage)),
        // What cannot be read now may be whole.
        Err(error) => Ok(Scanned::Unreadable(to_python(error).into_value(py))),
    });
    found.collect()
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
fn find_entries(py: Python<'_>, fd: Descriptor) -> PyResult<Vec<(u64, u64)>> {
    let found = py.detach(|| segments::find_entries(fd.borrow())).into_python()?;
    Ok(found.into_iter().map(|range| (range.start, range.end)).collect())
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<SegmentEntries>()?;
    module.add_function(wrap_pyfunction!(scan_segment, module)?)?;
    module.add_function(wrap_pyfunction!(scan_segments, module)?)?;
    module.add_function(wrap_pyfunction!(read_objects, module)?)?;
    module.add_function(wrap_pyfunction!(entry_sizes, module)?)?;
    module.add_function(wrap_pyfunction!(encode_deletes, module)?)?;
    module.add_function(wrap_pyfunction!(find_entries, module)?)
}
