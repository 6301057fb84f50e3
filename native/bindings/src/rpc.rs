//! `MessageFramer`, `encode_calls`, `encode_puts`, `encode_acknowledgements`, `encode_objects`.

use std::sync::Mutex;

use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use vinculum_kernels::errors::Result;
use vinculum_kernels::locks::lock;
use vinculum_kernels::memory::Shared;
use vinculum_kernels::rpc::{self, Framer, Limits, Run};

use crate::crypto::SealedBatch;
use crate::errors::IntoPython;
use crate::ids::{Ids, joined};
use crate::memory::{Blob, Bytes, detach_if_large};

/// What a run is called, its first number, and what it holds.
type Described = (&'static str, u64, Py<PyAny>);

#[pyclass(frozen, module = "vinculum._native")]
struct MessageFramer(Mutex<Framer>);

#[pymethods]
impl MessageFramer {
    #[new]
    fn new(max_message: usize, max_array: u32, max_map: u32, max_containers: usize) -> Self {
        Self(Mutex::new(Framer::new(Limits {
            message: max_message,
            array: max_array,
            map: max_map,
            containers: max_containers,
        })))
    }

    fn feed(&self, py: Python<'_>, data: Blob) {
        detach_if_large(py, data.len(), || self.with(|framer| framer.feed(&data.into_shared())));
    }

    fn pending_bytes(&self) -> usize {
        self.with(|framer| framer.pending_bytes())
    }

    fn messages(&self) -> PyResult<Vec<Bytes>> {
        let messages = self.with(Framer::messages).into_python()?;
        Ok(messages.into_iter().map(Bytes).collect())
    }

    fn requests(&self, py: Python<'_>) -> PyResult<Vec<Described>> {
        self.runs(py, rpc::group_requests)
    }

    fn replies(&self, py: Python<'_>) -> PyResult<Vec<Described>> {
        self.runs(py, rpc::group_replies)
    }
}

impl MessageFramer {
    fn with<T>(&self, work: impl FnOnce(&mut Framer) -> T) -> T {
        work(&mut lock(&self.0))
    }

    fn runs(&self, py: Python<'_>, group: fn(Vec<Shared>) -> Vec<Run>) -> PyResult<Vec<Described>> {
        let runs: Result<Vec<Run>> = py.detach(|| Ok(group(self.with(Framer::messages)?)));
        runs.into_python()?.into_iter().map(|run| describe(py, run)).collect()
    }
}

fn describe(py: Python<'_>, run: Run) -> PyResult<Described> {
    Ok(match run {
        Run::Puts { first, batch } => ("puts", first, SealedBatch(batch).into_py_any(py)?),
        Run::Gets { first, ids } => ("gets", first, joined(py, &ids).into_py_any(py)?),
        Run::Acknowledged { first, count } => ("acknowledged", first, count.into_py_any(py)?),
        Run::Objects { first, objects } => {
            let objects: Vec<Bytes> = objects.into_iter().map(Bytes).collect();
            ("objects", first, objects.into_py_any(py)?)
        }
        Run::Other(message) => ("other", 0, Bytes(message).into_py_any(py)?),
    })
}

#[pyfunction]
fn encode_calls(method: &[u8], first: u64, ids: Ids) -> PyResult<Bytes> {
    rpc::encode_calls(method, first, ids.as_slice()).map(Bytes).into_python()
}

#[pyfunction]
fn encode_puts(py: Python<'_>, first: u64, sealed: &SealedBatch, start: usize, stop: usize) -> PyResult<Bytes> {
    py.detach(|| rpc::encode_puts(first, &sealed.0, start, stop))
        .map(Bytes)
        .into_python()
}

#[pyfunction]
fn encode_acknowledgements(first: u64, count: usize) -> PyResult<Bytes> {
    rpc::encode_acknowledgements(first, count).map(Bytes).into_python()
}

#[pyfunction]
fn encode_objects(first: u64, objects: Vec<Blob>) -> PyResult<Vec<Bytes>> {
    let objects: Vec<Shared> = objects.into_iter().map(Blob::into_shared).collect();
    let pieces = rpc::encode_objects(first, &objects).into_python()?;
    Ok(pieces.into_iter().map(Bytes).collect())
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(encode_calls, module)?)?;
    module.add_function(wrap_pyfunction!(encode_puts, module)?)?;
    module.add_function(wrap_pyfunction!(encode_acknowledgements, module)?)?;
    module.add_function(wrap_pyfunction!(encode_objects, module)?)?;
    module.add_class::<MessageFramer>()
}
