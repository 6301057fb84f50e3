//! `DirectoryListing`, `scan_root`, `scan_directory`, `scan_ahead`.

use std::collections::HashSet;
use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use vinculum_kernels::scanning::{self, Everything, Listing};

use crate::errors::IntoPython;

#[pyclass(frozen, module = "vinculum._native")]
pub struct DirectoryListing(pub Arc<Listing>);

#[pymethods]
impl DirectoryListing {
    fn __len__(&self) -> usize {
        self.0.entries.len()
    }

    #[getter]
    fn path<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.0.path())
    }

    #[getter]
    fn errno(&self) -> i32 {
        self.0.errno()
    }

    fn names<'py>(&self, py: Python<'py>) -> Vec<Bound<'py, PyBytes>> {
        let names = self.0.entries.iter();
        names.map(|entry| PyBytes::new(py, self.0.name(entry).to_bytes())).collect()
    }

    fn paths<'py>(&self, py: Python<'py>) -> Vec<Bound<'py, PyBytes>> {
        let entries = self.0.entries.iter();
        entries.map(|entry| PyBytes::new(py, &self.0.walked(entry))).collect()
    }

    fn path_of<'py>(&self, py: Python<'py>, index: usize) -> PyResult<Bound<'py, PyBytes>> {
        let entry = self.0.entry(index).into_python()?;
        Ok(PyBytes::new(py, &self.0.walked(entry)))
    }

    fn kinds<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        let kinds: Vec<u8> = self.0.entries.iter().map(|entry| entry.stat.kind()).collect();
        PyBytes::new(py, &kinds)
    }

    fn device(&self, index: usize) -> PyResult<u64> {
        self.0.entry(index).map(|entry| entry.stat.dev).into_python()
    }

    fn identity(&self, index: usize) -> PyResult<(u64, u64)> {
        self.0
            .entry(index)
            .map(|entry| (entry.stat.ino, entry.stat.dev))
            .into_python()
    }

    fn attributes_errno(&self, index: usize) -> PyResult<i32> {
        let entry = self.0.entry(index).into_python()?;
        Ok(match entry.attribute_names() {
            Some(Err(error)) => error.raw_os_error(),
            _ => 0,
        })
    }

    fn nodump(&self, py: Python<'_>) -> Vec<usize> {
        py.detach(|| self.0.nodump())
    }

    fn failures<'py>(&self, py: Python<'py>) -> Vec<(Bound<'py, PyBytes>, i32)> {
        let failures = self.0.failures.iter();
        failures
            .map(|(path, error)| (PyBytes::new(py, path), error.raw_os_error()))
            .collect()
    }
}

type DeviceAndSkipped = (Option<u64>, HashSet<(u64, u64)>);

#[pyfunction]
#[pyo3(signature = (path, archived, asks_attributes = false, everything = None))]
fn scan_root(
    py: Python<'_>,
    path: &[u8],
    archived: &[u8],
    asks_attributes: bool,
    everything: Option<DeviceAndSkipped>,
) -> PyResult<DirectoryListing> {
    let everything = everything.map(|(device, skip)| Everything { device, skip });
    let listing = py
        .detach(|| scanning::scan_root(path, archived, asks_attributes, everything))
        .into_python()?;
    Ok(DirectoryListing(Arc::new(listing)))
}

#[pyfunction]
fn scan_directory(py: Python<'_>, listing: &DirectoryListing, index: usize) -> PyResult<DirectoryListing> {
    let listing = py.detach(|| scanning::scan_directory(&listing.0, index)).into_python()?;
    Ok(DirectoryListing(listing))
}

#[pyfunction]
fn scan_ahead(py: Python<'_>, listing: &DirectoryListing, indices: Vec<usize>) {
    py.detach(|| scanning::scan_ahead(&listing.0, &indices));
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<DirectoryListing>()?;
    module.add_function(wrap_pyfunction!(scan_root, module)?)?;
    module.add_function(wrap_pyfunction!(scan_ahead, module)?)?;
    module.add_function(wrap_pyfunction!(scan_directory, module)?)
}
