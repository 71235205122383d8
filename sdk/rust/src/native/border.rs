//! The functions of a plugin's table: what the host calls, and where panics end.

#![allow(unsafe_code)]

use std::any::Any;
use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow_array::{Array, RecordBatch, RecordBatchOptions, StructArray};
use arrow_schema::{DataType, Schema, SchemaRef};
use tidelake_columns::native::{
    ABI, Bytes, Create, DONE, FAILED, FFI_ArrowArray, FFI_ArrowSchema, Host, Plugin, Status, code,
    what,
};

use super::host::{self, Called};
use crate::downsampler::Roles;
use crate::error::{Error, Result};
use crate::format_writer::SortColumn;

/// One of the kinds of stages behind one set of functions.
#[doc(hidden)]
pub trait Runs: Sized + Send + 'static {
    /// Its number.
    const KIND: u32;
    /// The JSON of `meta.describe`.
    fn describe() -> String;
    /// Makes a stage.
    fn create(with: Made<'_>) -> Result<Self>;
    /// The schema of what is taken: the input's, or that of partials.
    fn takes(&self, partials: bool) -> Result<SchemaRef>;
    /// The schema of what is emitted.
    fn output_schema(&self) -> Result<SchemaRef>;
    /// Takes a batch.
    fn take(&mut self, partials: bool, batch: &RecordBatch) -> Result<()>;
    /// The end of the input.
    fn finish(&mut self) -> Result<()>;
    /// Bytes taken in and not written.
    fn buffered(&self) -> u64;
}

/// What a stage is made from.
#[doc(hidden)]
pub struct Made<'a> {
    pub(super) input: SchemaRef,
    pub(super) options: &'a str,
    pub(super) sort: Vec<SortColumn>,
    pub(super) roles: Roles,
}

/// The table of a plugin.
#[doc(hidden)]
pub const fn plugin<S: Runs>() -> Plugin {
    Plugin {
        abi: ABI,
        kind: S::KIND,
        sdk: Bytes::of(env!("CARGO_PKG_VERSION").as_bytes()),
        describe: describe::<S>,
        create: create::<S>,
        output_schema: output_schema::<S>,
        take: take::<S>,
        finish: finish::<S>,
        buffered: buffered::<S>,
        destroy: destroy::<S>,
    }
}

/// Runs one call: errors and panics become words for the host.
///
/// # Safety
///
/// The host is valid for the length of the call.
unsafe fn guarded(host: *const Host, call: impl FnOnce() -> Result<()>) -> Status {
    // SAFETY: the caller's promise.
    let _called = unsafe { Called::by(host) };
    // What a panic left half done is not looked at again: the host gives the stage up.
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(())) => DONE,
        Ok(Err(error)) => {
            host::fail(host::code(error.kind()), error.message());
            FAILED
        }
        Err(panic) => {
            host::fail(code::CRASHED, words(&*panic));
            // Dropping it may panic again.
            std::mem::forget(panic);
            FAILED
        }
    }
}

fn words(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a panic without a message")
}

unsafe extern "C" fn describe<S: Runs>(host: *const Host) -> Status {
    let call = || {
        host::answer(&S::describe());
        Ok(())
    };
    // SAFETY: the host's promise (`tidelake_columns::native`), here and below.
    unsafe { guarded(host, call) }
}

unsafe extern "C" fn create<S: Runs>(
    host: *const Host,
    from: *const Create,
    to: *mut *mut c_void,
) -> Status {
    let call = || {
        // SAFETY: all of it is borrowed for the length of the call.
        let from = unsafe { &*from };
        let made = Made {
            // SAFETY: as above.
            input: schema(unsafe { &*from.input })?,
            // SAFETY: as above.
            options: std::str::from_utf8(unsafe { from.options.get() })
                .map_err(|_| Error::internal("the options are not a text"))?,
            // SAFETY: as above.
            sort: unsafe { slice(from.sort, from.sort_len) }
                .iter()
                .map(|sort| SortColumn {
                    column: sort.column as usize,
                    descending: sort.descending != 0,
                    nulls_first: sort.nulls_first != 0,
                })
                .collect(),
            roles: Roles {
                time_column: from.time_column as usize,
                bucket_column: from.bucket_column as usize,
                // SAFETY: as above.
                group_columns: unsafe { slice(from.groups, from.groups_len) }
                    .iter()
                    .map(|&index| index as usize)
                    .collect(),
            },
        };
        let stage = Box::new(S::create(made)?);
        // SAFETY: a place of the host's for the stage, which is the host's from now on.
        unsafe { to.write(Box::into_raw(stage).cast()) };
        Ok(())
    };
    // SAFETY: the host's promise.
    unsafe { guarded(host, call) }
}

/// # Safety
///
/// There are so many at that place, for as long as the answer lives.
unsafe fn slice<'a, T>(at: *const T, len: usize) -> &'a [T] {
    match len {
        0 => &[],
        // SAFETY: the caller's promise.
        len => unsafe { std::slice::from_raw_parts(at, len) },
    }
}

fn schema(from: &FFI_ArrowSchema) -> Result<SchemaRef> {
    Ok(Arc::new(Schema::try_from(from)?))
}

/// The stage behind a pointer.
///
/// # Safety
///
/// It is one that `create` of the same kind made, it was not destroyed, and no other call to
/// it is under way.
unsafe fn stage<'a, S: Runs>(stage: *mut c_void) -> &'a mut S {
    // SAFETY: the caller's promise.
    unsafe { &mut *stage.cast() }
}

unsafe extern "C" fn output_schema<S: Runs>(
    host: *const Host,
    this: *mut c_void,
    to: *mut FFI_ArrowSchema,
) -> Status {
    let call = || {
        // SAFETY: the host's promise.
        let schema = unsafe { stage::<S>(this) }.output_schema()?;
        let schema = FFI_ArrowSchema::try_from(schema.as_ref())?;
        // SAFETY: a place of the host's, with nothing in it that would have to be released.
        unsafe { to.write(schema) };
        Ok(())
    };
    // SAFETY: the host's promise.
    unsafe { guarded(host, call) }
}

unsafe extern "C" fn take<S: Runs>(
    host: *const Host,
    this: *mut c_void,
    kind: u32,
    array: *mut FFI_ArrowArray,
) -> Status {
    let call = || {
        // SAFETY: the host's promise; this takes the array out of its place.
        let (stage, array) = unsafe { (stage::<S>(this), FFI_ArrowArray::from_raw(array)) };
        let partials = kind == what::PARTIALS;
        let schema = stage.takes(partials)?;
        let data_type = DataType::Struct(schema.fields().clone());
        // SAFETY: the host exports batches of exactly this schema.
        let data = unsafe { arrow_array::ffi::from_ffi_and_data_type(array, data_type) }?;
        let array = StructArray::from(data);
        let options = RecordBatchOptions::new().with_row_count(Some(array.len()));
        let columns = array.columns().to_vec();
        let batch = RecordBatch::try_new_with_options(schema, columns, &options)?;
        stage.take(partials, &batch)
    };
    // SAFETY: the host's promise.
    unsafe { guarded(host, call) }
}

unsafe extern "C" fn finish<S: Runs>(host: *const Host, this: *mut c_void) -> Status {
    // SAFETY: the host's promise.
    unsafe { guarded(host, || stage::<S>(this).finish()) }
}

unsafe extern "C" fn buffered<S: Runs>(
    host: *const Host,
    this: *mut c_void,
    to: *mut u64,
) -> Status {
    let call = || {
        // SAFETY: the host's promise, and a place of its own for a number.
        unsafe { to.write(stage::<S>(this).buffered()) };
        Ok(())
    };
    // SAFETY: the host's promise.
    unsafe { guarded(host, call) }
}

unsafe extern "C" fn destroy<S: Runs>(host: *const Host, this: *mut c_void) -> Status {
    let call = || {
        // SAFETY: `create` made it so, and no call follows.
        drop(unsafe { Box::from_raw(this.cast::<S>()) });
        Ok(())
    };
    // SAFETY: the host's promise.
    unsafe { guarded(host, call) }
}
