//! The border from the host's side: a table of functions that writes down what it is told.

#![allow(unsafe_code)]

use std::ffi::c_void;
use std::ptr;
use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, Float64Array, Int64Array, RecordBatch, StructArray, make_array,
};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use tidelake_columns::native::{
    ABI, Bytes, Create, DONE, FAILED, FFI_ArrowArray, FFI_ArrowSchema, Host, OutColumn, Plugin,
    Status, TRANSFORM, code, what,
};

use super::{Stage, plugin};
use crate::{Batch, Column, Error, NoOptions, Output, Result, Transform};

/// Negates `b` and passes `a` on; some values of `a` have another meaning.
struct Negate(SchemaRef);

const PANICS: i64 = 13;
const EMITS_AND_FAILS: i64 = 14;

impl Transform for Negate {
    const NAME: &'static str = "negate";
    const VERSION: &'static str = "1.0.0";
    const DESCRIPTION: &'static str = "Negates.";
    type Options = NoOptions;

    fn create(input: SchemaRef, _: NoOptions) -> Result<Self> {
        Ok(Self(input))
    }

    fn output_schema(&self) -> SchemaRef {
        self.0.clone()
    }

    fn process(&mut self, batch: &Batch<'_>, out: &mut Output<'_>) -> Result<()> {
        let a = batch.column(0)?;
        let first = a.as_any().downcast_ref::<Int64Array>().map_or(0, |a| a.value(0));
        assert_ne!(first, PANICS, "no such tide");
        let b = batch.column(1)?;
        let b = b.as_any().downcast_ref::<Float64Array>().ok_or_else(|| Error::internal("b"))?;
        let b = Arc::new(b.unary::<_, arrow_array::types::Float64Type>(|b| -b)) as ArrayRef;
        // An array that was read is recognised: it is passed on, not handed out.
        out.emit(batch.rows(), [Column::Data(a), Column::Data(b)])?;
        crate::log::warn!("seen {}", crate::config::get("table").unwrap_or_default());
        match first {
            EMITS_AND_FAILS => Err(Error::invalid_input("not this row")),
            _ => Ok(()),
        }
    }
}

static PLUGIN: Plugin = plugin::<Stage<Negate>>();

#[derive(Default)]
struct Seen {
    passed: Vec<i64>,
    arrays: Vec<ArrayRef>,
    logged: Vec<String>,
    failures: Vec<(u32, String)>,
    answer: String,
}

fn seen<'a>(context: *mut c_void) -> &'a mut Seen {
    // SAFETY: the context of `host` below.
    unsafe { &mut *context.cast() }
}

fn text(bytes: Bytes) -> String {
    // SAFETY: lent for the length of the callback.
    String::from_utf8_lossy(unsafe { bytes.get() }).into_owned()
}

unsafe extern "C" fn emit(at: *mut c_void, _: u64, columns: *mut OutColumn, len: usize) -> Status {
    // SAFETY: the SDK's promise.
    for column in unsafe { std::slice::from_raw_parts_mut(columns, len) } {
        if column.same >= 0 {
            seen(at).passed.push(column.same);
            continue;
        }
        // SAFETY: as above.
        let data = unsafe {
            let array = FFI_ArrowArray::from_raw(&mut column.array);
            arrow_array::ffi::from_ffi(array, &column.schema)
        };
        seen(at).arrays.push(make_array(data.unwrap()));
    }
    DONE
}

unsafe extern "C" fn no_selection(_: *mut c_void, _: Bytes) -> Status {
    FAILED
}

unsafe extern "C" fn answer(at: *mut c_void, bytes: Bytes) {
    seen(at).answer = text(bytes);
}

unsafe extern "C" fn fail(at: *mut c_void, code: u32, message: Bytes, _: u64) {
    seen(at).failures.push((code, text(message)));
}

unsafe extern "C" fn log(at: *mut c_void, level: u32, message: Bytes) {
    seen(at).logged.push(format!("{level} {}", text(message)));
}

unsafe extern "C" fn log_enabled(_: *mut c_void, level: u32) -> u32 {
    u32::from(level >= 3)
}

unsafe extern "C" fn count(_: *mut c_void, _: Bytes, _: u64) {}

unsafe extern "C" fn number(_: *mut c_void, _: Bytes, _: f64) {}

unsafe extern "C" fn config(_: *mut c_void, key: Bytes) -> Bytes {
    assert_eq!(text(key), "table");
    Bytes::of(b"trades")
}

fn host(seen: &mut Seen) -> Host {
    Host {
        context: ptr::from_mut(seen).cast(),
        emit,
        emit_selected: no_selection,
        write: no_selection,
        answer,
        fail,
        log,
        log_enabled,
        counter: count,
        gauge: number,
        histogram: number,
        config,
    }
}

fn batch(first: i64) -> RecordBatch {
    let schema = Schema::new(vec![
        Field::new("a", DataType::Int64, false),
        Field::new("b", DataType::Float64, true),
    ]);
    let a = Arc::new(Int64Array::from(vec![first, 2])) as ArrayRef;
    let b = Arc::new(Float64Array::from(vec![Some(0.5), None])) as ArrayRef;
    RecordBatch::try_new(Arc::new(schema), vec![a, b]).unwrap()
}

/// Makes a stage with these options.
fn create(host: &Host, options: &str) -> (Status, *mut c_void) {
    let schema = FFI_ArrowSchema::try_from(batch(1).schema().as_ref()).unwrap();
    let from = Create {
        input: &schema,
        options: Bytes::of(options.as_bytes()),
        sort: ptr::null(),
        sort_len: 0,
        time_column: 0,
        bucket_column: 0,
        groups: ptr::null(),
        groups_len: 0,
    };
    let mut stage = ptr::null_mut();
    // SAFETY: all of it outlives the call.
    let status = unsafe { (PLUGIN.create)(host, &from, &mut stage) };
    (status, stage)
}

fn take(host: &Host, stage: *mut c_void, kind: u32, batch: RecordBatch) -> Status {
    let mut array = FFI_ArrowArray::new(&StructArray::from(batch).into_data());
    // SAFETY: a stage that was made above, of this schema.
    let status = unsafe { (PLUGIN.take)(host, stage, kind, &mut array) };
    assert!(array.is_released(), "the array was not taken");
    status
}

#[test]
fn a_stage_works_from_the_table_alone() {
    let mut seen = Seen::default();
    let host = host(&mut seen);
    assert_eq!((PLUGIN.abi, PLUGIN.kind), (ABI, TRANSFORM));
    // SAFETY: the host outlives the call, as below.
    assert_eq!(unsafe { (PLUGIN.describe)(&host) }, DONE);
    let (status, stage) = create(&host, "{}");
    assert_eq!(status, DONE);
    let mut schema = FFI_ArrowSchema::empty();
    // SAFETY: a stage of this table.
    assert_eq!(unsafe { (PLUGIN.output_schema)(&host, stage, &mut schema) }, DONE);
    assert_eq!(Schema::try_from(&schema).unwrap(), *batch(1).schema());

    assert_eq!(take(&host, stage, what::INPUT, batch(1)), DONE);
    assert_eq!(take(&host, stage, what::PARTIALS, batch(1)), FAILED);
    assert_eq!(take(&host, stage, what::INPUT, batch(EMITS_AND_FAILS)), FAILED);
    // SAFETY: a stage of this table, and the last call to it.
    assert_eq!(unsafe { (PLUGIN.destroy)(&host, stage) }, DONE);

    assert!(seen.answer.contains(r#""name":"negate""#), "{}", seen.answer);
    assert_eq!(seen.passed, [0, 0]);
    let negated = Arc::new(Float64Array::from(vec![Some(-0.5), None])) as ArrayRef;
    assert_eq!(&seen.arrays[0], &negated);
    assert_eq!(seen.logged, ["3 seen trades", "3 seen trades"]);
    let failures: Vec<u32> = seen.failures.iter().map(|(code, _)| *code).collect();
    assert_eq!(failures, [code::INTERNAL, code::INVALID_INPUT]);
}

#[test]
fn errors_and_panics_end_at_the_border() {
    let mut seen = Seen::default();
    let host = host(&mut seen);
    assert_eq!(create(&host, r#"{"x": 1}"#).0, FAILED);
    let (_, stage) = create(&host, "{}");
    assert_eq!(take(&host, stage, what::INPUT, batch(PANICS)), FAILED);
    let (code, message) = &seen.failures[0];
    assert_eq!(*code, code::INVALID_INPUT);
    assert!(message.contains("unknown field `x`"), "{message}");
    let (code, message) = &seen.failures[1];
    assert_eq!(*code, code::CRASHED);
    assert!(message.contains("no such tide"), "{message}");
}
