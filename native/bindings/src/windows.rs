//! `ItemWindow`, `ItemPiece`, `ItemPiecesToCome`, `ItemWindowDecoder`, `PathSelector`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use vinculum_kernels::items;
use vinculum_kernels::locks::lock;
use vinculum_kernels::memory::Shared;

use crate::background::ToCome;
use crate::crypto::{Opener, begin};
use crate::errors::IntoPython;
use crate::ids::Ids;
use crate::items::Item;
use crate::memory::{Blob, Bytes};

#[pyclass(frozen, module = "vinculum._native")]
pub struct ItemWindow(pub items::ItemWindow);

#[pymethods]
impl ItemWindow {
    fn __len__(&self) -> usize {
        self.0.len()
    }

    fn items(&self, py: Python<'_>) -> PyResult<Vec<Item>> {
        let items = py.detach(|| self.0.items()).into_python()?;
        Ok(items.into_iter().map(Item::new).collect())
    }

    fn paths<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyBytes>>> {
        let paths = py.detach(|| self.0.paths()).into_python()?;
        Ok(paths.iter().map(|path| PyBytes::new(py, path)).collect())
    }

    fn chosen(&self, mask: &[u8]) -> PyResult<Self> {
        if mask.len() != self.0.len() {
            return Err(PyValueError::new_err("a mask has one byte for each item"));
        }
        Ok(Self(self.0.filter(|place| mask[place] != 0)))
    }

    fn content_bytes(&self, py: Python<'_>) -> PyResult<u64> {
        py.detach(|| self.0.content_bytes()).into_python()
    }

    fn part(&self, start: usize, stop: usize) -> Self {
        Self(self.0.part(start..stop))
    }
}

#[pyclass(frozen, module = "vinculum._native")]
struct ItemPiece(Arc<items::ItemPiece>);

#[pymethods]
impl ItemPiece {
    fn __len__(&self) -> usize {
        self.0.len()
    }
}

/// Chunks of an item stream that are being opened and cut in the background.
#[pyclass(frozen, module = "vinculum._native")]
struct ItemPiecesToCome(ToCome<Vec<items::ItemPiece>>);

#[pymethods]
impl ItemPiecesToCome {
    fn wait(&self, py: Python<'_>) -> PyResult<Vec<ItemPiece>> {
        Ok(self.0.wait(py)?.into_iter().map(Arc::new).map(ItemPiece).collect())
    }
}

#[pyclass(frozen, module = "vinculum._native")]
struct ItemWindowDecoder(Mutex<items::ItemWindowDecoder>);

impl ItemWindowDecoder {
    fn lock(&self) -> MutexGuard<'_, items::ItemWindowDecoder> {
        lock(&self.0)
    }
}

#[pymethods]
impl ItemWindowDecoder {
    #[new]
    #[pyo3(signature = (selector=None))]
    fn new(selector: Option<&PathSelector>) -> Self {
        let selector = selector.map(|selector| Arc::clone(&selector.0));
        Self(Mutex::new(items::ItemWindowDecoder::new(selector)))
    }

    fn open_ahead(&self, opener: &Opener, stored: Vec<Blob>, ids: Ids) -> ItemPiecesToCome {
        let selector = self.lock().selector().map(Arc::clone);
        ItemPiecesToCome(begin(&opener.0, stored, &ids, move |opener, objects, ids| {
            items::cut_items(opener, objects, ids, selector.as_deref())
        }))
    }

    fn join(&self, py: Python<'_>, pieces: Vec<Py<ItemPiece>>) -> PyResult<ItemWindow> {
        let joined = py.detach(|| self.lock().join(pieces.iter().map(|piece| &*piece.get().0)));
        joined.map(ItemWindow).into_python()
    }

    fn feed(&self, py: Python<'_>, chunks: Vec<PyRef<'_, Bytes>>) -> PyResult<ItemWindow> {
        let chunks: Vec<Shared> = chunks.iter().map(|chunk| chunk.0.clone()).collect();
        py.detach(|| self.lock().feed(&chunks)).map(ItemWindow).into_python()
    }

    fn finish(&self) -> PyResult<()> {
        self.lock().finish().into_python()
    }

    #[getter]
    fn deciding(&self) -> Vec<usize> {
        self.lock().deciding().iter().copied().collect()
    }
}

#[pyclass(frozen, module = "vinculum._native")]
struct PathSelector(Arc<items::PathSelector>);

#[pymethods]
impl PathSelector {
    #[new]
    #[pyo3(signature = (full, prefixes, fallback, *, with_parts))]
    fn new(full: HashMap<Vec<u8>, bool>, prefixes: Vec<(Vec<u8>, bool)>, fallback: bool, with_parts: bool) -> Self {
        Self(Arc::new(items::PathSelector::new(full, prefixes, fallback, with_parts)))
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<ItemWindow>()?;
    module.add_class::<ItemPiece>()?;
    module.add_class::<ItemPiecesToCome>()?;
    module.add_class::<ItemWindowDecoder>()?;
    module.add_class::<PathSelector>()
}
