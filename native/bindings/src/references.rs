//! `ItemReferences`, `ReferencesToCome`, `ReferenceTally`.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use vinculum_kernels::errors::Error;
use vinculum_kernels::items;

use crate::errors::IntoPython;
use crate::index::ChunkIndex;
use crate::items::ItemStream;

#[pyclass(frozen, module = "vinculum._native")]
pub struct ItemReferences(pub Arc<items::ItemReferences>);

#[pymethods]
impl ItemReferences {
    #[getter]
    fn head_bytes(&self) -> usize {
        self.0.head_bytes()
    }

    #[getter]
    fn memory_bytes(&self) -> usize {
        self.0.memory_bytes()
    }
}

type Work = JoinHandle<Result<Vec<items::ItemReferences>, Error>>;

/// References that are being found in the background.
#[pyclass(frozen, module = "vinculum._native")]
pub struct ReferencesToCome(Mutex<Option<Work>>);

impl ReferencesToCome {
    pub fn new(work: Work) -> Self {
        Self(Mutex::new(Some(work)))
    }
}

#[pymethods]
impl ReferencesToCome {
    fn wait(&self, py: Python<'_>) -> PyResult<Vec<ItemReferences>> {
        let work = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let work = work.ok_or_else(|| PyValueError::new_err("these references were waited for before"))?;
        let found = py
            .detach(|| work.join())
            .map_err(|_| PyRuntimeError::new_err("finding references failed in the background"))?;
        Ok(found.into_python()?.into_iter().map(Arc::new).map(ItemReferences).collect())
    }
}

#[pyclass(frozen, module = "vinculum._native")]
pub struct ReferenceTally(Mutex<items::ReferenceTally>);

#[pymethods]
impl ReferenceTally {
    #[new]
    fn new() -> Self {
        Self(Mutex::default())
    }

    fn count(
        &self,
        py: Python<'_>,
        index: &ChunkIndex,
        stream: &ItemStream,
        chunks: Vec<Py<ItemReferences>>,
    ) -> PyResult<usize> {
        py.detach(|| {
            let chunks = chunks.iter().map(|chunk| &chunk.get().0);
            let mut tally = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            tally.count(&mut stream.lock(), chunks, &mut index.0.lock())
        })
        .into_python()
    }

    fn settle(&self, py: Python<'_>, index: &ChunkIndex) -> PyResult<()> {
        py.detach(|| {
            let mut tally = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            tally.settle(&mut index.0.lock())
        })
        .into_python()
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<ItemReferences>()?;
    module.add_class::<ReferencesToCome>()?;
    module.add_class::<ReferenceTally>()
}
