//! `ItemWindow`, `ItemWindowDecoder`, `PathSelector`.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use vinculum_kernels::items;
use vinculum_kernels::memory::Shared;

use crate::errors::IntoPython;
use crate::items::Item;
use crate::memory::Bytes;

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
        let paths = py.detach(|| self.0.map_names(|name| name.path.to_vec())).into_python()?;
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

    fn without_parts(&self, py: Python<'_>) -> PyResult<Self> {
        py.detach(|| self.0.without_parts()).map(Self).into_python()
    }
}

#[pyclass(frozen, module = "vinculum._native")]
struct ItemWindowDecoder(Mutex<items::ItemWindowDecoder>);

#[pymethods]
impl ItemWindowDecoder {
    #[new]
    fn new() -> Self {
        Self(Mutex::default())
    }

    fn feed(&self, py: Python<'_>, pieces: Vec<PyRef<'_, Bytes>>) -> PyResult<ItemWindow> {
        let pieces: Vec<Shared> = pieces.iter().map(|piece| piece.0.clone()).collect();
        py.detach(|| self.0.lock().unwrap_or_else(PoisonError::into_inner).feed(&pieces))
            .map(ItemWindow)
            .into_python()
    }

    fn finish(&self) -> PyResult<()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).finish().into_python()
    }
}

#[pyclass(frozen, module = "vinculum._native")]
struct PathSelector(items::PathSelector);

#[pymethods]
impl PathSelector {
    #[new]
    fn new(full: HashMap<Vec<u8>, bool>, prefixes: Vec<(Vec<u8>, bool)>, fallback: bool) -> Self {
        Self(items::PathSelector::new(full, prefixes, fallback))
    }

    fn select(&self, py: Python<'_>, window: &ItemWindow, with_parts: bool) -> PyResult<(ItemWindow, Vec<usize>)> {
        let (chosen, matched) = py.detach(|| self.0.select(&window.0, with_parts)).into_python()?;
        Ok((ItemWindow(chosen), matched.into_iter().collect()))
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<ItemWindow>()?;
    module.add_class::<ItemWindowDecoder>()?;
    module.add_class::<PathSelector>()
}
