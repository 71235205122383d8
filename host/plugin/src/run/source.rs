//! Sources.
//!
//! Rows come as those of a transform do, checked batch by batch against the declared
//! schema. What is checked here beyond that is what makes "at least once" of the guest
//! "once" in the store: rows never without an offset that moved, no promise of more
//! without either, no more rows than were asked for, and no offset that is too long to
//! be kept beside each append.

use std::sync::Arc;
use std::time::Duration;

use arrow::datatypes::SchemaRef;
use bytes::Bytes;
use serde_json::Value;
use tidelake_core::plugin::{BatchSink, MAX_OFFSET, Next, PluginContext, Polled, Source};
use tidelake_core::{Error, Result};
use wasmtime::component::Resource;

use super::plugin::{Lease, Plugin};
use super::{fault, options_text};
use crate::bindings::v0_1::{PollResult, Reader};
use crate::text;

/// Bytes of a reason to wait that are kept.
const REASON: usize = 512;

/// A source that runs in a guest.
pub(crate) struct WasmSource {
    lease: Lease,
    reader: Reader,
    schema: SchemaRef,
    /// Where it is; `None` at the start.
    offset: Option<Bytes>,
}

impl WasmSource {
    pub(crate) fn new(
        plugin: &Arc<Plugin>,
        context: &PluginContext,
        options: &Value,
        offset: Option<&[u8]>,
    ) -> Result<Self> {
        let options = options_text(&plugin.info, plugin.schema.as_ref(), context, options)?;
        let offset = offset.map(Bytes::copy_from_slice);
        let mut lease = plugin.lease(context)?;
        let instance = lease.instance()?;
        let reader = instance.bind(Reader::of)?;
        let resource = instance.create(&reader.open, (options, offset.clone()))?;
        lease.hold(resource);
        let (message,) = lease.instance()?.call(&reader.schema, (resource,))?;
        let schema = lease.declared(&message)?;
        Ok(Self { lease, reader, schema, offset })
    }

    /// The error of a poll that breaks a rule.
    fn broken(&mut self, what: &str) -> Error {
        let error = Error::plugin(format!("the source {what}"))
            .with_help("report it to the plugin's author; nothing of the poll was kept");
        match self.lease.instance() {
            Ok(instance) => fault::located(error, instance.state()),
            Err(_) => error,
        }
    }

    /// What is wrong with an answer, given the rows that came with it.
    fn fault(&self, result: &PollResult, offset: &Bytes, rows: u64, most: u32) -> Option<String> {
        let moved = self.offset.as_ref() != Some(offset);
        if rows > u64::from(most) {
            return Some(format!("emitted {rows} rows where at most {most} were asked for"));
        }
        if offset.len() > MAX_OFFSET {
            let is = offset.len();
            return Some(format!(
                "answered an offset of {is} bytes; at most {MAX_OFFSET} are kept"
            ));
        }
        if rows > 0 && !moved {
            return Some(format!("emitted {rows} rows and did not move its offset"));
        }
        match result {
            PollResult::More if rows == 0 && !moved => {
                Some("promises more, but neither emitted rows nor moved its offset".to_owned())
            }
            PollResult::Wait(_) if rows > 0 || (self.offset.is_some() && moved) => {
                Some("asks to wait and has moved on all the same".to_owned())
            }
            _ => None,
        }
    }
}

impl Source for WasmSource {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn poll(&mut self, max_rows: u32, out: &mut dyn BatchSink) -> Result<Polled> {
        let (resource, poll) = (self.lease.resource()?, self.reader.poll);
        let instance = self.lease.instance()?;
        let called = instance.call(&poll, (resource, max_rows, Resource::new_borrow(0)));
        let answer = match called {
            Ok((Ok(answer),)) => Ok(answer),
            Ok((Err(error),)) => Err(instance.refused(&error, false)),
            Err(error) => Err(error),
        };
        let (answer, result) = match answer {
            Ok(answer) => (Some(answer), Ok(())),
            Err(error) => (None, Err(error)),
        };
        let batches = instance.emitted(result)?;
        let (result, offset) =
            answer.ok_or_else(|| Error::internal("a poll without an answer or an error"))?;
        let rows = batches.iter().map(|batch| batch.num_rows() as u64).sum();
        if let Some(what) = self.fault(&result, &offset, rows, max_rows) {
            return Err(self.broken(&what));
        }
        for batch in batches {
            out.emit(batch)?;
        }
        let next = match result {
            PollResult::More => Next::More,
            PollResult::Idle(ms) => Next::Idle(Duration::from_millis(ms.into())),
            PollResult::End => Next::End,
            PollResult::Wait(pause) => Next::Wait(
                Duration::from_millis(pause.milliseconds.into()),
                text::clean(&pause.reason, REASON),
            ),
        };
        // Who waits has not moved, whatever was answered for an offset at the start.
        if !matches!(next, Next::Wait(..)) {
            self.offset = Some(offset.clone());
        }
        Ok(Polled { next, offset: offset.into() })
    }

    fn commit(&mut self, offset: &[u8]) -> Result<()> {
        let (resource, commit) = (self.lease.resource()?, self.reader.commit);
        let offset = Bytes::copy_from_slice(offset);
        self.lease.instance()?.attempt(&commit, (resource, offset))
    }
}
