//! `ItemReferences`, `ReferencesToCome`, `ReferenceTally`.

use std::sync::{Arc, Mutex, PoisonError};

use pyo3::prelude::*;
use vinculum_kernels::items;

use crate::background::ToCome;
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

/// References that are being found in the background.
#[pyclass(frozen, module = "vinculum._native")]
pub struct ReferencesToCome(pub ToCome<Vec<items::ItemReferences>>);

#[pymethods]
impl ReferencesToCome {
    fn wait(&self, py: Python<'_>) -> PyResult<Vec<ItemReferences>> {
        let found = self.0.wait(py)?;
        Ok(found.into_iter().map(Arc::new).map(ItemReferences).collect())
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
