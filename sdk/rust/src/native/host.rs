//! The host as a plugin sees it during a call.

#![allow(unsafe_code)]

use std::cell::Cell;
use std::ptr;

use arrow_array::{Array, ArrayRef};
use tidelake_columns::native::{
    Bytes, DONE, FFI_ArrowArray, FFI_ArrowSchema, Host, OutColumn, Status,
};

use crate::error::{Error, ErrorKind, Result};
use crate::log::Level;
use crate::output::Column;

thread_local!(static CURRENT: Cell<*const Host> = const { Cell::new(ptr::null()) });

/// Puts a host in place for the length of a call.
pub(super) struct Called {
    before: *const Host,
}

impl Called {
    /// # Safety
    ///
    /// The host is valid until the answer is dropped.
    pub(super) unsafe fn by(host: *const Host) -> Self {
        Self { before: CURRENT.replace(host) }
    }
}

impl Drop for Called {
    fn drop(&mut self) {
        CURRENT.set(self.before);
    }
}

/// Calls the host of the current call; `None` where there is none: in tests, and on
/// threads of the plugin's own.
fn with<T>(call: impl FnOnce(&Host) -> T) -> Option<T> {
    let host = CURRENT.get();
    // SAFETY: `Called` holds it in place for as long as it is valid.
    unsafe { host.as_ref() }.map(call)
}

/// What the host makes of it is said by the host; this is for the plugin to stop.
fn taken(status: Option<Status>) -> Result<()> {
    match status {
        Some(DONE) => Ok(()),
        Some(_) => Err(Error::exhausted("the host did not take what was emitted")),
        None => Err(Error::internal("results are handed on during a call, on its thread alone")),
    }
}

pub(crate) fn emit(rows: usize, columns: &[Column]) -> Result<()> {
    let column = |column: &Column| {
        Ok(match column {
            Column::Same(index) => OutColumn {
                same: *index as i64,
                array: FFI_ArrowArray::empty(),
                schema: FFI_ArrowSchema::empty(),
            },
            Column::Data(array) => {
                let (array, schema) = exported(array)?;
                OutColumn { same: -1, array, schema }
            }
        })
    };
    let mut columns = columns.iter().map(column).collect::<Result<Vec<_>>>()?;
    let (at, len) = (columns.as_mut_ptr(), columns.len());
    // SAFETY: the columns outlive the call; arrays that the host takes it leaves empty.
    taken(with(|host| unsafe { (host.emit)(host.context, rows as u64, at, len) }))
}

fn exported(array: &ArrayRef) -> Result<(FFI_ArrowArray, FFI_ArrowSchema)> {
    Ok(arrow_array::ffi::to_ffi(&array.to_data())?)
}

pub(crate) fn emit_selected(bits: &[u8]) -> Result<()> {
    // SAFETY: the bytes outlive the call.
    taken(with(|host| unsafe { (host.emit_selected)(host.context, Bytes::of(bits)) }))
}

pub(crate) fn write(bytes: &[u8]) -> Result<()> {
    // SAFETY: the bytes outlive the call.
    taken(with(|host| unsafe { (host.write)(host.context, Bytes::of(bytes)) }))
}

pub(super) fn answer(text: &str) {
    // SAFETY: the text outlives the call.
    with(|host| unsafe { (host.answer)(host.context, Bytes::of(text.as_bytes())) });
}

pub(super) fn fail(code: u32, message: &str) {
    // SAFETY: the text outlives the call.
    with(|host| unsafe { (host.fail)(host.context, code, Bytes::of(message.as_bytes()), 0) });
}

/// The number of a kind of errors.
pub(super) fn code(kind: ErrorKind) -> u32 {
    use tidelake_columns::native::code;
    match kind {
        ErrorKind::InvalidInput => code::INVALID_INPUT,
        ErrorKind::Unsupported => code::UNSUPPORTED,
        ErrorKind::NotFound => code::NOT_FOUND,
        ErrorKind::AlreadyExists => code::ALREADY_EXISTS,
        ErrorKind::Precondition => code::PRECONDITION,
        ErrorKind::Denied => code::DENIED,
        ErrorKind::Exhausted => code::EXHAUSTED,
        ErrorKind::Transient => code::TRANSIENT,
        ErrorKind::Internal => code::INTERNAL,
    }
}

/// `None` where there is no host, as in all that follow.
pub(crate) fn log(level: Level, message: &str) -> Option<()> {
    // SAFETY: the text outlives the call.
    with(|host| unsafe { (host.log)(host.context, level as u32, Bytes::of(message.as_bytes())) })
}

pub(crate) fn log_enabled(level: Level) -> Option<bool> {
    // SAFETY: nothing is lent.
    with(|host| unsafe { (host.log_enabled)(host.context, level as u32) } != 0)
}

pub(crate) fn counter(name: &str, delta: u64) {
    // SAFETY: the text outlives the call.
    with(|host| unsafe { (host.counter)(host.context, Bytes::of(name.as_bytes()), delta) });
}

pub(crate) fn gauge(name: &str, value: f64) {
    // SAFETY: the text outlives the call.
    with(|host| unsafe { (host.gauge)(host.context, Bytes::of(name.as_bytes()), value) });
}

pub(crate) fn histogram(name: &str, value: f64) {
    // SAFETY: the text outlives the call.
    with(|host| unsafe { (host.histogram)(host.context, Bytes::of(name.as_bytes()), value) });
}

pub(crate) fn config(key: &str) -> Option<String> {
    with(|host| {
        // SAFETY: the text outlives the call.
        let value = unsafe { (host.config)(host.context, Bytes::of(key.as_bytes())) };
        if value.at.is_null() {
            return None;
        }
        // SAFETY: the value is lent for the length of the plugin's call, which is under way.
        Some(String::from_utf8_lossy(unsafe { value.get() }).into_owned())
    })
    .flatten()
}
