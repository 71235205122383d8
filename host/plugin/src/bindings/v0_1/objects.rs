//! Records and variants of `wit/objects.wit` and `wit/storage-backend.wit`.

use bytes::Bytes;
use wasmtime::component::{ComponentType, Lift, Lower};

/// `objects.meta`
#[derive(Debug, Clone, ComponentType, Lift)]
#[component(record)]
pub(crate) struct Meta {
    pub(crate) path: String,
    pub(crate) size: u64,
    pub(crate) modified: i64,
    pub(crate) etag: Option<String>,
    pub(crate) version: Option<String>,
}

/// `objects.object-version`
#[derive(Debug, Clone, ComponentType, Lift, Lower)]
#[component(record)]
pub(crate) struct ObjectVersion {
    pub(crate) etag: Option<String>,
    pub(crate) version: Option<String>,
}

/// `objects.byte-range`
#[derive(Debug, Clone, Copy, ComponentType, Lower)]
#[component(record)]
pub(crate) struct ByteRange {
    pub(crate) start: u64,
    pub(crate) end: u64,
}

/// `objects.get-range`
#[derive(Debug, Clone, Copy, ComponentType, Lower)]
#[component(variant)]
pub(crate) enum Range {
    #[component(name = "bounded")]
    Bounded(ByteRange),
    #[component(name = "offset")]
    #[allow(dead_code)] // The host asks for bounded ranges: it does not know the rest's size.
    Offset(u64),
    #[component(name = "suffix")]
    Suffix(u64),
}

/// `objects.get-condition`
#[derive(Debug, Clone, ComponentType, Lower)]
#[component(variant)]
pub(crate) enum Condition {
    #[component(name = "always")]
    Always,
    #[component(name = "if-match")]
    IfMatch(String),
    #[component(name = "if-none-match")]
    IfNoneMatch(String),
}

/// `objects.put-mode`
#[derive(Debug, Clone, ComponentType, Lower)]
#[component(variant)]
pub(crate) enum Mode {
    #[component(name = "overwrite")]
    Overwrite,
    #[component(name = "if-absent")]
    IfAbsent,
    #[component(name = "if-match")]
    IfMatch(ObjectVersion),
}

/// `objects.list-request`
#[derive(Debug, Clone, ComponentType, Lower)]
#[component(record)]
pub(crate) struct ListRequest {
    pub(crate) prefix: String,
    #[component(name = "start-after")]
    pub(crate) start_after: Option<String>,
    pub(crate) delimited: bool,
    pub(crate) token: Option<String>,
}

/// `objects.page`
#[derive(Debug, Clone, ComponentType, Lift)]
#[component(record)]
pub(crate) struct Page {
    pub(crate) objects: Vec<Meta>,
    pub(crate) prefixes: Vec<String>,
    pub(crate) next: Option<String>,
}

/// `storage-backend.fetched`
#[derive(Debug, Clone, ComponentType, Lift)]
#[component(record)]
pub(crate) struct Fetched {
    pub(crate) meta: Meta,
    pub(crate) start: u64,
    pub(crate) bytes: Bytes,
}
