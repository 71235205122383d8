//! One store of one plugin: instances that are open on it, and the threads that
//! they run on.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tidelake_core::plugin::PluginContext;
use tidelake_core::{Error, Result};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use wasmtime::component::{ComponentNamedList, Lift, Lower, ResourceAny, TypedFunc};

use super::fault::{self, Fault};
use crate::bindings::v0_1::{Answer, GuestError, Objects};
use crate::run::plugin::{Lease, Plugin};

/// Calls of one store that run at once, and so instances that are kept.
pub(super) const AT_ONCE: usize = 8;
/// Pauses before a call that only reads is made again after a passing trouble.
const PAUSES: [Duration; 2] = [Duration::from_millis(100), Duration::from_millis(400)];

/// See the module's head.
pub(super) struct Backend {
    name: Arc<str>,
    plugin: Arc<Plugin>,
    context: PluginContext,
    url: String,
    options: String,
    idle: Mutex<Vec<Working>>,
    slots: Arc<Semaphore>,
}

impl fmt::Debug for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Backend").field("plugin", &self.name).field("url", &self.url).finish()
    }
}

/// An instance with the store open in it.
pub(super) struct Working {
    name: Arc<str>,
    lease: Lease,
    objects: Objects,
    store: ResourceAny,
}

impl Backend {
    /// Opens the store once, to see whether it can be. Runs the guest here.
    pub(super) fn open(
        plugin: Arc<Plugin>,
        context: PluginContext,
        url: &str,
        options: String,
    ) -> Result<Self> {
        let backend = Self {
            name: plugin.info.name.as_str().into(),
            plugin,
            context,
            url: url.to_owned(),
            options,
            idle: Mutex::default(),
            slots: Arc::new(Semaphore::new(AT_ONCE)),
        };
        let first = backend.instance()?;
        backend.put_back(first);
        Ok(backend)
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// What a plugin answered cannot be.
    pub(super) fn lie(&self, what: &str) -> Fault {
        fault::lie(&self.name, what)
    }

    /// A call that reads. After a passing trouble it is made again, some times.
    pub(super) async fn read<T, F>(self: &Arc<Self>, mut work: F) -> Result<T, Fault>
    where
        T: Send + 'static,
        F: FnMut(&mut Working) -> Result<T, Fault> + Send + 'static,
    {
        let this = Arc::clone(self);
        self.blocking(move || {
            for pause in PAUSES {
                match this.once(&mut work) {
                    Err(fault) if fault.is_transient() => std::thread::sleep(pause),
                    done => return done,
                }
            }
            this.once(&mut work)
        })
        .await
    }

    /// A call that writes: made once, since one that failed may have been done.
    pub(super) async fn write<T, F>(self: &Arc<Self>, work: F) -> Result<T, Fault>
    where
        T: Send + 'static,
        F: FnOnce(&mut Working) -> Result<T, Fault> + Send + 'static,
    {
        let this = Arc::clone(self);
        self.blocking(move || this.once(work)).await
    }

    /// Runs calls on a thread that may block. Whoever stops waiting does not stop the
    /// call: it keeps its slot until it ends.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let closed = |_| Fault::broken(Error::internal("the store is closed"));
        let slot = Arc::clone(&self.slots).acquire_owned().await.map_err(closed)?;
        let work = move || {
            let _slot = slot;
            work()
        };
        match Handle::try_current() {
            Ok(runtime) => runtime
                .spawn_blocking(work)
                .await
                .unwrap_or_else(|error| Err(fault::unfinished(&self.name, error))),
            Err(_) => work(),
        }
    }

    fn once<T>(&self, work: impl FnOnce(&mut Working) -> Result<T, Fault>) -> Result<T, Fault> {
        let idle = self.idle.lock().ok().and_then(|mut idle| idle.pop());
        let mut working = match idle {
            Some(working) => working,
            None => self.instance().map_err(Fault::broken)?,
        };
        let result = work(&mut working);
        self.put_back(working);
        result
    }

    fn instance(&self) -> Result<Working> {
        let mut lease = self.plugin.lease(&self.context)?;
        let instance = lease.instance()?;
        let objects = instance.bind(Objects::of)?;
        let store = instance.create(&objects.open, (self.url.clone(), self.options.clone()))?;
        lease.hold(store);
        Ok(Working { name: Arc::clone(&self.name), lease, objects, store })
    }

    /// Keeps an instance for the next call, if it is fit for one.
    fn put_back(&self, mut working: Working) {
        let fit = working.lease.instance().is_ok_and(|instance| instance.reusable());
        if fit
            && let Ok(mut idle) = self.idle.lock()
            && idle.len() < AT_ONCE
        {
            idle.push(working);
        }
    }
}

impl Working {
    /// The functions that can be called.
    pub(super) fn objects(&self) -> Objects {
        self.objects
    }

    /// Calls one of them on the store.
    pub(super) fn ask<P, T>(
        &mut self,
        function: &TypedFunc<P, Answer<T>>,
        params: impl FnOnce(ResourceAny) -> P,
    ) -> Result<T, Fault>
    where
        P: ComponentNamedList + Lower,
        T: Lift + 'static,
        Answer<T>: ComponentNamedList + Lift,
    {
        let instance = self.lease.instance().map_err(Fault::broken)?;
        let (answer,) = instance.call(function, params(self.store)).map_err(Fault::broken)?;
        answer.map_err(|error| self.told(&error))
    }

    /// The error that the guest answered with, and what to do if it was a host that it
    /// may not reach.
    pub(super) fn told(&mut self, told: &GuestError) -> Fault {
        let error = match self.lease.instance() {
            Ok(instance) => {
                let error = instance.refused(told, false);
                match instance.state().refused.clone() {
                    Some(advice) => error.with_help(advice),
                    None => error,
                }
            }
            Err(error) => error,
        };
        Fault { code: Some(told.code), error }
    }

    /// What the plugin answered cannot be.
    pub(super) fn lie(&self, what: &str) -> Fault {
        fault::lie(&self.name, what)
    }
}
