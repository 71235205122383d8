//! The wasm engine, and how a call is stopped that takes too long.

use std::fmt::Debug;
use std::time::Duration;

use tidelake_core::{Error, Result};
use wasmtime::{Config, Engine, OptLevel, Store};

/// Keeps deadlines: stops a guest that is still running when its time is over.
///
/// The one way today is wasmtime's epochs. The trait is here because it is not
/// the cheapest one (a check at every loop head), so that another can take its
/// place without anyone noticing but the clock.
pub(crate) trait Interrupter: Debug + Send + Sync {
    /// What the engine must be compiled with.
    fn configure(&self, config: &mut Config);
    /// Starts keeping time for the guests of an engine, for as long as it lives.
    fn watch(&self, engine: &Engine) -> Result<()>;
    /// Gives the store's next call this much time. A call that takes longer
    /// traps with [`wasmtime::Trap::Interrupt`].
    fn arm<T>(&self, store: &mut Store<T>, limit: Duration);
}

/// Deadlines by epochs: a thread counts ticks, compiled code looks at the count.
#[derive(Debug)]
pub(crate) struct Epochs {
    tick: Duration,
}

impl Default for Epochs {
    fn default() -> Self {
        Self { tick: Duration::from_millis(5) }
    }
}

impl Interrupter for Epochs {
    fn configure(&self, config: &mut Config) {
        config.epoch_interruption(true);
    }

    fn watch(&self, engine: &Engine) -> Result<()> {
        let (engine, tick) = (engine.weak(), self.tick);
        std::thread::Builder::new()
            .name("tidelake-epochs".to_owned())
            .spawn(move || {
                // The thread ends with the engine.
                while let Some(engine) = engine.upgrade() {
                    engine.increment_epoch();
                    drop(engine);
                    std::thread::sleep(tick);
                }
            })
            .map_err(|error| {
                Error::unavailable("the thread that keeps plugin deadlines could not be started")
                    .with_source(error)
            })?;
        Ok(())
    }

    fn arm<T>(&self, store: &mut Store<T>, limit: Duration) {
        let ticks = limit.as_nanos().div_ceil(self.tick.as_nanos().max(1));
        // One more: the current tick may be almost over.
        store.set_epoch_deadline(u64::try_from(ticks).unwrap_or(u64::MAX / 2).saturating_add(1));
    }
}

/// The engine that all plugins of a host share.
pub(crate) fn build(interrupter: &impl Interrupter) -> Result<Engine> {
    let mut config = Config::new();
    config
        .cranelift_opt_level(OptLevel::Speed)
        // Calls between host and guest cost less than half without it.
        .concurrency_support(false)
        // Plugins are deterministic, on every kind of processor.
        .relaxed_simd_deterministic(true)
        .wasm_memory64(false);
    interrupter.configure(&mut config);
    let engine = Engine::new(&config).map_err(|error| {
        Error::internal("the WebAssembly engine could not be made").with_source(error)
    })?;
    interrupter.watch(&engine)?;
    Ok(engine)
}
