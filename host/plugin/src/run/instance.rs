//! One instance of a plugin, and calling it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use arrow::array::RecordBatch;
use tidelake_core::plugin::PluginContext;
use tidelake_core::{Error, Result};
use wasmtime::component::{ComponentNamedList, Lift, Lower, ResourceAny, TypedFunc};
use wasmtime::{Store, component};

use super::fault;
use super::limits::Limits;
use super::plugin::Plugin;
use super::state::State;
use crate::bindings::v0_1::{Create, ErrorCode, GuestError};
use crate::cpu::thread_time;
use crate::interrupt::{Timer, timed};
use crate::stats::{add, add_since};

/// Calls after which an instance is replaced, so that what leaks stays small.
const CALLS: u64 = 20_000;

/// A guest with its memory.
pub(crate) struct Instance {
    store: Store<State>,
    instance: component::Instance,
    timer: Arc<dyn Timer>,
    deadline: Duration,
    calls: u64,
    broken: bool,
}

impl Instance {
    /// Makes a fresh one.
    pub(crate) fn new(plugin: &Plugin) -> Result<Self> {
        let timer = plugin.interrupter.timer();
        let limits = Limits::new(plugin.memory, plugin.interrupter.marker());
        let state = State::new(Arc::clone(&plugin.shared), limits, Arc::clone(&timer));
        let mut store = Store::new(plugin.engine(), state);
        store.limiter(|state| &mut state.limits);
        // What may cross in one call from the guest: as much as may be emitted, and the
        // host's own words for it.
        let fuel = plugin.shared.output_cap.saturating_add(64 << 20).min(2 << 30);
        store.set_hostcall_fuel(fuel as usize);
        let start = Instant::now();
        // A module's `start` is the guest's code too.
        let made = timed(&*timer, &mut store, plugin.deadline, |store| {
            let mut made = Err(wasmtime::format_err!("nothing was made"));
            timer.adopt(&plugin.images, &mut || made = plugin.pre.instantiate(&mut *store));
            made
        });
        let instance = match made {
            Ok(instance) => instance,
            Err(error) => {
                return Err(fault::trapped(error, store.data_mut(), plugin.deadline)
                    .with("call", "instantiation"));
            }
        };
        add(&plugin.shared.counters.instances, 1);
        add_since(&plugin.shared.counters.instantiation, start);
        Ok(Self { store, instance, timer, deadline: plugin.deadline, calls: 0, broken: false })
    }

    /// Typed functions of the instance; what is missing is the plugin's fault.
    pub(crate) fn bind<T>(
        &mut self,
        of: impl FnOnce(&component::Instance, &mut Store<State>) -> wasmtime::Result<T>,
    ) -> Result<T> {
        of(&self.instance, &mut self.store).map_err(|error| {
            let name = &self.store.data().shared.name;
            Error::plugin(format!("plugin `{name}` does not export what its kind must"))
                .with("plugin", name)
                .with_help("build it with the tidelake SDK of the version it says it is for")
                .with_source(error)
        })
    }

    /// What the host keeps for it.
    pub(crate) fn state(&mut self) -> &mut State {
        self.store.data_mut()
    }

    /// Gets ready for another owner.
    pub(crate) fn begin(&mut self, context: &PluginContext) {
        self.store.data_mut().begin(context);
    }

    /// Whether it can serve another owner: healthy, not worn, and far from its
    /// memory cap (memory never shrinks).
    pub(crate) fn reusable(&self) -> bool {
        let limits = &self.store.data().limits;
        !self.broken && self.calls < CALLS && limits.used() <= limits.cap() / 4 * 3
    }

    /// Calls a function under the deadline. A trap breaks the instance.
    pub(crate) fn call<P, R>(&mut self, function: &TypedFunc<P, R>, params: P) -> Result<R>
    where
        P: ComponentNamedList + Lower,
        R: ComponentNamedList + Lift,
    {
        let state = self.store.data_mut();
        if self.broken {
            let name = &state.shared.name;
            let error = Error::plugin(format!("plugin `{name}` crashed before in this work"));
            return Err(fault::located(error, state));
        }
        state.limits.reset();
        state.journal.reset();
        state.refused = None;
        state.handles.begin(self.deadline);
        add(&state.shared.counters.calls, 1);
        self.calls += 1;
        let (start, used) = (Instant::now(), thread_time());
        let answer = timed(&*self.timer, &mut self.store, self.deadline, |store| {
            function.call(store, params)
        });
        let state = self.store.data();
        add_since(&state.shared.counters.busy, start);
        let used = thread_time().saturating_sub(used);
        add(&state.shared.counters.cpu, used.as_nanos() as u64);
        state.shared.counters.peak_memory.fetch_max(state.limits.used(), Ordering::Relaxed);
        if let dropped @ 1.. = state.journal.dropped() {
            state.log(tracing::Level::WARN, &format!("{dropped} more messages were dropped"));
        }
        answer.map_err(|error| {
            self.broken = true;
            let state = self.store.data_mut();
            add(&state.shared.counters.traps, 1);
            fault::trapped(error, state, self.deadline)
        })
    }

    /// Calls a function that can answer with an error of its own.
    pub(crate) fn attempt<P>(
        &mut self,
        function: &TypedFunc<P, (std::result::Result<(), GuestError>,)>,
        params: P,
    ) -> Result<()>
    where
        P: ComponentNamedList + Lower,
    {
        let (answer,) = self.call(function, params)?;
        answer.map_err(|error| self.refused(&error, false))
    }

    /// Calls a constructor.
    pub(crate) fn create<P>(
        &mut self,
        function: &TypedFunc<P, Create>,
        params: P,
    ) -> Result<ResourceAny>
    where
        P: ComponentNamedList + Lower,
    {
        let (answer,) = self.call(function, params)?;
        answer.map_err(|error| self.refused(&error, true))
    }

    /// The error that a guest answered with.
    pub(crate) fn refused(&mut self, error: &GuestError, creating: bool) -> Error {
        // A defect may have left anything behind.
        self.broken |= error.code == ErrorCode::Internal;
        fault::returned(error, self.store.data(), creating)
    }

    /// Calls with a batch in the guest's reach, for the length of the call.
    pub(crate) fn with_input<T>(
        &mut self,
        batch: &RecordBatch,
        call: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<T> {
        let state = self.store.data_mut();
        add(&state.shared.counters.rows_in, batch.num_rows() as u64);
        state.input = Some(batch.clone());
        let result = call(self);
        self.store.data_mut().input = None;
        result
    }

    /// What the call emitted. A call that failed emitted nothing that counts.
    pub(crate) fn emitted(&mut self, result: Result<()>) -> Result<Vec<RecordBatch>> {
        let state = self.store.data_mut();
        let taken = state.output.take();
        let broken = taken.is_err();
        let batches = taken.map_err(|error| fault::located(error, state));
        self.broken |= broken;
        // The broken rule explains the guest's error, not the other way round.
        let batches = batches?;
        result.map(|()| batches)
    }

    /// Drops a resource that the guest exported; it runs the guest's destructor.
    pub(crate) fn release(&mut self, resource: ResourceAny) {
        if self.broken {
            return;
        }
        let state = self.store.data_mut();
        state.limits.reset();
        state.journal.reset();
        let dropped = timed(&*self.timer, &mut self.store, self.deadline, |store| {
            resource.resource_drop(store)
        });
        if let Err(error) = dropped {
            self.broken = true;
            let state = self.store.data_mut();
            add(&state.shared.counters.traps, 1);
            tracing::warn!(
                plugin = state.shared.name,
                error = %crate::text::message(&error.root_cause().to_string()),
                "a plugin crashed while it was cleaned up"
            );
        }
    }
}
