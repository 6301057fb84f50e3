//! `Pump`.

use std::os::fd::{AsRawFd, RawFd};

use pyo3::prelude::*;
use vinculum_kernels::memory::Shared;
use vinculum_kernels::pump;

use crate::errors::IntoPython;
use crate::memory::{Blob, Bytes};
use crate::sys::Descriptor;

#[pyclass(frozen, module = "vinculum._native")]
struct Pump(pump::Pump);

#[pymethods]
impl Pump {
    #[new]
    fn new(to_child: Descriptor, from_child: Descriptor, send_capacity: usize, receive_capacity: usize) -> PyResult<Self> {
        let started = pump::Pump::start(to_child.borrow(), from_child.borrow(), send_capacity, receive_capacity);
        Ok(Self(started.into_python()?))
    }

    fn fileno(&self) -> RawFd {
        self.0.bell().as_raw_fd()
    }

    fn ready(&self) -> (bool, bool) {
        let ready = self.0.ready();
        (ready.to_send, ready.to_receive)
    }

    fn send(&self, pieces: Vec<Blob>) -> PyResult<usize> {
        let pieces: Vec<Shared> = pieces.into_iter().map(Blob::into_shared).collect();
        self.0.send(pieces).into_python()
    }

    fn unsent_bytes(&self) -> usize {
        self.0.unsent_bytes()
    }

    fn receive(&self) -> Option<Bytes> {
        self.0.receive().map(Bytes)
    }

    fn stop_sending(&self) {
        self.0.stop_sending();
    }

    fn stop(&self, py: Python<'_>) {
        py.detach(|| self.0.stop());
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Pump>()
}
