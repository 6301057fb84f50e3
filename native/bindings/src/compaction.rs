//! `ShadowIndex`, `MovedEntries`.

use std::sync::{Mutex, MutexGuard};

use pyo3::prelude::*;
use vinculum_kernels::compaction;
use vinculum_kernels::locks::lock;

use crate::errors::IntoPython;
use crate::ids::{Ids, OneId};
use crate::index::RepositoryIndex;
use crate::memory::{Blob, Bytes};
use crate::segments::SegmentEntries;
use crate::sys::Descriptor;

#[pyclass(frozen, module = "vinculum._native")]
pub struct ShadowIndex(Mutex<compaction::ShadowIndex>);

impl ShadowIndex {
    fn lock(&self) -> MutexGuard<'_, compaction::ShadowIndex> {
        lock(&self.0)
    }
}

#[pymethods]
impl ShadowIndex {
    #[new]
    fn new() -> Self {
        Self(Mutex::default())
    }

    #[staticmethod]
    fn load(py: Python<'_>, data: Blob) -> PyResult<Self> {
        py.detach(|| compaction::ShadowIndex::load(&data))
            .into_python()
            .map(|index| Self(Mutex::new(index)))
    }

    fn save(&self, py: Python<'_>) -> Bytes {
        Bytes(py.detach(|| self.lock().save()))
    }

    fn __len__(&self, py: Python<'_>) -> usize {
        py.detach(|| self.lock().len())
    }

    fn get(&self, py: Python<'_>, id: OneId) -> Option<Vec<u32>> {
        py.detach(|| self.lock().get(&id.0).map(<[u32]>::to_vec))
    }

    fn add_many(&self, py: Python<'_>, ids: Ids, segment: u32) {
        py.detach(|| self.lock().add_many(ids.as_slice(), segment));
    }

    fn forget_after(&self, py: Python<'_>, segment: i64) {
        py.detach(|| self.lock().forget_after(segment));
    }
}

#[pyclass(frozen, module = "vinculum._native")]
pub struct MovedEntries(compaction::MovedEntries);

#[pymethods]
impl MovedEntries {
    #[new]
    #[pyo3(signature = (entries, start, segment, index, shadows, *, is_stable, target, offset, limit, most, is_new))]
    #[allow(clippy::too_many_arguments)]
    fn new(
        py: Python<'_>,
        entries: &SegmentEntries,
        start: usize,
        segment: u32,
        index: &RepositoryIndex,
        shadows: &ShadowIndex,
        is_stable: bool,
        target: u32,
        offset: u64,
        limit: u64,
        most: u64,
        is_new: bool,
    ) -> PyResult<Self> {
        let from = compaction::Source {
            segment,
            entries: &entries.0,
            is_stable,
        };
        let to = compaction::Target {
            segment: target,
            offset,
            limit,
            most,
            is_new,
        };
        py.detach(|| compaction::MovedEntries::of(&from, start, &to, &mut index.0.lock(), &mut shadows.lock()))
            .into_python()
            .map(Self)
    }

    fn __len__(&self) -> usize {
        self.0.len()
    }

    #[getter]
    fn stop(&self) -> usize {
        self.0.stop
    }

    #[getter]
    fn needs_segment(&self) -> bool {
        self.0.needs_segment
    }

    #[getter]
    fn puts(&self) -> u64 {
        self.0.puts
    }

    #[getter]
    fn delete_bytes(&self) -> u64 {
        self.0.delete_bytes
    }

    #[getter]
    fn superseded_bytes(&self) -> u64 {
        self.0.superseded_bytes
    }

    fn read(&self, py: Python<'_>, fd: Descriptor) -> PyResult<Bytes> {
        py.detach(|| self.0.read(fd.borrow())).into_python().map(Bytes)
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<ShadowIndex>()?;
    module.add_class::<MovedEntries>()
}
