//! What went wrong in a call, for the person who must act.

use std::time::Duration;

use tidelake_core::plugin::PluginContext;
use tidelake_core::{Error, ErrorKind};
use wasmtime::Trap;

use super::state::State;
use crate::bindings::v0_1::{ErrorCode, GuestError};
use crate::text;

/// The error of a call that did not return: a crash, a limit, a rule of the
/// component model.
pub(crate) fn trapped(error: wasmtime::Error, state: &mut State, deadline: Duration) -> Error {
    let name = &state.shared.name;
    let trap = error.downcast_ref::<Trap>().copied();
    let fault = if trap == Some(Trap::Interrupt) {
        Error::plugin(format!("plugin `{name}` did not finish within {deadline:?}"))
            .with("limit", "deadline")
            .with_help(format!("raise `deadline` under [plugin.{name}], or give it less to do"))
    } else if state.limits.denied() {
        let cap = text::bytes(state.limits.cap());
        Error::plugin(format!("plugin `{name}` needs more than its {cap} of memory"))
            .with("limit", "memory")
            .with_help(format!("raise `memory` under [plugin.{name}]"))
    } else if let Some(most) = state.limits.tables_denied() {
        Error::plugin(format!("plugin `{name}` needs a table of more than {most} elements"))
            .with("limit", "table")
            .with_help("report it to the plugin's author; the data is unchanged")
    } else if trap == Some(Trap::StackOverflow) {
        Error::plugin(format!("plugin `{name}` crashed: its call stack is exhausted"))
            .with_help("look for endless recursion in the plugin")
    } else {
        let words = state.journal.last_words();
        let words = words.unwrap_or_else(|| text::message(&error.root_cause().to_string()));
        Error::plugin(format!("plugin `{name}` crashed: {words}"))
            .with_help("report it to the plugin's author; the data is unchanged")
    };
    located(fault, state).with_source(error)
}

/// The error that a guest returned, in its own words.
pub(crate) fn returned(error: &GuestError, state: &State, creating: bool) -> Error {
    returned_at(error, &state.shared.name, &state.context, creating)
}

/// The same, of any plugin.
pub(crate) fn returned_at(
    error: &GuestError,
    name: &str,
    context: &PluginContext,
    creating: bool,
) -> Error {
    let kind = match error.code {
        // What is wrong at the start is what the operator configured.
        ErrorCode::InvalidInput | ErrorCode::AlreadyExists if creating => ErrorKind::Config,
        ErrorCode::InvalidInput | ErrorCode::AlreadyExists => ErrorKind::Input,
        ErrorCode::Unsupported => ErrorKind::Unsupported,
        ErrorCode::NotFound => ErrorKind::NotFound,
        ErrorCode::Precondition => ErrorKind::Conflict,
        ErrorCode::Denied => ErrorKind::Config,
        ErrorCode::Exhausted => ErrorKind::Exhausted,
        ErrorCode::Transient => ErrorKind::Unavailable,
        ErrorCode::Internal => ErrorKind::Plugin,
    };
    let message = match text::message(&error.message) {
        message if message.is_empty() => format!("{:?}, without a word why", error.code),
        message => message,
    };
    located_at(Error::new(kind, message).with("plugin", name), name, context)
}

/// Adds for whom the plugin worked.
pub(crate) fn located(error: Error, state: &State) -> Error {
    located_at(error, &state.shared.name, &state.context)
}

/// The same, of any plugin.
pub(crate) fn located_at(mut error: Error, name: &str, context: &PluginContext) -> Error {
    if !error.context().iter().any(|(key, _)| *key == "plugin") {
        error = error.with("plugin", name);
    }
    if !context.table.is_empty() {
        error = error.with("table", text::clean(&context.table, 256));
    }
    if !context.unit.is_empty() {
        error = error.with("unit", text::clean(&context.unit, 256));
    }
    error
}
