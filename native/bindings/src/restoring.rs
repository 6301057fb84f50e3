//! `write_chunks`, `get_flags`, `set_flags`, `acl_from_text`, `acl_names`.

use std::collections::HashMap;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use vinculum_kernels::items::acl::{self, Acl};
use vinculum_kernels::memory::Shared;
use vinculum_kernels::restoring;

use crate::errors::IntoPython;
use crate::memory::Bytes;
use crate::sys::Descriptor;

#[pyfunction]
fn write_chunks(py: Python<'_>, fd: Descriptor, chunks: Vec<PyRef<'_, Bytes>>, sparse: bool) -> PyResult<u64> {
    let chunks: Vec<Shared> = chunks.iter().map(|chunk| chunk.0.clone()).collect();
    py.detach(|| restoring::write_chunks(fd.borrow(), &chunks, sparse))
        .into_python()
}

#[pyfunction]
fn get_flags(py: Python<'_>, fd: Descriptor) -> PyResult<u32> {
    py.detach(|| restoring::get_flags(fd.borrow())).into_python()
}

#[pyfunction]
fn set_flags(py: Python<'_>, fd: Descriptor, flags: u32) -> PyResult<()> {
    py.detach(|| restoring::set_flags(fd.borrow(), flags)).into_python()
}

#[pyfunction]
fn acl_from_text<'py>(
    py: Python<'py>,
    text: &[u8],
    numeric_ids: bool,
    users: &Bound<'py, PyDict>,
    groups: &Bound<'py, PyDict>,
) -> PyResult<Bound<'py, PyBytes>> {
    let acl = Acl::from_text(text, numeric_ids, &ids_by_name(users)?, &ids_by_name(groups)?).into_python()?;
    Ok(PyBytes::new(py, &acl.to_xattr()))
}

fn ids_by_name(names: &Bound<'_, PyDict>) -> PyResult<HashMap<Vec<u8>, u32>> {
    names
        .iter()
        .map(|(name, id)| Ok((name.cast::<PyBytes>()?.as_bytes().to_vec(), id.extract()?)))
        .collect()
}

type Names<'py> = Vec<Bound<'py, PyBytes>>;

#[pyfunction]
fn acl_names<'py>(py: Python<'py>, text: &[u8]) -> (Names<'py>, Names<'py>) {
    let wrap = |names: Vec<Vec<u8>>| names.iter().map(|name| PyBytes::new(py, name)).collect();
    let (users, groups) = acl::names_in_text(text);
    (wrap(users), wrap(groups))
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(write_chunks, module)?)?;
    module.add_function(wrap_pyfunction!(get_flags, module)?)?;
    module.add_function(wrap_pyfunction!(set_flags, module)?)?;
    module.add_function(wrap_pyfunction!(acl_from_text, module)?)?;
    module.add_function(wrap_pyfunction!(acl_names, module)?)
}
