//! `ItemReferences`, `ReferencesToCome`, `ReferenceTally`, `ContentUsage`.

use std::sync::{Arc, Mutex, MutexGuard};

use pyo3::prelude::*;
use vinculum_kernels::items;
use vinculum_kernels::locks::lock;

use crate::background::ToCome;
use crate::errors::IntoPython;
use crate::index::{ChunkIndex, UsageTuple, usage_tuple};
use crate::items::ItemStream;
use crate::memory::Blob;

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
            let mut tally = lock(&self.0);
            tally.count(&mut stream.lock(), chunks, &mut index.0.lock())
        })
        .into_python()
    }

    fn settle(&self, py: Python<'_>, index: &ChunkIndex) -> PyResult<()> {
        py.detach(|| {
            let mut tally = lock(&self.0);
            tally.settle(&mut index.0.lock())
        })
        .into_python()
    }
}

#[pyclass(frozen, module = "vinculum._native")]
pub struct ContentUsage(Mutex<items::ContentUsage>);

impl ContentUsage {
    fn lock(&self) -> MutexGuard<'_, items::ContentUsage> {
        lock(&self.0)
    }
}

#[pymethods]
impl ContentUsage {
    #[new]
    fn new(py: Python<'_>, index: &ChunkIndex) -> Self {
        Self(Mutex::new(py.detach(|| items::ContentUsage::new(&index.0))))
    }

    fn count(&self, py: Python<'_>, stream: &ItemStream, chunks: Vec<Py<ItemReferences>>) -> PyResult<usize> {
        py.detach(|| {
            let chunks = chunks.iter().map(|chunk| &chunk.get().0);
            self.lock().count(&mut stream.lock(), chunks)
        })
        .into_python()
    }

    fn count_piece(&self, py: Python<'_>, stream: &ItemStream, piece: Blob) -> PyResult<()> {
        py.detach(|| self.lock().count_piece(&mut stream.lock(), &piece))
            .into_python()
    }

    fn sums(&self, py: Python<'_>) -> UsageTuple {
        usage_tuple(py.detach(|| self.lock().sums()))
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<ItemReferences>()?;
    module.add_class::<ReferencesToCome>()?;
    module.add_class::<ReferenceTally>()?;
    module.add_class::<ContentUsage>()
}
