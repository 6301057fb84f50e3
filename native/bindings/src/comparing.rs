//! `ItemPairing`.

use std::sync::{Arc, Mutex};

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use vinculum_kernels::comparing::{self, Standard};
use vinculum_kernels::items;
use vinculum_kernels::locks::lock;

use crate::errors::IntoPython;
use crate::items::Item;
use crate::windows::ItemWindow;

/// Path, both items, and whether they are the same if their content is.
type Unequal = (Py<PyBytes>, Option<Item>, Option<Item>, bool);
type LostLink = (Py<PyBytes>, Py<PyBytes>);

#[pyclass(frozen, module = "vinculum._native")]
struct ItemPairing(Mutex<comparing::ItemPairing>);

fn bytes(py: Python<'_>, raw: &[u8]) -> Py<PyBytes> {
    PyBytes::new(py, raw).unbind()
}

fn unequal(py: Python<'_>, found: Vec<comparing::Unequal>) -> Vec<Unequal> {
    let item = |item: Option<items::Item>| item.map(|item| Item(Arc::new(item)));
    let one = |pair: comparing::Unequal| {
        let path = bytes(py, &pair.path);
        (path, item(pair.old), item(pair.new), pair.depends_on_content)
    };
    found.into_iter().map(one).collect()
}

#[pymethods]
impl ItemPairing {
    #[new]
    #[pyo3(signature = (*, by_ids, content_only))]
    fn new(by_ids: bool, content_only: bool) -> Self {
        Self(Mutex::new(comparing::ItemPairing::new(Standard { by_ids, content_only })))
    }

    fn meet(&self, py: Python<'_>, old: &ItemWindow, new: &ItemWindow) -> PyResult<Vec<Unequal>> {
        let found = py.detach(|| lock(&self.0).meet(&old.0, &new.0));
        Ok(unequal(py, found.into_python()?))
    }

    fn rest(&self, py: Python<'_>, most: usize) -> PyResult<(Vec<Unequal>, Vec<LostLink>)> {
        let rest = py.detach(|| lock(&self.0).rest(most));
        let (found, lost) = rest.into_python()?;
        let lost = lost.iter().map(|(path, source)| (bytes(py, path), bytes(py, source)));
        Ok((unequal(py, found), lost.collect()))
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<ItemPairing>()
}
