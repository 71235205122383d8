//! `tidelake:plugin@0.1.0`, linked by hand: what a guest reads is lowered from the
//! host's own buffers and what it emits is looked at in the guest's memory, which
//! generated bindings would copy once more each.

mod codec;
mod exports;
mod imports;
pub(crate) mod objects;
mod types;

pub(crate) use exports::{Aggregator, Answer, Describe, Objects, Reader, Stage, Writer};
pub(crate) use imports::{config_value, func, link};
pub(crate) use types::{
    BatchHandle, Create, ErrorCode, GuestError, KvEntry, PollResult, SortColumn, Spec,
};
