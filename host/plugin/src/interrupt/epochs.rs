//! Deadlines by epochs: a thread counts ticks, compiled code looks at the count.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use tidelake_core::config::Interruption;
use tidelake_core::{Error, Result};
use wasmtime::{Config, Engine, Store};

use super::{Interrupter, Prepared, Timer, Verdict};
use crate::run::state::State;

/// The ticks of one engine.
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
    fn kind(&self) -> Interruption {
        Interruption::Epochs
    }

    fn variant(&self) -> &'static str {
        "epochs"
    }

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

    fn prepare<'a>(&self, component: &'a [u8]) -> wasmtime::Result<Prepared<'a>> {
        Ok(Prepared { component: Cow::Borrowed(component), images: Vec::new() })
    }

    fn timer(&self) -> Arc<dyn Timer> {
        Arc::new(Ticks { tick: self.tick })
    }
}

/// Deadlines in ticks.
#[derive(Debug)]
struct Ticks {
    tick: Duration,
}

impl Timer for Ticks {
    fn arm(&self, store: &mut Store<State>, limit: Duration) {
        let ticks = limit.as_nanos().div_ceil(self.tick.as_nanos().max(1));
        // One more: the current tick may be almost over.
        store.set_epoch_deadline(u64::try_from(ticks).unwrap_or(u64::MAX / 2).saturating_add(1));
    }

    fn disarm(&self) -> Verdict {
        // A deadline without a guest that runs does nothing, and the trap of one
        // that ran too long says what it is.
        Verdict::InTime
    }
}
