//! The lake: object stores, data files, table logs, verification.
//!
//! A [`Lake`] is a place in an object store. Below it every table has a
//! directory ([`LakeTable`]):
//!
//! ```text
//! lake/trades/ts_day=2013-03-02/g00000001-e000001-….parquet   data files (upload, read)
//!             _delta_log/ or _tidelake/log/                   the table's log (log)
//!             _tidelake/ledger/                               proofs before evictions (ledger)
//!             _tidelake/intents/                              what a commit is about to add (intents)
//! ```
//!
//! A data file passes through this crate in that order: its rows are made to
//! fit the format ([`coerce`]), its bytes are uploaded ([`FileUpload`]) onto a
//! store that does not lie about durability ([`DurableLocal`]), a commit makes
//! it visible ([`log`]), and it is read back to prove that nothing was lost
//! ([`LakeTable::digest_file`]).

mod coerce;
pub mod conformance;
mod durable;
mod error;
mod intents;
mod lake;
mod ledger;
pub mod log;
mod partition;
mod probe;
mod read;
mod records;
mod table;
mod upload;

pub use coerce::{coerce, storage_schema};
pub use durable::DurableLocal;
pub use intents::Intents;
pub use lake::Lake;
pub use ledger::Ledger;
pub use log::TableLog;
pub use partition::check_partition_values;
pub use read::read_back;
pub use table::{BatchStream, LakeTable};
pub use upload::FileUpload;
