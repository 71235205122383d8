//! Transforms: batches in, batches out.

use std::cell::RefCell;
use std::marker::PhantomData;

use arrow_schema::SchemaRef;
use serde_json::json;

use crate::batch::Batch;
use crate::bindings::host::tidelake::plugin::arrow as wit;
use crate::bindings::transform::exports::tidelake::plugin::transform as exports;
use crate::error::{Error, Result};
use crate::options::{self, Options};
use crate::output::Output;
use crate::schemas;

/// Changes batches on their way to the lake.
///
/// A transform is deterministic: same input, same options, same output. It has no
/// clock, no randomness and no network. [`export_transform!`](crate::export_transform)
/// makes it a plugin.
pub trait Transform: Sized + 'static {
    /// The name that a configuration uses: `[a-z][a-z0-9-]*`.
    const NAME: &'static str;
    /// Semantic version, best `env!("CARGO_PKG_VERSION")`.
    const VERSION: &'static str;
    /// One line for `plugin list`.
    const DESCRIPTION: &'static str;
    /// Whether each output row depends on one input row alone. Such a transform is
    /// applied to hot rows too when they are queried.
    const ROW_WISE: bool = false;
    /// What the operator configures.
    type Options: Options;

    /// Prepares for batches of the schema `input`.
    fn create(input: SchemaRef, options: Self::Options) -> Result<Self>;

    /// Carries on from what [`Transform::snapshot`] of an earlier run returned, perhaps
    /// of an older version of the plugin, which this one takes the place of. A snapshot
    /// that it cannot carry on from is an error: then the older version goes on.
    fn restore(input: SchemaRef, options: Self::Options, snapshot: &[u8]) -> Result<Self> {
        if snapshot.is_empty() {
            return Self::create(input, options);
        }
        Err(Error::unsupported(format!("plugin `{}` keeps no state to restore", Self::NAME)))
    }

    /// The schema of everything that will be emitted. Constant.
    fn output_schema(&self) -> SchemaRef;

    /// Takes one batch and emits any number of batches.
    fn process(&mut self, batch: &Batch<'_>, out: &mut Output<'_>) -> Result<()>;

    /// The input has ended: emits what was held back.
    fn finish(&mut self, out: &mut Output<'_>) -> Result<()> {
        let _ = out;
        Ok(())
    }

    /// The state to carry on from, empty if there is none.
    fn snapshot(&self) -> Result<Vec<u8>> {
        Ok(Vec::new())
    }
}

/// What `meta.describe` says about a transform.
pub(crate) fn describe<T: Transform>() -> String {
    json!({
        "name": T::NAME,
        "version": T::VERSION,
        "kind": "transform",
        "description": T::DESCRIPTION,
        "options": options::schema::<T::Options>(),
        "row_wise": T::ROW_WISE,
    })
    .to_string()
}

/// Exports a [`Transform`](crate::Transform) as the plugin that this crate is.
#[macro_export]
macro_rules! export_transform {
    ($transform:ty) => {
        const _: () = {
            type TidelakePlugin = $crate::transform::Export<$transform>;
            $crate::__export!(TidelakePlugin, transform, export_transform_interface);
            $crate::__export_native!(transform, $transform);
        };
    };
}

/// Stands between the component's exports and a [`Transform`].
#[doc(hidden)]
pub struct Export<T>(PhantomData<T>);

impl<T: Transform> crate::bindings::meta::exports::tidelake::plugin::meta::Guest for Export<T> {
    fn describe() -> String {
        describe::<T>()
    }
}

impl<T: Transform> exports::Guest for Export<T> {
    type Stage = Stage<T>;
}

#[doc(hidden)]
pub struct Stage<T> {
    input: SchemaRef,
    output: SchemaRef,
    transform: RefCell<T>,
}

impl<T: Transform> Stage<T> {
    fn open(input: &[u8], options: &str, snapshot: Option<&[u8]>) -> Result<Self> {
        let input = schemas::read(input)?;
        let options = options::parse(options)?;
        let transform = match snapshot {
            Some(snapshot) => T::restore(input.clone(), options, snapshot)?,
            None => T::create(input.clone(), options)?,
        };
        let output = transform.output_schema();
        Ok(Self { input, output, transform: RefCell::new(transform) })
    }

    fn process(&self, batch: &wit::RecordBatch, out: &wit::BatchSink) -> Result<()> {
        let batch = Batch::from_host(batch, &self.input)?;
        let mut out = Output::to_host(out, self.output.clone(), Some(&batch));
        self.transform.borrow_mut().process(&batch, &mut out)
    }
}

impl<T: Transform> exports::GuestStage for Stage<T> {
    fn create(
        input: Vec<u8>,
        options: String,
        snapshot: Option<Vec<u8>>,
    ) -> Result<exports::Stage, exports::Error> {
        Ok(exports::Stage::new(Self::open(&input, &options, snapshot.as_deref())?))
    }

    fn output_schema(&self) -> Vec<u8> {
        schemas::write(&self.output)
    }

    fn process(
        &self,
        batch: &wit::RecordBatch,
        out: &wit::BatchSink,
    ) -> Result<(), exports::Error> {
        Ok(self.process(batch, out)?)
    }

    fn finish(&self, out: &wit::BatchSink) -> Result<(), exports::Error> {
        let mut out = Output::to_host(out, self.output.clone(), None);
        Ok(self.transform.borrow_mut().finish(&mut out)?)
    }

    fn snapshot(&self) -> Result<Vec<u8>, exports::Error> {
        Ok(self.transform.borrow().snapshot()?)
    }
}
