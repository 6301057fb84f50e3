//! `ItemRules`, `ArchiveSurvey`, `ItemSalvage`, `DamageToCome`: what checking archives takes.

use std::sync::{Arc, Mutex};

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use vinculum_kernels::items;
use vinculum_kernels::locks::lock;

use crate::background::ToCome;
use crate::errors::IntoPython;
use crate::ids::{Ids, OneId, joined};
use crate::items::{Item, ItemStream};
use crate::memory::Blob;
use crate::references::ItemReferences;

/// Places of objects, and what is wrong with each.
pub type Damage = Vec<(usize, String)>;

#[pyclass(frozen, module = "vinculum._native")]
pub struct DamageToCome(pub ToCome<Damage>);

#[pymethods]
impl DamageToCome {
    fn wait(&self, py: Python<'_>) -> PyResult<Damage> {
        self.0.wait(py)
    }
}

#[pyclass(frozen, module = "vinculum._native")]
pub struct ItemRules(pub Arc<items::ItemRules>);

#[pymethods]
impl ItemRules {
    #[new]
    fn new(further_keys: Vec<Vec<u8>>) -> Self {
        Self(Arc::new(items::ItemRules::new(further_keys)))
    }
}

#[pyclass(frozen, module = "vinculum._native")]
pub struct ArchiveSurvey(Mutex<items::Survey>);

#[pymethods]
impl ArchiveSurvey {
    #[new]
    fn new(py: Python<'_>, ids: Ids, rules: &ItemRules) -> PyResult<Self> {
        let rules = Arc::clone(&rules.0);
        py.detach(|| items::Survey::new(ids.as_slice(), rules))
            .into_python()
            .map(|survey| Self(Mutex::new(survey)))
    }

    fn __len__(&self) -> usize {
        lock(&self.0).census.len()
    }

    fn __contains__(&self, id: OneId) -> bool {
        lock(&self.0).census.contains(&id.0)
    }

    fn add(&self, ids: Ids) -> PyResult<()> {
        lock(&self.0).census.add(ids.as_slice()).into_python()
    }

    fn remove(&self, ids: Ids) -> PyResult<()> {
        lock(&self.0).census.remove(ids.as_slice()).into_python()
    }

    fn begin(&self) {
        lock(&self.0).begin();
    }

    fn abandon(&self) {
        lock(&self.0).census.abandon();
    }

    fn examine(&self, py: Python<'_>, stream: &ItemStream, chunks: Vec<Py<ItemReferences>>) -> PyResult<(usize, bool)> {
        py.detach(|| {
            let chunks = chunks.iter().map(|chunk| &chunk.get().0);
            lock(&self.0).examine(&mut stream.lock(), chunks)
        })
        .into_python()
    }

    fn examine_rest(&self, py: Python<'_>, stream: &ItemStream, data: Blob) -> PyResult<bool> {
        py.detach(|| lock(&self.0).examine_rest(&mut stream.lock(), &data))
            .into_python()
    }

    fn flawed(&self, py: Python<'_>, items: Vec<Py<Item>>) -> Vec<usize> {
        let items: Vec<_> = items.iter().map(|item| &*item.get().0).collect();
        py.detach(|| lock(&self.0).flawed(&items))
    }

    fn refer(&self, ids: Ids) -> bool {
        lock(&self.0).census.refer(ids.as_slice().iter())
    }

    fn refer_to_content(&self, py: Python<'_>, items: Vec<Py<Item>>) {
        let items: Vec<_> = items.iter().map(|item| &*item.get().0).collect();
        py.detach(|| lock(&self.0).refer_to_content(&items));
    }

    fn unused<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        let unused = py.detach(|| lock(&self.0).census.unused());
        joined(py, &unused)
    }
}

#[pyclass(frozen, module = "vinculum._native")]
pub struct ItemSalvage(Mutex<items::Salvage>);

fn salvaged(salvaged: items::Salvaged) -> (Vec<Item>, Vec<String>) {
    (salvaged.items.into_iter().map(Item::new).collect(), salvaged.complaints)
}

#[pymethods]
impl ItemSalvage {
    #[new]
    fn new(rules: &ItemRules) -> Self {
        Self(Mutex::new(items::Salvage::new(Arc::clone(&rules.0))))
    }

    fn feed(&self, py: Python<'_>, data: Blob) -> (Vec<Item>, Vec<String>) {
        salvaged(py.detach(|| lock(&self.0).feed(&data)))
    }

    fn skip(&self) {
        lock(&self.0).skip();
    }

    fn finish(&self, py: Python<'_>) -> (Vec<Item>, Vec<String>) {
        salvaged(py.detach(|| lock(&self.0).finish()))
    }

    fn unknown_keys<'py>(&self, py: Python<'py>) -> Vec<Bound<'py, PyBytes>> {
        lock(&self.0).unknown_keys().map(|key| PyBytes::new(py, key)).collect()
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<ItemRules>()?;
    module.add_class::<ArchiveSurvey>()?;
    module.add_class::<ItemSalvage>()?;
    module.add_class::<DamageToCome>()
}
