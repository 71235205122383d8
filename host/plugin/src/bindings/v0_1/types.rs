//! Records, variants and handles of `wit/types.wit` and `wit/arrow.wit`.

use bytes::Bytes;
use wasmtime::component::{ComponentType, Lift, Lower, ResourceAny, WasmList};

/// `types.error-code`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ComponentType, Lift, Lower)]
#[component(enum)]
#[repr(u8)]
#[allow(dead_code)] // Made by lifting, which the compiler does not see.
pub(crate) enum ErrorCode {
    #[component(name = "invalid-input")]
    InvalidInput,
    #[component(name = "unsupported")]
    Unsupported,
    #[component(name = "not-found")]
    NotFound,
    #[component(name = "already-exists")]
    AlreadyExists,
    #[component(name = "precondition")]
    Precondition,
    #[component(name = "denied")]
    Denied,
    #[component(name = "exhausted")]
    Exhausted,
    #[component(name = "transient")]
    Transient,
    #[component(name = "internal")]
    Internal,
}

/// `types.error`
#[derive(Debug, Clone, ComponentType, Lift, Lower)]
#[component(record)]
pub(crate) struct GuestError {
    pub(crate) code: ErrorCode,
    pub(crate) message: String,
}

impl GuestError {
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

/// What a guest's constructor returns.
pub(crate) type Create = (Result<ResourceAny, GuestError>,);

/// `arrow.node`
#[derive(Debug, Clone, Copy, ComponentType, Lift, Lower)]
#[component(record)]
pub(crate) struct Node {
    pub(crate) len: u64,
    pub(crate) nulls: u64,
}

/// `arrow.columns` on its way in.
#[derive(Debug, ComponentType, Lower)]
#[component(record)]
pub(crate) struct ColumnsIn {
    pub(crate) rows: u64,
    pub(crate) nodes: Vec<Node>,
    pub(crate) variadic: Vec<u32>,
    pub(crate) buffers: Vec<Bytes>,
}

/// `arrow.columns` on its way out: buffers are still in the guest's memory.
#[derive(ComponentType, Lift)]
#[component(record)]
pub(crate) struct ColumnsOut {
    pub(crate) rows: u64,
    pub(crate) nodes: Vec<Node>,
    pub(crate) variadic: Vec<u32>,
    pub(crate) buffers: Vec<WasmList<u8>>,
}

/// `arrow.out-column`
#[derive(ComponentType, Lift)]
#[component(variant)]
pub(crate) enum OutColumn {
    #[component(name = "same")]
    Same(u32),
    #[component(name = "data")]
    Data(ColumnsOut),
}

/// `format-writer.sort-column`
#[derive(Debug, Clone, Copy, ComponentType, Lower)]
#[component(record)]
pub(crate) struct SortColumn {
    pub(crate) column: u32,
    pub(crate) descending: bool,
    #[component(name = "nulls-first")]
    pub(crate) nulls_first: bool,
}

/// `downsampler.spec`
#[derive(Debug, Clone, ComponentType, Lower)]
#[component(record)]
pub(crate) struct Spec {
    #[component(name = "time-column")]
    pub(crate) time_column: u32,
    #[component(name = "bucket-column")]
    pub(crate) bucket_column: u32,
    #[component(name = "group-columns")]
    pub(crate) group_columns: Vec<u32>,
}

/// `source.pause`
#[derive(Debug, Clone, ComponentType, Lift)]
#[component(record)]
pub(crate) struct Pause {
    pub(crate) milliseconds: u32,
    pub(crate) reason: String,
}

/// `source.poll-result`
#[derive(Debug, Clone, ComponentType, Lift)]
#[component(variant)]
#[allow(dead_code)] // Made by lifting, which the compiler does not see.
pub(crate) enum PollResult {
    #[component(name = "more")]
    More,
    #[component(name = "idle")]
    Idle(u32),
    #[component(name = "end")]
    End,
    #[component(name = "wait")]
    Wait(Pause),
}

/// `kv.entry`
#[derive(Debug, Clone, ComponentType, Lower)]
#[component(record)]
pub(crate) struct KvEntry {
    pub(crate) value: Bytes,
    pub(crate) revision: u64,
}

/// `arrow.record-batch`: the batch of the current call. There is only ever one, so
/// the handle says nothing but its type.
pub(crate) enum BatchHandle {}

/// `arrow.batch-sink`: the output of the current call.
pub(crate) enum SinkHandle {}

/// `arrow.byte-sink`: the file that the instance is writing.
pub(crate) enum FileHandle {}
