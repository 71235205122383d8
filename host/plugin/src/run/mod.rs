//! Running plugins: instances and their limits, calls and their errors, and the
//! kinds of work behind the traits of `tidelake_core::plugin`.

pub(crate) mod downsampler;
pub(crate) mod fault;
pub(crate) mod instance;
pub(crate) mod journal;
pub(crate) mod limits;
pub(crate) mod plugin;
pub(crate) mod reload;
pub(crate) mod source;
pub(crate) mod state;
pub(crate) mod transform;
pub(crate) mod writer;

use tidelake_core::plugin::{PluginContext, PluginInfo};
use tidelake_core::{Error, Result};

use crate::options::OptionSchema;

/// The longest text of options that is handed to a plugin.
const OPTIONS: usize = 1 << 20;

/// Options as the guest gets them: a JSON object that fits the plugin's own schema.
pub(crate) fn options_text(
    info: &PluginInfo,
    schema: Option<&OptionSchema>,
    context: &PluginContext,
    options: &serde_json::Value,
) -> Result<String> {
    let name = &info.name;
    let wrong = |what: &str| {
        Error::config(format!("the options of plugin `{name}` {what}"))
            .with("plugin", name)
            .with("table", &context.table)
    };
    let text = match options {
        serde_json::Value::Null => "{}".to_owned(),
        serde_json::Value::Object(_) => options.to_string(),
        _ => return Err(wrong("are not an object")),
    };
    if text.len() > OPTIONS {
        return Err(wrong("are longer than 1 MiB"));
    }
    let problems = schema.map(|schema| schema.check(options)).unwrap_or_default();
    let Some(first) = problems.first() else { return Ok(text) };
    let all: Vec<&str> = problems.iter().map(|problem| problem.message.as_str()).collect();
    let error = wrong(&format!("do not fit: {}", all.join("; ")));
    Err(match &first.help {
        Some(help) if problems.len() == 1 => error.with_help(help),
        _ => error.with_help("`tidelake validate` shows each with its line"),
    })
}

/// An index as it crosses.
fn index(index: usize) -> Result<u32> {
    u32::try_from(index).map_err(|_| Error::internal("a column index beyond 32 bits"))
}
