//! The wasm engine that all plugins of a host share.

use tidelake_core::{Error, Result};
use wasmtime::{Config, Engine, OptLevel};

use crate::interrupt::Interrupter;

/// Makes the engine, whose guests this stops from now on.
pub(crate) fn build(interrupter: &dyn Interrupter) -> Result<Engine> {
    let mut config = Config::new();
    config
        .cranelift_opt_level(OptLevel::Speed)
        // Calls between host and guest cost less than half without it.
        .concurrency_support(false)
        // Plugins are deterministic, on every kind of processor.
        .relaxed_simd_deterministic(true)
        .wasm_memory64(false)
        // No exception of the host crosses guests, and traps find their way by frame pointers.
        .native_unwind_info(cfg!(windows));
    interrupter.configure(&mut config);
    let engine = Engine::new(&config).map_err(|error| {
        Error::internal("the WebAssembly engine could not be made").with_source(error)
    })?;
    interrupter.watch(&engine)?;
    Ok(engine)
}
