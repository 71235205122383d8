//! Storage backends: where the objects of a lake are kept.

use std::marker::PhantomData;
use std::ops::Range;

use serde_json::json;

use crate::bindings::storage_backend::exports::tidelake::plugin::storage_backend as exports;
use crate::bindings::storage_backend::tidelake::plugin::objects as wit;
use crate::error::{Error, ErrorKind, Result};
use crate::options::{self, Options};

/// What a store knows of one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meta {
    /// Its path, relative to the root of the store: `/` between segments and none at
    /// either end.
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// When it was last written: microseconds since 1970-01-01 UTC.
    pub modified: i64,
    /// Changes whenever the content does. Needed for [`PutMode::IfMatch`].
    pub etag: Option<String>,
    /// The version of the object, of a store that keeps several.
    pub version: Option<String>,
}

impl Meta {
    /// What identifies this state of the object.
    pub fn object_version(&self) -> ObjectVersion {
        ObjectVersion { etag: self.etag.clone(), version: self.version.clone() }
    }
}

/// What identifies one state of an object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ObjectVersion {
    /// As in [`Meta`].
    pub etag: Option<String>,
    /// As in [`Meta`].
    pub version: Option<String>,
}

/// Which bytes of an object are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GetRange {
    /// These, as far as the object reaches; never empty. A start at or past the end of
    /// the object is invalid input.
    Bounded(Range<u64>),
    /// All from here on. A start past the end is invalid input.
    Offset(u64),
    /// The last so many, or all there are.
    Suffix(u64),
}

impl GetRange {
    /// The bytes that are meant, of an object of a size.
    pub fn of(&self, size: u64) -> Result<Range<u64>> {
        match self {
            Self::Bounded(range) if range.is_empty() => {
                Err(Error::invalid_input(format!("the range {range:?} is empty")))
            }
            Self::Bounded(range) if range.start < size => Ok(range.start..range.end.min(size)),
            Self::Offset(start) if *start <= size => Ok(*start..size),
            Self::Bounded(Range { start, .. }) | Self::Offset(start) => Err(Error::invalid_input(
                format!("byte {start} is asked for, but the object has {size} bytes"),
            )),
            Self::Suffix(length) => Ok(size.saturating_sub(*length)..size),
        }
    }
}

/// Under which condition an object is read. Where it does not hold, the answer is
/// [`ErrorKind::Precondition`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum GetCondition {
    /// Always.
    #[default]
    Always,
    /// Only while its etag is this one.
    IfMatch(String),
    /// Only once its etag is no longer this one.
    IfNoneMatch(String),
}

/// Under which condition an object is written. The condition is checked and the object
/// written in one step; a store that cannot keep that answers `Unsupported`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum PutMode {
    /// Always; what was there is replaced as a whole.
    #[default]
    Overwrite,
    /// Only if there is none; else [`ErrorKind::AlreadyExists`].
    IfAbsent,
    /// Only if it is in this state; else [`ErrorKind::Precondition`], also if there is
    /// none.
    IfMatch(ObjectVersion),
}

/// Which objects are to be listed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListRequest {
    /// Only objects whose path begins with this and a `/`; all, if empty.
    pub prefix: String,
    /// Only paths after this one, in the order of their bytes.
    pub start_after: Option<String>,
    /// List objects directly under the prefix; of those deeper, only the next segment,
    /// as [`Page::prefixes`].
    pub delimited: bool,
    /// Where to go on: [`Page::next`] of the page before.
    pub token: Option<String>,
}

/// A part of a listing, at most 1,000 entries.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// Objects, in the order of their paths' bytes, no duplicates.
    pub objects: Vec<Meta>,
    /// Prefixes one segment deeper, without the `/` at the end.
    pub prefixes: Vec<String>,
    /// The token for the next page; none after the last.
    pub next: Option<String>,
}

/// A part of an object, with what the store knew of it when it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// The object that the bytes belong to.
    pub meta: Meta,
    /// The first byte of `bytes` in the object.
    pub start: u64,
    /// What was asked for, as far as the object reaches.
    pub bytes: Vec<u8>,
}

/// Keeps objects: what a lake is made of.
///
/// What a call reports as done is durable and seen by every reader from then on. An
/// error of a call that writes says that nothing was written, except that `Transient`
/// and `Internal` say that it is not known. A conditional write is never repeated by
/// the plugin itself: the second try would meet the first one's success.
///
/// The host runs several instances at once, and any of them may serve any call: only
/// what [`open`](Self::open) was given matters.
/// [`export_storage_backend!`](crate::export_storage_backend) makes it a plugin.
pub trait StorageBackend: Sized + 'static {
    /// The name that a configuration uses: `[a-z][a-z0-9-]*`.
    const NAME: &'static str;
    /// Semantic version, best `env!("CARGO_PKG_VERSION")`.
    const VERSION: &'static str;
    /// One line for `plugin list`.
    const DESCRIPTION: &'static str;
    /// What the operator configures.
    type Options: Options;

    /// Opens the store that a URL names. Credentials are never in the URL; all paths
    /// are relative to it. No request need be sent for it.
    fn open(url: &str, options: Self::Options) -> Result<Self>;

    /// One page of a listing. A prefix that names nothing gives an empty page.
    fn list(&self, request: &ListRequest) -> Result<Page>;

    /// What is known of an object, without its bytes.
    fn head(&self, path: &str, condition: &GetCondition) -> Result<Meta>;

    /// Some bytes of an object. The host asks for at most 8 MiB at once.
    fn get(&self, path: &str, range: &GetRange, condition: &GetCondition) -> Result<Fetched>;

    /// Several ranges of one state of an object, in the order asked for, each complete:
    /// one that reaches past the end is invalid input. Unless overridden, a [`get`](Self::get)
    /// for each, all under the etag of the first.
    fn get_ranges(&self, path: &str, ranges: &[Range<u64>]) -> Result<Vec<Vec<u8>>> {
        let mut condition = GetCondition::Always;
        let mut parts = Vec::with_capacity(ranges.len());
        for range in ranges {
            let fetched = match self.get(path, &GetRange::Bounded(range.clone()), &condition) {
                // Nobody asked for one state in particular.
                Err(error) if error.kind() == ErrorKind::Precondition => {
                    return Err(Error::transient(format!("{path}: changed while it was read")));
                }
                fetched => fetched?,
            };
            if range.end > fetched.meta.size {
                return Err(Error::invalid_input(format!(
                    "{path}: bytes {range:?} are asked for, but the object has {} bytes",
                    fetched.meta.size
                )));
            }
            if ranges.len() > 1 && condition == GetCondition::Always {
                let etag = fetched.meta.etag.ok_or_else(|| {
                    Error::unsupported(format!(
                        "{path}: the store gives no etag, so that several ranges need not be of one state"
                    ))
                })?;
                condition = GetCondition::IfMatch(etag);
            }
            parts.push(fetched.bytes);
        }
        Ok(parts)
    }

    /// Writes a whole object.
    fn put(&self, path: &str, bytes: Vec<u8>, mode: &PutMode) -> Result<ObjectVersion>;

    /// Starts an object that is written in parts, seen by nobody before
    /// [`complete_upload`](Self::complete_upload). Answers with the upload's name.
    fn begin_upload(&self, path: &str) -> Result<String>;

    /// Writes one part. Numbers count from 0 without gaps, in any order, and a part may
    /// be written again. All but the last are of one size, at least 5 MiB. Answers with
    /// what `complete_upload` wants to hear of it.
    fn upload_part(&self, path: &str, upload: &str, number: u32, bytes: Vec<u8>) -> Result<String>;

    /// Makes the object of its parts, in their order, under the mode's condition.
    fn complete_upload(
        &self,
        path: &str,
        upload: &str,
        parts: &[String],
        mode: &PutMode,
    ) -> Result<ObjectVersion>;

    /// Drops an upload and its parts. One that does not exist is dropped.
    fn abort_upload(&self, path: &str, upload: &str) -> Result<()>;

    /// Deletes objects, at most 1,000 at once: a result for each, in order. An object
    /// that does not exist is deleted.
    fn delete(&self, paths: &[String]) -> Result<Vec<Result<()>>>;

    /// Copies an object within the store. [`PutMode::IfMatch`] is not asked for.
    fn copy(&self, source: &str, target: &str, mode: &PutMode) -> Result<()>;
}

/// What `meta.describe` says about a storage backend.
pub(crate) fn describe<T: StorageBackend>() -> String {
    json!({
        "name": T::NAME,
        "version": T::VERSION,
        "kind": "storage-backend",
        "description": T::DESCRIPTION,
        "options": options::schema::<T::Options>(),
    })
    .to_string()
}

/// Exports a [`StorageBackend`](crate::StorageBackend) as the plugin that this crate is.
#[macro_export]
macro_rules! export_storage_backend {
    ($backend:ty) => {
        const _: () = {
            type TidelakePlugin = $crate::storage_backend::Export<$backend>;
            $crate::__export!(TidelakePlugin, storage_backend, export_storage_backend_interface);
        };
    };
}

/// Stands between the component's exports and a [`StorageBackend`].
#[doc(hidden)]
pub struct Export<T>(PhantomData<T>);

impl<T: StorageBackend> crate::bindings::meta::exports::tidelake::plugin::meta::Guest
    for Export<T>
{
    fn describe() -> String {
        describe::<T>()
    }
}

impl<T: StorageBackend> exports::Guest for Export<T> {
    type Store = Store<T>;
}

#[doc(hidden)]
pub struct Store<T>(T);

impl<T: StorageBackend> exports::GuestStore for Store<T> {
    fn open(url: String, options: String) -> Result<exports::Store, exports::Error> {
        let store = T::open(&url, options::parse(&options)?)?;
        Ok(exports::Store::new(Self(store)))
    }

    fn list(&self, request: wit::ListRequest) -> Result<wit::Page, exports::Error> {
        Ok(self.0.list(&request.into())?.into())
    }

    fn head(
        &self,
        path: String,
        condition: wit::GetCondition,
    ) -> Result<wit::Meta, exports::Error> {
        Ok(self.0.head(&path, &condition.into())?.into())
    }

    fn get(
        &self,
        path: String,
        range: wit::GetRange,
        condition: wit::GetCondition,
    ) -> Result<exports::Fetched, exports::Error> {
        let Fetched { meta, start, bytes } = self.0.get(&path, &range.into(), &condition.into())?;
        Ok(exports::Fetched { meta: meta.into(), start, bytes })
    }

    fn get_ranges(
        &self,
        path: String,
        ranges: Vec<wit::ByteRange>,
    ) -> Result<Vec<Vec<u8>>, exports::Error> {
        let ranges: Vec<_> = ranges.iter().map(|range| range.start..range.end).collect();
        Ok(self.0.get_ranges(&path, &ranges)?)
    }

    fn put(
        &self,
        path: String,
        bytes: Vec<u8>,
        mode: wit::PutMode,
    ) -> Result<wit::ObjectVersion, exports::Error> {
        Ok(self.0.put(&path, bytes, &mode.into())?.into())
    }

    fn begin_upload(&self, path: String) -> Result<String, exports::Error> {
        Ok(self.0.begin_upload(&path)?)
    }

    fn upload_part(
        &self,
        path: String,
        upload: String,
        number: u32,
        bytes: Vec<u8>,
    ) -> Result<String, exports::Error> {
        Ok(self.0.upload_part(&path, &upload, number, bytes)?)
    }

    fn complete_upload(
        &self,
        path: String,
        upload: String,
        parts: Vec<String>,
        mode: wit::PutMode,
    ) -> Result<wit::ObjectVersion, exports::Error> {
        Ok(self.0.complete_upload(&path, &upload, &parts, &mode.into())?.into())
    }

    fn abort_upload(&self, path: String, upload: String) -> Result<(), exports::Error> {
        Ok(self.0.abort_upload(&path, &upload)?)
    }

    fn delete(&self, paths: Vec<String>) -> Result<Vec<Option<exports::Error>>, exports::Error> {
        let results = self.0.delete(&paths)?;
        Ok(results.into_iter().map(|result| result.err().map(Into::into)).collect())
    }

    fn copy(
        &self,
        source: String,
        target: String,
        mode: wit::PutMode,
    ) -> Result<(), exports::Error> {
        Ok(self.0.copy(&source, &target, &mode.into())?)
    }
}

impl From<Meta> for wit::Meta {
    fn from(meta: Meta) -> Self {
        let Meta { path, size, modified, etag, version } = meta;
        Self { path, size, modified, etag, version }
    }
}

impl From<ObjectVersion> for wit::ObjectVersion {
    fn from(ObjectVersion { etag, version }: ObjectVersion) -> Self {
        Self { etag, version }
    }
}

impl From<Page> for wit::Page {
    fn from(Page { objects, prefixes, next }: Page) -> Self {
        Self { objects: objects.into_iter().map(Into::into).collect(), prefixes, next }
    }
}

impl From<wit::ListRequest> for ListRequest {
    fn from(request: wit::ListRequest) -> Self {
        let wit::ListRequest { prefix, start_after, delimited, token } = request;
        Self { prefix, start_after, delimited, token }
    }
}

impl From<wit::GetRange> for GetRange {
    fn from(range: wit::GetRange) -> Self {
        match range {
            wit::GetRange::Bounded(range) => Self::Bounded(range.start..range.end),
            wit::GetRange::Offset(start) => Self::Offset(start),
            wit::GetRange::Suffix(length) => Self::Suffix(length),
        }
    }
}

impl From<wit::GetCondition> for GetCondition {
    fn from(condition: wit::GetCondition) -> Self {
        match condition {
            wit::GetCondition::Always => Self::Always,
            wit::GetCondition::IfMatch(etag) => Self::IfMatch(etag),
            wit::GetCondition::IfNoneMatch(etag) => Self::IfNoneMatch(etag),
        }
    }
}

impl From<wit::PutMode> for PutMode {
    fn from(mode: wit::PutMode) -> Self {
        match mode {
            wit::PutMode::Overwrite => Self::Overwrite,
            wit::PutMode::IfAbsent => Self::IfAbsent,
            wit::PutMode::IfMatch(wit::ObjectVersion { etag, version }) => {
                Self::IfMatch(ObjectVersion { etag, version })
            }
        }
    }
}
