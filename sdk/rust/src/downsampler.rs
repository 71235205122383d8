//! Downsamplers: rows in, one row for each group and time bucket out.

use std::cell::RefCell;
use std::marker::PhantomData;

use arrow_schema::SchemaRef;
use serde_json::json;

use crate::batch::Batch;
use crate::bindings::downsampler::exports::tidelake::plugin::downsampler as exports;
use crate::bindings::host::tidelake::plugin::arrow as wit;
use crate::error::{Error, Result};
use crate::options::{self, Options};
use crate::output::Output;
use crate::schemas;

/// Roles of the input's columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roles {
    /// Index of the time column.
    pub time_column: usize,
    /// Index of the column that holds the start of each row's bucket, of the time
    /// column's type, without nulls.
    pub bucket_column: usize,
    /// Indexes of the columns to group by, in order.
    pub group_columns: Vec<usize>,
}

impl Roles {
    fn check(&self, input: &SchemaRef) -> Result<()> {
        let columns = input.fields().len();
        let used = self.group_columns.iter().chain([&self.time_column, &self.bucket_column]);
        match used.into_iter().find(|index| **index >= columns) {
            Some(index) => Err(Error::internal(format!(
                "a role names column {index}, but the input has {columns}"
            ))),
            None => Ok(()),
        }
    }
}

/// Aggregates rows into time buckets, mergeably.
///
/// [`export_downsampler!`](crate::export_downsampler) makes it a plugin. What
/// [`drain`](Downsampler::drain) emits holds, next to the columns that people read,
/// all the state that [`merge`](Downsampler::merge) needs.
pub trait Downsampler: Sized + 'static {
    /// The name that a configuration uses: `[a-z][a-z0-9-]*`.
    const NAME: &'static str;
    /// Semantic version, best `env!("CARGO_PKG_VERSION")`.
    const VERSION: &'static str;
    /// One line for `plugin list`.
    const DESCRIPTION: &'static str;
    /// What the operator configures.
    type Options: Options;

    /// Prepares for batches of the schema `input`.
    fn create(input: SchemaRef, roles: &Roles, options: Self::Options) -> Result<Self>;

    /// What [`drain`](Downsampler::drain) emits and [`merge`](Downsampler::merge)
    /// takes: the bucket (named as the time column), the group columns under their
    /// own names, then the values.
    fn output_schema(&self) -> SchemaRef;

    /// Adds raw rows.
    fn update(&mut self, batch: &Batch<'_>) -> Result<()>;

    /// Adds aggregates drained earlier with the same plugin and options.
    fn merge(&mut self, partials: &Batch<'_>) -> Result<()>;

    /// Emits one row for each group and bucket, in order of group, then bucket, and
    /// forgets them.
    fn drain(&mut self, out: &mut Output<'_>) -> Result<()>;
}

/// What `meta.describe` says about a downsampler.
pub(crate) fn describe<T: Downsampler>() -> String {
    json!({
        "name": T::NAME,
        "version": T::VERSION,
        "kind": "downsampler",
        "description": T::DESCRIPTION,
        "options": options::schema::<T::Options>(),
    })
    .to_string()
}

/// Exports a [`Downsampler`](crate::Downsampler) as the plugin that this crate is.
#[macro_export]
macro_rules! export_downsampler {
    ($downsampler:ty) => {
        const _: () = {
            type TidelakePlugin = $crate::downsampler::Export<$downsampler>;
            $crate::__export!(TidelakePlugin, downsampler, export_downsampler_interface);
            $crate::__export_native!(downsampler, $downsampler);
        };
    };
}

/// Stands between the component's exports and a [`Downsampler`].
#[doc(hidden)]
pub struct Export<T>(PhantomData<T>);

impl<T: Downsampler> crate::bindings::meta::exports::tidelake::plugin::meta::Guest for Export<T> {
    fn describe() -> String {
        describe::<T>()
    }
}

impl<T: Downsampler> exports::Guest for Export<T> {
    type Aggregator = Aggregator<T>;
}

#[doc(hidden)]
pub struct Aggregator<T> {
    input: SchemaRef,
    output: SchemaRef,
    downsampler: RefCell<T>,
}

/// Checks the roles and makes the downsampler.
pub(crate) fn open<T: Downsampler>(
    input: &SchemaRef,
    roles: &Roles,
    options: T::Options,
) -> Result<T> {
    roles.check(input)?;
    T::create(input.clone(), roles, options)
}

impl<T: Downsampler> Aggregator<T> {
    fn open(input: &[u8], spec: exports::Spec, options: &str) -> Result<Self> {
        let input = schemas::read(input)?;
        let roles = Roles {
            time_column: spec.time_column as usize,
            bucket_column: spec.bucket_column as usize,
            group_columns: spec.group_columns.iter().map(|i| *i as usize).collect(),
        };
        let downsampler: T = open(&input, &roles, options::parse(options)?)?;
        let output = downsampler.output_schema();
        Ok(Self { input, output, downsampler: RefCell::new(downsampler) })
    }

    fn update(&self, batch: &wit::RecordBatch) -> Result<()> {
        self.downsampler.borrow_mut().update(&Batch::from_host(batch, &self.input)?)
    }

    fn merge(&self, partials: &wit::RecordBatch) -> Result<()> {
        self.downsampler.borrow_mut().merge(&Batch::from_host(partials, &self.output)?)
    }
}

impl<T: Downsampler> exports::GuestAggregator for Aggregator<T> {
    fn create(
        input: Vec<u8>,
        spec: exports::Spec,
        options: String,
    ) -> Result<exports::Aggregator, exports::Error> {
        Ok(exports::Aggregator::new(Self::open(&input, spec, &options)?))
    }

    fn output_schema(&self) -> Vec<u8> {
        schemas::write(&self.output)
    }

    fn update(&self, batch: &wit::RecordBatch) -> Result<(), exports::Error> {
        Ok(self.update(batch)?)
    }

    fn merge(&self, partials: &wit::RecordBatch) -> Result<(), exports::Error> {
        Ok(self.merge(partials)?)
    }

    fn drain(&self, out: &wit::BatchSink) -> Result<(), exports::Error> {
        let mut out = Output::to_host(out, self.output.clone(), None);
        Ok(self.downsampler.borrow_mut().drain(&mut out)?)
    }
}
