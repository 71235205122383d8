//! What the host and a native plugin agree on: symbols, tables of functions, and who owns
//! what.
//!
//! A native plugin is a library with three symbols:
//!
//! | symbol | is |
//! |---|---|
//! | `tidelake_abi_version` | a `u32`, [`ABI`]: read before anything else is believed |
//! | `tidelake_plugin_v1` | a [`Plugin`]: the functions that the host calls |
//! | `tidelake_plugin_mark` | a text that can be found in the file: version and kind, for those who look at the file without loading it |
//!
//! **Ownership.**
//!
//! - What is behind a pointer is borrowed for the length of the call, unless said
//!   otherwise. Texts are copied by whoever wants to keep them.
//! - Arrays move: the side that is handed an [`FFI_ArrowArray`] takes it out of its place,
//!   leaves an empty one behind, and calls the release callback when it is done with it,
//!   on any thread, also after the stage is gone. So a library is never unloaded.
//! - A schema that is handed in stays its owner's. One that is handed out is written to a
//!   place of the host, which releases it.
//! - A stage belongs to the host from `create` on, until `destroy`. Calls to one stage come
//!   one at a time, and may come from another thread each.
//! - A [`Host`] is valid for the call it was passed to, on the thread of the call.
//!
//! **Failures.** Every function answers [`DONE`] or [`FAILED`]; before the latter a
//! plugin says why, by [`Host::fail`]. No panic leaves the side where it arose: a plugin's
//! becomes the code [`code::CRASHED`], after which its stage is not called again, not even to
//! be destroyed.

#![allow(unsafe_code)]

use std::ffi::{CStr, c_void};

pub use arrow_array::ffi::{FFI_ArrowArray, FFI_ArrowSchema};

/// Version of everything in this module. What is not the same is not loaded.
pub const ABI: u32 = 1;

/// Name of the symbol with the version.
pub const ABI_SYMBOL: &CStr = c"tidelake_abi_version";
/// Name of the symbol with the functions.
pub const PLUGIN_SYMBOL: &CStr = c"tidelake_plugin_v1";

/// The beginning of the mark in a library; `abi=N:kind=WORD:` follows.
pub const MARK: &str = "tidelake-native-plugin:";
/// The mark of a format writer.
pub const MARK_FORMAT_WRITER: &str = "tidelake-native-plugin:abi=1:kind=format-writer:";
/// The mark of a transform.
pub const MARK_TRANSFORM: &str = "tidelake-native-plugin:abi=1:kind=transform:";
/// The mark of a downsampler.
pub const MARK_DOWNSAMPLER: &str = "tidelake-native-plugin:abi=1:kind=downsampler:";

/// [`Plugin::kind`] of a format writer.
pub const FORMAT_WRITER: u32 = 1;
/// [`Plugin::kind`] of a transform.
pub const TRANSFORM: u32 = 2;
/// [`Plugin::kind`] of a downsampler.
pub const DOWNSAMPLER: u32 = 3;

/// Whether a call did what it should.
pub type Status = i32;
/// It did.
pub const DONE: Status = 0;
/// It did not.
pub const FAILED: Status = 1;

/// Codes of failures, those of `wit/types.wit` in its order, and one more.
pub mod code {
    /// The options or the data are wrong.
    pub const INVALID_INPUT: u32 = 1;
    /// The plugin cannot do it.
    pub const UNSUPPORTED: u32 = 2;
    /// A named thing does not exist.
    pub const NOT_FOUND: u32 = 3;
    /// A thing that must be new exists already.
    pub const ALREADY_EXISTS: u32 = 4;
    /// A condition of the call no longer holds.
    pub const PRECONDITION: u32 = 5;
    /// The caller lacks a grant.
    pub const DENIED: u32 = 6;
    /// A limit is used up.
    pub const EXHAUSTED: u32 = 7;
    /// May succeed when tried again.
    pub const TRANSIENT: u32 = 8;
    /// A defect in the plugin or in the host.
    pub const INTERNAL: u32 = 9;
    /// The plugin panicked.
    pub const CRASHED: u32 = 100;
}

/// What [`Plugin::take`] is given.
pub mod what {
    /// A batch of the input's schema.
    pub const INPUT: u32 = 0;
    /// Aggregates of an earlier drain, for a downsampler to merge.
    pub const PARTIALS: u32 = 1;
}

/// Borrowed bytes; a text where it says so.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Bytes {
    /// The first one.
    pub at: *const u8,
    /// How many.
    pub len: usize,
}

impl Bytes {
    /// Lends bytes: for the length of a call, or for ever.
    pub const fn of(bytes: &[u8]) -> Self {
        Self { at: bytes.as_ptr(), len: bytes.len() }
    }

    /// The bytes.
    ///
    /// # Safety
    ///
    /// They are still lent, and for as long as the answer lives.
    pub unsafe fn get<'a>(self) -> &'a [u8] {
        match self.len {
            0 => &[],
            // SAFETY: whoever made this had a slice, and it lives on by the caller's promise.
            len => unsafe { std::slice::from_raw_parts(self.at, len) },
        }
    }
}

/// A column of an emitted batch.
#[repr(C)]
#[derive(Debug)]
pub struct OutColumn {
    /// The column of the call's batch that is passed on as it is; below zero: there is an
    /// array.
    pub same: i64,
    /// The array, which moves to the host; empty for a column that is passed on.
    pub array: FFI_ArrowArray,
    /// The array's type, which stays the plugin's.
    pub schema: FFI_ArrowSchema,
}

/// A column of the order in which rows arrive at a writer.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct SortColumn {
    /// Index in the schema.
    pub column: u64,
    /// Not 0: largest first.
    pub descending: u8,
    /// Not 0: nulls before all values.
    pub nulls_first: u8,
}

/// What a stage is made from. Fields that its kind has no use for are zero.
#[repr(C)]
#[derive(Debug)]
pub struct Create {
    /// The input's schema, as a struct.
    pub input: *const FFI_ArrowSchema,
    /// The options: a JSON object.
    pub options: Bytes,
    /// For writers: the order of the rows.
    pub sort: *const SortColumn,
    /// How many columns it has.
    pub sort_len: usize,
    /// For downsamplers: index of the time column.
    pub time_column: u64,
    /// For downsamplers: index of the column with the start of each row's bucket.
    pub bucket_column: u64,
    /// For downsamplers: indexes of the columns to group by.
    pub groups: *const u64,
    /// How many there are.
    pub groups_len: usize,
}

/// What a plugin may call while it is called. None of these blocks for long, and none
/// calls the plugin.
#[repr(C)]
#[derive(Debug)]
pub struct Host {
    /// The host's own; handed back to it as the first argument.
    pub context: *mut c_void,
    /// Takes a batch: its number of rows, its columns and how many.
    pub emit: unsafe extern "C" fn(*mut c_void, u64, *mut OutColumn, usize) -> Status,
    /// Takes the rows of the call's batch whose bit is set, least significant bit first.
    pub emit_selected: unsafe extern "C" fn(*mut c_void, Bytes) -> Status,
    /// Appends to the file that a writer writes.
    pub write: unsafe extern "C" fn(*mut c_void, Bytes) -> Status,
    /// Takes the text that `describe` answers.
    pub answer: unsafe extern "C" fn(*mut c_void, Bytes),
    /// Takes code and message of a failure, and after how many milliseconds it is worth
    /// trying again (0: no word about that).
    pub fail: unsafe extern "C" fn(*mut c_void, u32, Bytes, u64),
    /// Takes a message for the log: level (0 trace to 4 error) and text.
    pub log: unsafe extern "C" fn(*mut c_void, u32, Bytes),
    /// Whether messages of a level are kept: 0 or 1.
    pub log_enabled: unsafe extern "C" fn(*mut c_void, u32) -> u32,
    /// Adds to a counter.
    pub counter: unsafe extern "C" fn(*mut c_void, Bytes, u64),
    /// Sets a gauge.
    pub gauge: unsafe extern "C" fn(*mut c_void, Bytes, f64),
    /// Records an observation.
    pub histogram: unsafe extern "C" fn(*mut c_void, Bytes, f64),
    /// The value of a key of the configuration, lent for the length of the plugin's call; its
    /// pointer is null when there is none.
    pub config: unsafe extern "C" fn(*mut c_void, Bytes) -> Bytes,
}

/// A plugin's functions. All that have a stage are given one that `create` made.
#[repr(C)]
#[derive(Debug)]
pub struct Plugin {
    /// [`ABI`].
    pub abi: u32,
    /// One of the kinds.
    pub kind: u32,
    /// Version of the SDK, a text, lent for ever.
    pub sdk: Bytes,
    /// Answers what the plugin is: the JSON of `meta.describe`.
    pub describe: unsafe extern "C" fn(*const Host) -> Status,
    /// Makes a stage.
    pub create: unsafe extern "C" fn(*const Host, *const Create, *mut *mut c_void) -> Status,
    /// Writes the schema of everything that is emitted, as a struct. Not for writers.
    pub output_schema:
        unsafe extern "C" fn(*const Host, *mut c_void, *mut FFI_ArrowSchema) -> Status,
    /// Takes a batch as a struct: `process`, `write`, `update`, or `merge`, by what it is.
    pub take: unsafe extern "C" fn(*const Host, *mut c_void, u32, *mut FFI_ArrowArray) -> Status,
    /// `finish`, or `drain` of a downsampler.
    pub finish: unsafe extern "C" fn(*const Host, *mut c_void) -> Status,
    /// For writers: bytes taken in and not written yet.
    pub buffered: unsafe extern "C" fn(*const Host, *mut c_void, *mut u64) -> Status,
    /// The end of a stage.
    pub destroy: unsafe extern "C" fn(*const Host, *mut c_void) -> Status,
}

// SAFETY: a table of functions and a text, none of which ever changes.
unsafe impl Sync for Plugin {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_marks_name_this_version() {
        for (mark, kind) in [
            (MARK_FORMAT_WRITER, "format-writer"),
            (MARK_TRANSFORM, "transform"),
            (MARK_DOWNSAMPLER, "downsampler"),
        ] {
            assert_eq!(mark, format!("{MARK}abi={ABI}:kind={kind}:"));
        }
    }

    #[test]
    fn no_bytes_need_no_place() {
        let none = Bytes { at: std::ptr::null(), len: 0 };
        // SAFETY: there are none.
        assert!(unsafe { none.get() }.is_empty());
    }
}
