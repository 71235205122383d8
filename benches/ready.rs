//! How long it takes until a plugin can be used.
//!
//! | figure | from | to |
//! |---|---|---|
//! | `compile` | a file that was never seen | it has told its name |
//! | `ready_from_cache` | the same file, compiled before | it has told its name |
//! | `instantiate` | a plugin in use | one instance more |
//!
//! Reading, hashing and vetting the file are part of the first two, and so is an engine
//! of their own.

use std::sync::Arc;

use tidelake_core::config::PluginConfig;
use tidelake_core::plugin::{PluginContext, Plugins};
use tidelake_core::{Error, Result};
use tidelake_plugin::HostOptions;
use tidelake_plugin::measure::readiness;

use crate::measure::middle;
use crate::plan::Plan;
use crate::report::Figure;
use crate::ticks;

/// Instances of one plugin that exist at once.
const INSTANCES: usize = 64;

/// Measures the largest plugin of ours and a small one.
pub(crate) fn measure(plan: &Plan) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for name in ["format-parquet", "mask"] {
        let cache = plan.scratch()?;
        let file = plan.plugins.join(format!("{name}.wasm"));
        let measured = (0..plan.runs())
            .map(|_| {
                let cache = cache.path().join("cache");
                readiness(&file, &PluginConfig::default(), &HostOptions::default(), &cache)
            })
            .collect::<Result<Vec<_>>>()?;
        let millis = |times: Vec<std::time::Duration>| middle(times).as_secs_f64() * 1e3;
        let compiled = millis(measured.iter().map(|m| m.compiled).collect());
        let cached = millis(measured.iter().map(|m| m.cached).collect());
        figures.push(Figure::new(format!("compile_{name}"), compiled, "ms"));
        figures.push(Figure::new(format!("ready_from_cache_{name}"), cached, "ms"));
    }
    figures.push(instantiate(plan)?);
    Ok(figures)
}

/// Instances are made as they are needed and kept for the next who needs one: so many
/// stages at once need as many.
fn instantiate(plan: &Plan) -> Result<Figure> {
    let plugins = plan.plugins()?;
    let context = PluginContext { table: "bench".into(), unit: "ready".into() };
    let options = serde_json::json!({ "columns": ["symbol"], "salt": "bench" });
    let made = || plugins.stats().remove("mask").unwrap_or_default();
    let mut times = Vec::new();
    for _ in 0..=plan.runs() {
        let before = made();
        let stages = (0..INSTANCES)
            .map(|_| plugins.transform("mask", &context, Arc::clone(&ticks::schema()), &options))
            .collect::<Result<Vec<_>>>()?;
        drop(stages);
        let after = made();
        let count = u32::try_from(after.instances - before.instances).unwrap_or(u32::MAX);
        if count == 0 {
            return Err(Error::internal("no instance was made"));
        }
        times.push((after.instantiation - before.instantiation) / count);
    }
    // The first time does not count.
    Ok(Figure::new("instantiate", middle(times.split_off(1)).as_secs_f64() * 1e6, "µs"))
}
