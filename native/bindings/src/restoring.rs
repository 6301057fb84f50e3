//! `Restorer`, `LargeFile`, `RestoreBatch`, `RestoreLine`, `RestoreToCome`, `ContentPlan`, `get_flags`, `set_flags`,
//! `acl_from_text`, `acl_names`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use vinculum_kernels::chunking::ChunkList;
use vinculum_kernels::items::acl::{self, Acl};
use vinculum_kernels::items::{self, OwnerIds};
use vinculum_kernels::locks::lock;
use vinculum_kernels::memory::Shared;
use vinculum_kernels::restoring::{self, Action, Entry, Part, Trouble, Wanted};

use crate::background::ToCome;
use crate::chunking;
use crate::crypto::Opener;
use crate::errors::IntoPython;
use crate::ids::joined;
use crate::items::Item;
use crate::memory::Blob;
use crate::names::{Names, names};
use crate::sys::Descriptor;
use crate::windows::ItemWindow;

/// A file without content takes about as long to create as so many bytes to write.
const BYTES_OF_WORK: usize = 16 * 1024;

#[pyfunction]
fn get_flags(py: Python<'_>, fd: Descriptor) -> PyResult<u32> {
    py.detach(|| restoring::get_flags(fd.borrow())).into_python()
}

#[pyfunction]
fn set_flags(py: Python<'_>, fd: Descriptor, flags: u32) -> PyResult<()> {
    py.detach(|| restoring::set_flags(fd.borrow(), flags)).into_python()
}

#[pyfunction]
fn acl_from_text<'py>(
    py: Python<'py>,
    text: &[u8],
    numeric_ids: bool,
    users: &Bound<'py, PyDict>,
    groups: &Bound<'py, PyDict>,
) -> PyResult<Bound<'py, PyBytes>> {
    let mut ids = OwnerIds::default();
    if !numeric_ids {
        for (name, id) in users {
            ids.set_user(name.extract()?, id.extract()?);
        }
        for (name, id) in groups {
            ids.set_group(name.extract()?, id.extract()?);
        }
    }
    let acl = Acl::from_text(text, |named| ids.id(named)).into_python()?;
    Ok(PyBytes::new(py, &acl.to_xattr()))
}

#[pyfunction]
fn acl_names<'py>(py: Python<'py>, text: &[u8]) -> (Names<'py>, Names<'py>) {
    let (users, groups) = acl::names_in_text(text);
    (names(py, &users), names(py, &groups))
}

/// What went wrong as Python takes it: kind, a number that belongs to it, bytes that belong to it.
type Told<'py> = (&'static str, u64, Bound<'py, PyBytes>);

fn told(py: Python<'_>, trouble: Trouble) -> Told<'_> {
    let (kind, number, bytes) = match trouble {
        Trouble::Os(error) => ("os", error.into(), Vec::new()),
        Trouble::LeadsOut => ("path", 0, Vec::new()),
        Trouble::SymlinkParent => ("parent", 0, Vec::new()),
        Trouble::UnsafeLink => ("link", 0, Vec::new()),
        Trouble::UnknownKind(form) => ("kind", form.into(), Vec::new()),
        Trouble::Attribute(name, error) => ("attribute", error.into(), name),
        Trouble::Senseless(text) => ("senseless", 0, text.into_bytes()),
        Trouble::OtherSize(size) => ("size", size, Vec::new()),
        Trouble::Damaged => ("damaged", 0, Vec::new()),
    };
    (kind, number, PyBytes::new(py, &bytes))
}

#[pyclass(frozen, module = "vinculum._native")]
struct Restorer(Arc<restoring::Restorer>);

#[pymethods]
impl Restorer {
    #[new]
    #[pyo3(signature = (root, *, numeric_ids=false, acls=true, xattrs=true, flags=true, sparse=false))]
    fn new(root: Descriptor, numeric_ids: bool, acls: bool, xattrs: bool, flags: bool, sparse: bool) -> PyResult<Self> {
        let wanted = Wanted {
            numeric_ids,
            acls,
            xattrs,
            flags,
        };
        let restorer = restoring::Restorer::new(root.borrow(), wanted, sparse).into_python()?;
        Ok(Self(Arc::new(restorer)))
    }

    fn set_user(&self, name: Vec<u8>, uid: Option<u32>) {
        self.0.change_owners(|owners| owners.set_user(name, uid));
    }

    fn set_group(&self, name: Vec<u8>, gid: Option<u32>) {
        self.0.change_owners(|owners| owners.set_group(name, gid));
    }
}

#[pyclass(frozen, module = "vinculum._native")]
struct LargeFile(Arc<restoring::LargeFile>);

#[pymethods]
impl LargeFile {
    #[new]
    fn new(item: &Item, path: Vec<u8>) -> Self {
        Self(Arc::new(restoring::LargeFile::new(Arc::clone(&item.0), path)))
    }

    #[getter]
    fn is_over(&self) -> bool {
        self.0.is_over()
    }
}

#[pyclass(frozen, module = "vinculum._native")]
struct RestoreBatch(Mutex<Entries>);

#[derive(Default)]
struct Entries {
    entries: Vec<Entry>,
    chunks: usize,
    bytes: u64,
}

impl RestoreBatch {
    fn lock(&self) -> MutexGuard<'_, Entries> {
        lock(&self.0)
    }

    fn add(&self, action: Action, item: &Arc<items::Item>, path: Vec<u8>) {
        let chunks = match &action {
            Action::WriteFile(_) => item.chunks.as_ref(),
            Action::WritePart(part) => Some(&part.chunks),
            _ => None,
        };
        let mut batch = self.lock();
        batch.chunks += chunks.map_or(0, ChunkList::len);
        batch.bytes += chunks.map_or(0, ChunkList::size_bytes);
        let item = Arc::clone(item);
        batch.entries.push(Entry { action, path, item });
    }
}

#[pymethods]
impl RestoreBatch {
    #[new]
    fn new() -> Self {
        Self(Mutex::default())
    }

    fn __len__(&self) -> usize {
        self.lock().entries.len()
    }

    #[getter]
    fn chunk_count(&self) -> usize {
        self.lock().chunks
    }

    #[getter]
    fn content_bytes(&self) -> u64 {
        self.lock().bytes
    }

    fn make_directory(&self, item: &Item, path: Vec<u8>) {
        self.add(Action::MakeDirectory, &item.0, path);
    }

    fn finish_directory(&self, item: &Item, path: Vec<u8>) {
        self.add(Action::FinishDirectory, &item.0, path);
    }

    fn write_file(&self, item: &Item, path: Vec<u8>) {
        let count = item.0.chunks.as_ref().map_or(0, ChunkList::len);
        self.add(Action::WriteFile(count), &item.0, path);
    }

    #[pyo3(signature = (file, chunks, known, *, is_last))]
    fn write_part(&self, file: &LargeFile, chunks: &chunking::ChunkList, known: HashMap<usize, Blob>, is_last: bool) {
        let mut known: Vec<(usize, Shared)> = known
            .into_iter()
            .map(|(place, content)| (place, content.into_shared()))
            .collect();
        known.sort_unstable_by_key(|(place, _)| *place);
        let part = Part {
            file: Arc::clone(&file.0),
            chunks: chunks.read().clone(),
            known,
            is_last,
        };
        self.add(Action::WritePart(part), &file.0.item, file.0.path.clone());
    }

    fn make_link(&self, item: &Item, source: Vec<u8>, path: Vec<u8>) {
        self.add(Action::MakeLink(source), &item.0, path);
    }

    fn make_special(&self, item: &Item, path: Vec<u8>) {
        self.add(Action::MakeSpecial, &item.0, path);
    }

    fn ids<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        joined(py, &restoring::content_ids(&self.lock().entries))
    }

    fn unknown_owners<'py>(&self, py: Python<'py>, restorer: &Restorer) -> (Names<'py>, Names<'py>) {
        let unknown = restorer.0.unknown_owners(&self.lock().entries);
        (names(py, &unknown.users), names(py, &unknown.groups))
    }
}

#[pyclass(frozen, module = "vinculum._native")]
struct RestoreLine(restoring::RestoreLine);

#[pymethods]
impl RestoreLine {
    #[new]
    fn new(opener: &Opener, restorer: Option<&Restorer>) -> Self {
        let restorer = restorer.map(|restorer| Arc::clone(&restorer.0));
        Self(restoring::RestoreLine::new(Arc::clone(&opener.0), restorer))
    }

    fn begin(&self, batch: &RestoreBatch, stored: Vec<Blob>) -> RestoreToCome {
        let Entries { entries, bytes, .. } = std::mem::take(&mut *batch.lock());
        let stored: Vec<Shared> = stored.into_iter().map(Blob::into_shared).collect();
        // Files without content are work, too.
        let bytes = usize::try_from(bytes)
            .unwrap_or(usize::MAX)
            .max(entries.len() * BYTES_OF_WORK);
        RestoreToCome(ToCome::from(self.0.begin(bytes, entries, stored)))
    }
}

/// A batch that is being restored in the background.
#[pyclass(frozen, module = "vinculum._native")]
struct RestoreToCome(ToCome<restoring::Troubles>);

#[pymethods]
impl RestoreToCome {
    fn wait<'py>(&self, py: Python<'py>) -> PyResult<Vec<(usize, Told<'py>)>> {
        let troubles = self.0.wait(py)?.into_iter();
        Ok(troubles.map(|(place, trouble)| (place, told(py, trouble))).collect())
    }
}

/// What a dry run reads of a window.
#[pyclass(frozen, module = "vinculum._native")]
struct ContentPlan(Mutex<restoring::ContentPlan>);

impl ContentPlan {
    fn lock(&self) -> MutexGuard<'_, restoring::ContentPlan> {
        lock(&self.0)
    }
}

#[pymethods]
impl ContentPlan {
    #[new]
    fn new(py: Python<'_>, window: &ItemWindow, strip: isize) -> PyResult<Self> {
        let plan = py.detach(|| restoring::ContentPlan::new(window.0.clone(), strip));
        plan.map(|plan| Self(Mutex::new(plan))).into_python()
    }

    fn next<'py>(&self, py: Python<'py>, most_bytes: u64, most_chunks: usize) -> Option<Bound<'py, PyBytes>> {
        self.lock().next(most_bytes, most_chunks).map(|ids| joined(py, ids))
    }

    fn settle<'py>(&self, py: Python<'py>, sizes: Vec<u32>) -> PyResult<Vec<(usize, Told<'py>)>> {
        let troubles = self.lock().settle(&sizes).into_python()?;
        Ok(troubles
            .into_iter()
            .map(|(place, trouble)| (place, told(py, trouble)))
            .collect())
    }

    #[getter]
    fn complete(&self) -> usize {
        self.lock().complete()
    }

    #[getter]
    fn begun_bytes(&self) -> u64 {
        self.lock().begun_bytes()
    }

    fn item(&self, number: usize) -> PyResult<Item> {
        self.lock().item(number).map(Item::new).into_python()
    }

    fn path<'py>(&self, py: Python<'py>, number: usize) -> PyResult<Bound<'py, PyBytes>> {
        self.lock().path(number).map(|path| PyBytes::new(py, path)).into_python()
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Restorer>()?;
    module.add_class::<LargeFile>()?;
    module.add_class::<RestoreBatch>()?;
    module.add_class::<RestoreLine>()?;
    module.add_class::<RestoreToCome>()?;
    module.add_class::<ContentPlan>()?;
    module.add_function(wrap_pyfunction!(get_flags, module)?)?;
    module.add_function(wrap_pyfunction!(set_flags, module)?)?;
    module.add_function(wrap_pyfunction!(acl_from_text, module)?)?;
    module.add_function(wrap_pyfunction!(acl_names, module)?)
}
