//! What the host keeps for one instance.

use std::sync::Arc;

use arrow::array::RecordBatch;
use tidelake_core::plugin::PluginContext;
use tracing::Level;
use wasmtime::Trap;

use super::journal::{self, Journal, Stream};
use super::limits::Limits;
use crate::capabilities::Reach;
use crate::capabilities::http::handles::Handles;
use crate::crossing::file::FileQueue;
use crate::crossing::output::Output;
use crate::crossing::recycle::Recycler;
use crate::inert::Inert;
use crate::interrupt::Timer;
use crate::stats::Counters;

/// What all instances of a plugin share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) name: String,
    pub(crate) counters: Arc<Counters>,
    pub(crate) recycler: Arc<Recycler>,
    pub(crate) output_cap: u64,
    /// How far the plugin's capabilities reach.
    pub(crate) reach: Reach,
}

/// The data of an instance's store.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) shared: Arc<Shared>,
    pub(crate) context: PluginContext,
    pub(crate) limits: Limits,
    pub(crate) timer: Arc<dyn Timer>,
    /// The batch of the current call.
    pub(crate) input: Option<RecordBatch>,
    pub(crate) output: Output,
    pub(crate) file: FileQueue,
    pub(crate) journal: Journal,
    pub(crate) inert: Inert,
    pub(crate) handles: Handles,
    /// What to do about the request that was refused last in the current call: what to
    /// write into the configuration, or whose certificate to trust.
    pub(crate) refused: Option<String>,
}

impl State {
    pub(crate) fn new(shared: Arc<Shared>, limits: Limits, timer: Arc<dyn Timer>) -> Self {
        Self {
            context: PluginContext::default(),
            limits,
            timer,
            input: None,
            output: Output::new(shared.output_cap),
            file: FileQueue::new(Arc::clone(&shared.recycler), shared.output_cap),
            journal: Journal::default(),
            inert: Inert::default(),
            handles: Handles::default(),
            refused: None,
            shared,
        }
    }

    /// Gets ready for another piece of work of another owner.
    pub(crate) fn begin(&mut self, context: &PluginContext) {
        self.context = context.clone();
        self.input = None;
        self.output.declare(None);
        self.output.reset();
        self.file.reset();
        self.inert = Inert::default();
    }

    /// Fails once time is over. Host functions ask when they are entered and when
    /// they are left: a guest that does nothing but call them is stopped too.
    pub(crate) fn in_time(&self) -> wasmtime::Result<()> {
        if self.timer.over() { Err(Trap::Interrupt.into()) } else { Ok(()) }
    }

    /// The batch of the current call. Handles cannot outlive their call, so this
    /// fails only for a guest that forged one.
    pub(crate) fn input(&self) -> wasmtime::Result<&RecordBatch> {
        self.input.as_ref().ok_or_else(|| wasmtime::format_err!("this call has no batch"))
    }

    /// The file queue, for a moment in which the store must stay free.
    pub(crate) fn take_file(&mut self) -> FileQueue {
        let empty = FileQueue::new(Arc::clone(&self.shared.recycler), self.shared.output_cap);
        std::mem::replace(&mut self.file, empty)
    }

    pub(crate) fn log(&self, level: Level, message: &str) {
        journal::log(level, &self.shared.name, &self.context, message);
    }

    /// Bytes of the guest's standard output or error: to the log, by lines.
    pub(crate) fn print(&mut self, stream: Stream, bytes: &[u8]) {
        let level = match stream {
            Stream::Out => Level::DEBUG,
            Stream::Error => Level::WARN,
        };
        for line in self.journal.write(stream, bytes) {
            self.log(level, &line);
        }
    }
}
