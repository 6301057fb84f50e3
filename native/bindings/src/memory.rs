//! `Bytes`, and how buffers come in.

use std::ffi::{c_int, c_void};
use std::ops::Deref;

use pyo3::exceptions::{PyBufferError, PyTypeError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use vinculum_kernels::memory::{self, Shared};
use vinculum_kernels::whole_file::read_file;

use crate::errors::IntoPython;
use crate::sys::Descriptor;

/// Frozen native bytes with the buffer protocol.
#[pyclass(frozen, module = "vinculum._native")]
pub struct Bytes(pub Shared);

#[pymethods]
impl Bytes {
    #[new]
    fn new(data: Blob) -> Self {
        Self(data.into_shared())
    }

    #[staticmethod]
    fn read(py: Python<'_>, fd: Descriptor) -> PyResult<Self> {
        py.detach(|| read_file(fd.borrow())).map(Self).into_python()
    }

    fn __len__(&self) -> usize {
        self.0.len()
    }

    fn slice(&self, start: usize, stop: usize) -> Self {
        Self(self.0.slice(start..stop))
    }

    #[allow(unsafe_code)]
    unsafe fn __getbuffer__(slf: Bound<'_, Self>, view: *mut ffi::Py_buffer, flags: c_int) -> PyResult<()> {
        if view.is_null() {
            return Err(PyBufferError::new_err("no view to fill"));
        }
        if flags & ffi::PyBUF_WRITABLE == ffi::PyBUF_WRITABLE {
            return Err(PyBufferError::new_err("these bytes are read-only"));
        }
        let (start, length) = {
            let bytes = slf.get();
            (bytes.0.as_ptr(), bytes.0.len())
        };
        // SAFETY: `view` is a valid Py_buffer that Python hands us to fill. The memory belongs to an immutable Arc inside
        // the object, and `obj` holds a reference to that object until the view is released. `format` is freed in
        // __releasebuffer__. PyBuffer_FillInfo is in the stable ABI only from 3.11 on, which is our minimum.
        unsafe {
            let result = ffi::PyBuffer_FillInfo(
                view,
                slf.as_ptr(),
                start.cast_mut().cast::<c_void>(),
                length.cast_signed(),
                1,
                flags,
            );
            if result != 0 {
                return Err(PyErr::fetch(slf.py()));
            }
        }
        Ok(())
    }
}

/// A readable input: Python `bytes` or our own `Bytes`, both immutable, so kernels may read it detached from Python.
pub enum Blob {
    Python(PyBackedBytes),
    Native(Shared),
}

impl Blob {
    /// The same memory as a shared slice; copies only Python's own bytes.
    pub fn into_shared(self) -> Shared {
        match self {
            Self::Python(bytes) => Shared::from(memory::copy(&bytes)),
            Self::Native(shared) => shared,
        }
    }
}

impl Deref for Blob {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Python(bytes) => bytes,
            Self::Native(shared) => shared,
        }
    }
}

impl<'a, 'py> FromPyObject<'a, 'py> for Blob {
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        if let Ok(bytes) = object.cast::<Bytes>() {
            return Ok(Self::Native(bytes.get().0.clone()));
        }
        if object.is_instance_of::<pyo3::types::PyBytes>() {
            return Ok(Self::Python(object.extract()?));
        }
        Err(PyTypeError::new_err("bytes or vinculum._native.Bytes needed"))
    }
}

/// Letting go of Python costs more than handling fewer bytes than this, above all when several threads contend for it.
pub const DETACH_BYTES: usize = 64 * 1024;

/// Runs `work` on `bytes` bytes, detached from Python if they are many.
pub fn detach_if_large<T: Send>(py: Python<'_>, bytes: usize, work: impl FnOnce() -> T + Send) -> T {
    if bytes < DETACH_BYTES { work() } else { py.detach(work) }
}

#[pyfunction]
fn keep_idle(size: usize) {
    memory::keep_idle(size);
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(keep_idle, module)?)?;
    module.add_class::<Bytes>()
}
