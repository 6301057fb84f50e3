//! The extension module `vinculum._native`. One file per kernel module: extract arguments, detach, call, wrap. No logic.

use pyo3::prelude::*;

mod background;
mod batch;
mod checksums;
mod chunking;
mod compaction;
mod comparing;
mod compression;
mod crypto;
mod errors;
mod files_cache;
mod filesystem;
mod hashing;
mod ids;
mod index;
mod items;
mod listing;
mod memory;
mod names;
mod plain_walk;
mod pump;
mod references;
mod restoring;
mod rpc;
mod scanning;
mod segments;
mod survey;
mod sys;
mod windows;

#[pyfunction]
fn use_threads(count: usize) {
    vinculum_kernels::parallel::use_threads(count);
}

#[pyfunction]
fn use_readers(count: usize) {
    vinculum_kernels::parallel::use_readers(count);
}

#[pymodule(gil_used = false)]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    vinculum_kernels::sys::settle_allocator();
    module.add_function(wrap_pyfunction!(use_threads, module)?)?;
    module.add_function(wrap_pyfunction!(use_readers, module)?)?;
    memory::register(module)?;
    checksums::register(module)?;
    hashing::register(module)?;
    chunking::register(module)?;
    compression::register(module)?;
    crypto::register(module)?;
    index::register(module)?;
    segments::register(module)?;
    compaction::register(module)?;
    scanning::register(module)?;
    files_cache::register(module)?;
    batch::register(module)?;
    items::register(module)?;
    windows::register(module)?;
    listing::register(module)?;
    comparing::register(module)?;
    references::register(module)?;
    survey::register(module)?;
    restoring::register(module)?;
    rpc::register(module)?;
    plain_walk::register(module)?;
    pump::register(module)?;
    filesystem::register(module)
}
