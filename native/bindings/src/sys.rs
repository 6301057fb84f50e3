//! Python's file descriptors.

use std::os::fd::{BorrowedFd, RawFd};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// A descriptor argument: it stays the caller's, who keeps it open during the call.
pub struct Descriptor(RawFd);

impl Descriptor {
    #[allow(unsafe_code)]
    pub fn borrow(&self) -> BorrowedFd<'_> {
        // SAFETY: not negative as checked on extraction. The caller keeps it open; should a program close it all the same,
        // system calls fail with EBADF or meet another file, as with `os.read` of a closed descriptor, but memory stays sound.
        unsafe { BorrowedFd::borrow_raw(self.0) }
    }
}

impl<'a, 'py> FromPyObject<'a, 'py> for Descriptor {
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        let fd: RawFd = object.extract()?;
        if fd < 0 {
            return Err(PyValueError::new_err(format!("{fd} is no file descriptor")));
        }
        Ok(Self(fd))
    }
}
