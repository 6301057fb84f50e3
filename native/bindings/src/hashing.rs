//! `IdHasher`, `derive_key`, `derive_ahead` and its `KeyToCome`, `hmac`, `is_hmac`.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use vinculum_kernels::hashing::{self, IdQueue, Secret};

use crate::background::ToCome;
use crate::errors::IntoPython;
use crate::ids::joined;
use crate::memory::{Blob, detach_if_large};

/// An iteration of a key derivation is as much work as hashing so much.
const BYTES_OF_AN_ITERATION: usize = 128;

#[pyclass(frozen, module = "vinculum._native")]
pub struct IdHasher(pub Arc<IdQueue>);

impl IdHasher {
    pub fn hasher(&self) -> &hashing::IdHasher {
        self.0.hasher()
    }
}

#[pymethods]
impl IdHasher {
    #[new]
    #[pyo3(signature = (kind, key = b"".as_slice()), text_signature = "(kind, key=b'')")]
    fn new(kind: &str, key: &[u8]) -> PyResult<Self> {
        let hasher = hashing::IdHasher::new(kind, key).into_python()?;
        Ok(Self(Arc::new(IdQueue::new(hasher))))
    }

    fn digest<'py>(&self, py: Python<'py>, data: Blob) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &detach_if_large(py, data.len(), || self.hasher().digest(&data)))
    }

    fn digest_many<'py>(&self, py: Python<'py>, buffers: Vec<Blob>) -> Bound<'py, PyBytes> {
        let slices: Vec<&[u8]> = buffers.iter().map(|buffer| &**buffer).collect();
        let bytes = slices.iter().map(|slice| slice.len()).sum();
        let ids = detach_if_large(py, bytes, || self.hasher().digest_many(&slices));
        joined(py, &ids)
    }
}

#[pyfunction]
fn derive_key<'py>(py: Python<'py>, passphrase: &[u8], salt: &[u8], iterations: u32, length: usize) -> Bound<'py, PyBytes> {
    PyBytes::new(py, &py.detach(|| hashing::derive_key(passphrase, salt, iterations, length)))
}

/// A key that is being derived in the background.
#[pyclass(frozen, module = "vinculum._native")]
struct KeyToCome(ToCome<Secret>);

#[pymethods]
impl KeyToCome {
    fn wait<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(py, &self.0.wait(py)?))
    }
}

#[pyfunction]
fn derive_ahead(passphrase: &[u8], salt: Vec<u8>, iterations: u32, length: usize) -> KeyToCome {
    let passphrase = Secret::new(passphrase.to_vec());
    let bytes = (iterations as usize).saturating_mul(BYTES_OF_AN_ITERATION);
    KeyToCome(ToCome::begin(bytes, move || {
        Ok(hashing::derive_key(&passphrase, &salt, iterations, length))
    }))
}

#[pyfunction]
fn hmac<'py>(py: Python<'py>, kind: &str, key: &[u8], data: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    let digest = detach_if_large(py, data.len(), || hashing::hmac(kind, key, data)).into_python()?;
    Ok(PyBytes::new(py, &digest))
}

#[pyfunction]
fn is_hmac(py: Python<'_>, kind: &str, key: &[u8], data: &[u8], claimed: &[u8]) -> PyResult<bool> {
    detach_if_large(py, data.len(), || hashing::is_hmac(kind, key, data, claimed)).into_python()
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<IdHasher>()?;
    module.add_class::<KeyToCome>()?;
    module.add_function(wrap_pyfunction!(derive_key, module)?)?;
    module.add_function(wrap_pyfunction!(derive_ahead, module)?)?;
    module.add_function(wrap_pyfunction!(hmac, module)?)?;
    module.add_function(wrap_pyfunction!(is_hmac, module)?)
}
