//! Write a tidelake plugin in Rust: a struct, its options, a trait, one macro.
//!
//! | to write | implement | export with |
//! |---|---|---|
//! | a step that changes rows | [`Transform`] | [`export_transform!`] |
//! | a file format | [`FormatWriter`] | [`export_format_writer!`] |
//! | an aggregation into time buckets | [`Downsampler`] | [`export_downsampler!`] |
//! | a place for the lake's objects | [`StorageBackend`] | [`export_storage_backend!`] |
//! | a place where rows come from | [`Source`] | [`export_source!`] |
//!
//! The whole of a transform that adds a column:
//!
//! ```
//! use std::sync::Arc;
//! use tidelake_sdk::array::{ArrayRef, Float64Array, cast::AsArray, types::Float64Type};
//! use tidelake_sdk::schema::{DataType, Field, Schema, SchemaRef};
//! use tidelake_sdk::{Batch, Column, Error, Output, Result, Transform};
//!
//! struct Half {
//!     schema: SchemaRef,
//!     column: usize,
//! }
//!
//! #[derive(serde::Deserialize, schemars::JsonSchema)]
//! #[serde(deny_unknown_fields)]
//! struct Options {
//!     /// The column to take half of.
//!     column: String,
//! }
//!
//! impl Transform for Half {
//!     const NAME: &'static str = "half";
//!     const VERSION: &'static str = "1.0.0";
//!     const DESCRIPTION: &'static str = "Adds half of a column.";
//!     const ROW_WISE: bool = true;
//!     type Options = Options;
//!
//!     fn create(input: SchemaRef, options: Options) -> Result<Self> {
//!         let column = input.index_of(&options.column).map_err(|_| {
//!             Error::option("column", format!("there is no column `{}`", options.column))
//!         })?;
//!         if input.field(column).data_type() != &DataType::Float64 {
//!             return Err(Error::column(&options.column, "only Float64 can be halved"));
//!         }
//!         let mut fields = input.fields().to_vec();
//!         fields.push(Arc::new(Field::new("half", DataType::Float64, true)));
//!         Ok(Self { schema: Arc::new(Schema::new(fields)), column })
//!     }
//!
//!     fn output_schema(&self) -> SchemaRef {
//!         self.schema.clone()
//!     }
//!
//!     fn process(&mut self, batch: &Batch<'_>, out: &mut Output<'_>) -> Result<()> {
//!         let values = batch.column(self.column)?;
//!         let half: Float64Array = values.as_primitive::<Float64Type>().unary(|v| v / 2.0);
//!         // Columns passed on by index never cross between host and plugin.
//!         let same = (0..batch.schema().fields().len()).map(Column::Same);
//!         out.emit(batch.rows(), same.chain([Column::Data(Arc::new(half) as ArrayRef)]))
//!     }
//! }
//!
//! tidelake_sdk::export_transform!(Half);
//! ```
//!
//! Build the crate (`crate-type = ["cdylib", "rlib"]`) for `wasm32-wasip2` and the
//! result is a plugin. It also builds natively, where [`testing`] runs it inside
//! unit tests; and with `tidelake plugin build --native` the very source becomes a native
//! plugin, for hosts that trust it fully.
//!
//! A panic ends the instance with the message in the operator's log and fails the
//! unit of work; it cannot harm the host. Return an [`Error`] for everything that
//! an operator can do something about.

mod batch;
pub mod clock;
pub mod codec;
pub mod config;
pub mod downsampler;
mod error;
pub mod format_writer;
pub mod http;
pub mod kv;
pub mod log;
#[cfg(any(target_arch = "wasm32", test))]
mod memory;
pub mod metrics;
#[cfg(all(feature = "native", not(target_arch = "wasm32")))]
#[doc(hidden)]
pub mod native;
mod options;
mod output;
mod schemas;
pub mod secrets;
pub mod source;
pub mod storage_backend;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;
pub mod transform;

#[doc(hidden)]
pub mod bindings;

pub use arrow_array as array;
pub use arrow_buffer as buffer;
pub use arrow_schema as schema;
pub use schemars;
pub use serde;
pub use serde_json;

pub use batch::Batch;
pub use downsampler::{Downsampler, Roles};
pub use error::{Error, ErrorKind, Result, ResultExt};
pub use format_writer::{FormatWriter, SortColumn};
pub use options::{NoOptions, Options};
pub use output::{Column, Output, Sink};
pub use source::Source;
pub use storage_backend::StorageBackend;
pub use transform::Transform;

/// Exports `meta` and one more interface. Native builds export nothing with this: a plugin
/// is an ordinary library there, unless the build asks for [`__export_native!`].
#[doc(hidden)]
#[macro_export]
macro_rules! __export {
    ($plugin:ident, $bindings:ident, $interface:ident) => {
        #[cfg(target_arch = "wasm32")]
        $crate::bindings::meta::export_meta!($plugin with_types_in $crate::bindings::meta);
        #[cfg(target_arch = "wasm32")]
        $crate::bindings::$bindings::$interface!(
            $plugin with_types_in $crate::bindings::$bindings
        );
        #[cfg(not(target_arch = "wasm32"))]
        const _: ::core::marker::PhantomData<$plugin> = ::core::marker::PhantomData;
    };
}

/// Exports the symbols of a native plugin, in builds with the feature `native`.
#[cfg(all(feature = "native", not(target_arch = "wasm32")))]
#[doc(hidden)]
#[macro_export]
macro_rules! __export_native {
    (transform, $plugin:ty) => {
        $crate::__native_symbols!($crate::native::Stage<$plugin>, MARK_TRANSFORM);
    };
    (format_writer, $plugin:ty) => {
        $crate::__native_symbols!($crate::native::Writer<$plugin>, MARK_FORMAT_WRITER);
    };
    (downsampler, $plugin:ty) => {
        $crate::__native_symbols!($crate::native::Aggregator<$plugin>, MARK_DOWNSAMPLER);
    };
}

/// Exports nothing: the build did not ask for a native plugin.
#[cfg(not(all(feature = "native", not(target_arch = "wasm32"))))]
#[doc(hidden)]
#[macro_export]
macro_rules! __export_native {
    ($kind:ident, $plugin:ty) => {};
}
