//! How names go out: as lists of `bytes`.

use pyo3::prelude::*;
use pyo3::types::PyBytes;

pub type Names<'py> = Vec<Bound<'py, PyBytes>>;

pub fn names<'a, 'py>(py: Python<'py>, names: impl IntoIterator<Item = &'a Vec<u8>>) -> Names<'py> {
    names.into_iter().map(|name| PyBytes::new(py, name)).collect()
}
