//! How ids come in: one as 32 bytes, several end to end. They stay Python's memory and may be read detached.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;
use vinculum_kernels::Id;

/// One id argument.
pub struct OneId(pub Id);

impl<'a, 'py> FromPyObject<'a, 'py> for OneId {
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        let object = object.cast::<PyBytes>()?;
        let bytes = object.as_bytes();
        let id = bytes
            .try_into()
            .map_err(|_| PyValueError::new_err(format!("an id has 32 bytes, not {}", bytes.len())))?;
        Ok(Self(id))
    }
}

/// An `ids` argument: n * 32 bytes.
pub struct Ids(PyBackedBytes);

impl Ids {
    pub fn as_slice(&self) -> &[Id] {
        self.0.as_chunks().0
    }
}

impl<'a, 'py> FromPyObject<'a, 'py> for Ids {
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        let bytes: PyBackedBytes = object.cast::<PyBytes>()?.to_owned().into();
        if !bytes.len().is_multiple_of(32) {
            return Err(PyValueError::new_err(format!(
                "ids are 32 bytes each, {} bytes are no such list",
                bytes.len()
            )));
        }
        Ok(Self(bytes))
    }
}

/// Ids as Python takes them: n * 32 bytes.
pub fn joined<'py>(py: Python<'py>, ids: &[Id]) -> Bound<'py, PyBytes> {
    PyBytes::new(py, ids.as_flattened())
}

/// Ids as a list of `bytes`.
pub fn listed<'py>(py: Python<'py>, ids: &[Id]) -> Vec<Bound<'py, PyBytes>> {
    ids.iter().map(|id| PyBytes::new(py, id)).collect()
}
