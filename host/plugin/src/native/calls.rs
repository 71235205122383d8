//! Calls into a library, and what it calls back during them.

#![allow(unsafe_code)]

use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::Arc;
use std::time::Instant;

use arrow::array::{Array, RecordBatch, StructArray, make_array};
use arrow::datatypes::{DataType, Schema, SchemaRef};
use tidelake_columns::native::{
    Bytes, Create, DONE, FAILED, FFI_ArrowArray, FFI_ArrowSchema, Host, OutColumn, Status, code,
    what,
};
use tidelake_core::plugin::PluginContext;
use tidelake_core::{Error, Result};
use tracing::Level;

use super::library::Library;
use crate::bindings::v0_1::{ErrorCode, GuestError};
use crate::crossing::file::FileQueue;
use crate::crossing::output::{Emitted, Output};
use crate::run::state::Shared;
use crate::run::{fault, journal};
use crate::stats::{Metric, add, add_since};
use crate::text;

/// What the host keeps for one stage: the other end of the callbacks.
pub(super) struct Session {
    pub(super) shared: Arc<Shared>,
    context: PluginContext,
    /// The batch of the current call.
    input: Option<RecordBatch>,
    pub(super) output: Output,
    pub(super) file: FileQueue,
    answer: String,
    failure: Option<(u32, String)>,
    /// A value of the configuration, lent to the plugin.
    value: String,
    broken: bool,
}

/// A stage of a library; its end is the plugin's own, too.
pub(super) struct Stage {
    library: &'static Library,
    stage: *mut c_void,
    /// What it was made for, and what it declared: no other batch is handed in.
    input: SchemaRef,
    output: Option<SchemaRef>,
    pub(super) session: Session,
}

// SAFETY: calls to a stage may come from any thread, one at a time; so the interface says,
// and the SDK demands `Send` of what it makes a stage of.
unsafe impl Send for Stage {}

impl Session {
    pub(super) fn new(shared: &Arc<Shared>, context: &PluginContext) -> Self {
        Self {
            shared: Arc::clone(shared),
            context: context.clone(),
            input: None,
            output: Output::new(shared.output_cap),
            file: FileQueue::new(Arc::clone(&shared.recycler), shared.output_cap),
            answer: String::new(),
            failure: None,
            value: String::new(),
            broken: false,
        }
    }

    /// Adds for whom the plugin works.
    pub(super) fn located(&self, error: Error) -> Error {
        fault::located_at(error, &self.shared.name, &self.context)
    }

    /// Calls a function of the plugin.
    fn call(&mut self, creating: bool, call: impl FnOnce(*const Host) -> Status) -> Result<()> {
        if self.broken {
            let name = &self.shared.name;
            let error = Error::plugin(format!("plugin `{name}` crashed before in this work"));
            return Err(self.located(error));
        }
        self.failure = None;
        self.answer.clear();
        let shared = Arc::clone(&self.shared);
        add(&shared.counters.calls, 1);
        let host = Host {
            context: ptr::from_mut(self).cast(),
            emit,
            emit_selected,
            write,
            answer,
            fail,
            log,
            log_enabled,
            counter,
            gauge,
            histogram,
            config,
        };
        let start = Instant::now();
        let status = call(&host);
        add_since(&shared.counters.busy, start);
        match (status, self.failure.take()) {
            (DONE, None) => Ok(()),
            (DONE, Some(_)) | (_, None) => {
                self.broken = true;
                let what = "the plugin failed without a word why";
                Err(self.located(Error::plugin(what)))
            }
            (_, Some((code, message))) => Err(self.failed(code, message, creating)),
        }
    }

    fn failed(&mut self, code: u32, message: String, creating: bool) -> Error {
        let kind = match code {
            code::INVALID_INPUT => ErrorCode::InvalidInput,
            code::UNSUPPORTED => ErrorCode::Unsupported,
            code::NOT_FOUND => ErrorCode::NotFound,
            code::ALREADY_EXISTS => ErrorCode::AlreadyExists,
            code::PRECONDITION => ErrorCode::Precondition,
            code::DENIED => ErrorCode::Denied,
            code::EXHAUSTED => ErrorCode::Exhausted,
            code::TRANSIENT => ErrorCode::Transient,
            code::CRASHED => {
                self.broken = true;
                add(&self.shared.counters.traps, 1);
                let (name, words) = (&self.shared.name, text::message(&message));
                let error = Error::plugin(format!("plugin `{name}` crashed: {words}"))
                    .with_help("report it to the plugin's author; the data is unchanged");
                return self.located(error);
            }
            _ => ErrorCode::Internal,
        };
        // A defect may have left anything behind.
        self.broken |= kind == ErrorCode::Internal;
        let error = GuestError::new(kind, message);
        fault::returned_at(&error, &self.shared.name, &self.context, creating)
    }

    /// What the plugin says it is.
    pub(super) fn describe(&mut self, library: &Library) -> Result<String> {
        let describe = library.functions().describe;
        // SAFETY: the host is valid for the call.
        self.call(true, |host| unsafe { describe(host) })?;
        Ok(std::mem::take(&mut self.answer))
    }

    /// What the last call emitted. A call that failed emitted nothing that counts.
    fn emitted(&mut self, result: Result<()>) -> Result<Vec<RecordBatch>> {
        let taken = self.output.take();
        self.broken |= taken.is_err();
        // The broken rule explains the plugin's error, not the other way round.
        let batches = taken.map_err(|error| self.located(error))?;
        result.map(|()| batches)
    }
}

impl Stage {
    pub(super) fn create(
        library: &'static Library,
        mut session: Session,
        input: &SchemaRef,
        from: impl FnOnce(*const FFI_ArrowSchema) -> Create,
    ) -> Result<Self> {
        let schema = FFI_ArrowSchema::try_from(input.as_ref()).map_err(|error| {
            session.located(Error::unsupported(format!("the schema cannot cross: {error}")))
        })?;
        let (from, mut stage) = (from(&schema), ptr::null_mut());
        let create = library.functions().create;
        // SAFETY: all that is borrowed outlives the call; there is a place for the stage.
        session.call(true, |host| unsafe { create(host, &from, &mut stage) })?;
        Ok(Self { library, stage, input: Arc::clone(input), output: None, session })
    }

    /// The schema that the plugin declares; it is held to it from now on.
    pub(super) fn declared(&mut self) -> Result<SchemaRef> {
        let (stage, output_schema) = (self.stage, self.library.functions().output_schema);
        let mut schema = FFI_ArrowSchema::empty();
        // SAFETY: a stage of this library, and a place with nothing in it.
        self.session.call(true, |host| unsafe { output_schema(host, stage, &mut schema) })?;
        let usable = Schema::try_from(&schema)
            .map_err(|error| error.to_string())
            .and_then(crate::run::plugin::usable)
            .map_err(|why| {
                let why = text::message(&why);
                let error =
                    Error::plugin(format!("the plugin's output schema is not valid: {why}"))
                        .with_help("report it to the plugin's author");
                self.session.located(error)
            })?;
        let schema = Arc::new(usable);
        self.session.output.declare(Some(Arc::clone(&schema)));
        self.output = Some(Arc::clone(&schema));
        Ok(schema)
    }

    /// Hands in a batch, without a copy.
    pub(super) fn take(&mut self, what: u32, batch: &RecordBatch) -> Result<Vec<RecordBatch>> {
        let expected = match what {
            what::PARTIALS => self.output.as_ref(),
            _ => Some(&self.input),
        };
        if !expected.is_some_and(|expected| same_types(expected, &batch.schema())) {
            let what = "a batch of another schema than the one that the plugin was made for";
            return Err(self.session.located(Error::internal(what)));
        }
        add(&self.session.shared.counters.rows_in, batch.num_rows() as u64);
        let mut array = FFI_ArrowArray::new(&StructArray::from(batch.clone()).into_data());
        self.session.input = Some(batch.clone());
        let (stage, take) = (self.stage, self.library.functions().take);
        // SAFETY: a stage of this library; an array of the schema that it was made for, which
        // is released here should the plugin have left it.
        let result =
            self.session.call(false, |host| unsafe { take(host, stage, what, &mut array) });
        self.session.input = None;
        self.session.emitted(result)
    }

    /// The end of the input.
    pub(super) fn finish(&mut self) -> Result<Vec<RecordBatch>> {
        let (stage, finish) = (self.stage, self.library.functions().finish);
        // SAFETY: a stage of this library.
        let result = self.session.call(false, |host| unsafe { finish(host, stage) });
        self.session.emitted(result)
    }

    /// Bytes taken in and not written.
    pub(super) fn buffered(&mut self) -> Result<u64> {
        let (stage, buffered) = (self.stage, self.library.functions().buffered);
        let mut bytes = 0;
        // SAFETY: a stage of this library, and a place for the answer.
        self.session.call(false, |host| unsafe { buffered(host, stage, &mut bytes) })?;
        Ok(bytes)
    }
}

/// The plugin reads what it is handed by the types that it was told.
fn same_types(one: &Schema, other: &Schema) -> bool {
    let types = |schema: &Schema| -> Vec<DataType> {
        schema.fields().iter().map(|field| field.data_type().clone()).collect()
    };
    types(one) == types(other)
}

impl Drop for Stage {
    fn drop(&mut self) {
        // One that crashed is not called again; what it holds is lost to the process.
        if self.session.broken {
            return;
        }
        let (stage, destroy) = (self.stage, self.library.functions().destroy);
        // SAFETY: a stage of this library, and the last call to it.
        if let Err(error) = self.session.call(false, |host| unsafe { destroy(host, stage) }) {
            tracing::warn!(plugin = self.session.shared.name, %error,
                "a plugin failed while it was cleaned up");
        }
    }
}

/// Runs one callback. A panic of the host's own does not unwind through the plugin: the
/// call fails with it.
///
/// # Safety
///
/// The context is the one of the [`Host`] that the plugin was called with, and its call is
/// under way on this thread.
unsafe fn back<T>(context: *mut c_void, otherwise: T, call: impl FnOnce(&mut Session) -> T) -> T {
    // SAFETY: `Session::call` put it there and does not use it while the plugin runs.
    let session = unsafe { &mut *context.cast::<Session>() };
    match catch_unwind(AssertUnwindSafe(|| call(session))) {
        Ok(answer) => answer,
        Err(_) => {
            session.output.refuse("the host panicked while it took what the plugin handed it");
            session.file.refuse();
            otherwise
        }
    }
}

fn status(good: bool) -> Status {
    if good { DONE } else { FAILED }
}

/// Bytes of the plugin as a text.
///
/// # Safety
///
/// They are lent for the length of this callback.
unsafe fn text_of<'a>(bytes: Bytes) -> std::borrow::Cow<'a, str> {
    // SAFETY: the caller's promise.
    String::from_utf8_lossy(unsafe { bytes.get() })
}

unsafe extern "C" fn emit(
    context: *mut c_void,
    rows: u64,
    columns: *mut OutColumn,
    len: usize,
) -> Status {
    let call = |session: &mut Session| {
        let columns = match len {
            0 => &mut [],
            // SAFETY: the plugin's own, for the length of this callback.
            len => unsafe { std::slice::from_raw_parts_mut(columns, len) },
        };
        let mut bytes = 0;
        let mut taken = Vec::with_capacity(columns.len());
        for column in columns {
            if let Ok(index) = u32::try_from(column.same) {
                taken.push(Emitted::Same(index));
                continue;
            }
            // SAFETY: takes the array out of its place; it has the type that it comes with.
            let data = unsafe {
                let array = FFI_ArrowArray::from_raw(&mut column.array);
                arrow::array::ffi::from_ffi(array, &column.schema)
            };
            let data = data.and_then(|data| data.validate().map(|()| data));
            match data {
                Ok(data) => {
                    bytes += data.get_array_memory_size() as u64;
                    taken.push(Emitted::Array(make_array(data)));
                }
                Err(error) => {
                    session.output.refuse(&error.to_string());
                    return FAILED;
                }
            }
        }
        if session.output.admit(rows, bytes, 0).is_err() {
            return FAILED;
        }
        let emitted = session.output.emit(session.input.as_ref(), rows, taken);
        if let Ok(rows) = emitted {
            add(&session.shared.counters.rows_out, rows);
        }
        status(emitted.is_ok())
    };
    // SAFETY: the plugin's promise, here and below.
    unsafe { back(context, FAILED, call) }
}

unsafe extern "C" fn emit_selected(context: *mut c_void, bits: Bytes) -> Status {
    let call = |session: &mut Session| {
        // SAFETY: lent for the length of this callback.
        let bits = unsafe { bits.get() };
        let emitted = session.output.emit_selected(session.input.as_ref(), bits);
        if let Ok(rows) = emitted {
            add(&session.shared.counters.rows_out, rows);
        }
        status(emitted.is_ok())
    };
    // SAFETY: the plugin's promise.
    unsafe { back(context, FAILED, call) }
}

unsafe extern "C" fn write(context: *mut c_void, bytes: Bytes) -> Status {
    // SAFETY: the plugin's promise; the bytes are lent for the length of this callback.
    unsafe { back(context, FAILED, |session| status(session.file.write(bytes.get()))) }
}

unsafe extern "C" fn answer(context: *mut c_void, text: Bytes) {
    // SAFETY: the plugin's promise.
    unsafe { back(context, (), |session| session.answer = text_of(text).into_owned()) }
}

unsafe extern "C" fn fail(context: *mut c_void, code: u32, message: Bytes, _retry_after_ms: u64) {
    let call = |session: &mut Session| {
        // SAFETY: lent for the length of this callback.
        session.failure = Some((code, text::message(&unsafe { text_of(message) })));
    };
    // SAFETY: the plugin's promise.
    unsafe { back(context, (), call) }
}

fn level(number: u32) -> Level {
    match number {
        0 => Level::TRACE,
        1 => Level::DEBUG,
        2 => Level::INFO,
        3 => Level::WARN,
        _ => Level::ERROR,
    }
}

unsafe extern "C" fn log(context: *mut c_void, number: u32, message: Bytes) {
    let call = |session: &mut Session| {
        // SAFETY: lent for the length of this callback.
        let message = unsafe { text_of(message) };
        journal::log(level(number), &session.shared.name, &session.context, &message);
    };
    // SAFETY: the plugin's promise.
    unsafe { back(context, (), call) }
}

unsafe extern "C" fn log_enabled(context: *mut c_void, number: u32) -> u32 {
    // SAFETY: the plugin's promise.
    unsafe { back(context, 0, |_| journal::enabled(level(number)).into()) }
}

/// # Safety
///
/// As of [`back`] and [`text_of`].
unsafe fn report(context: *mut c_void, name: Bytes, metric: Metric) {
    // SAFETY: the caller's promise.
    unsafe { back(context, (), |session| session.shared.counters.report(&text_of(name), metric)) }
}

unsafe extern "C" fn counter(context: *mut c_void, name: Bytes, delta: u64) {
    // SAFETY: the plugin's promise.
    unsafe { report(context, name, Metric::Counter(delta)) }
}

unsafe extern "C" fn gauge(context: *mut c_void, name: Bytes, value: f64) {
    // SAFETY: the plugin's promise.
    unsafe { report(context, name, Metric::Gauge(value)) }
}

unsafe extern "C" fn histogram(context: *mut c_void, name: Bytes, value: f64) {
    let observed = Metric::Histogram { count: 1, sum: value, min: value, max: value };
    // SAFETY: the plugin's promise.
    unsafe { report(context, name, observed) }
}

unsafe extern "C" fn config(context: *mut c_void, key: Bytes) -> Bytes {
    let none = Bytes { at: ptr::null(), len: 0 };
    let call = |session: &mut Session| {
        // SAFETY: lent for the length of this callback.
        match crate::bindings::v0_1::config_value(&session.context, &unsafe { text_of(key) }) {
            Some(value) => {
                session.value = value;
                Bytes::of(session.value.as_bytes())
            }
            None => none,
        }
    };
    // SAFETY: the plugin's promise.
    unsafe { back(context, none, call) }
}
