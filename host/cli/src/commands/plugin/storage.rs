//! `plugin test` and `plugin bench` of a storage backend: over the store that the sample
//! names, below a prefix that nobody has used, which is removed afterwards.

use std::sync::Arc;

use serde_json::Value;
use tidelake_core::Error;
use tidelake_core::clock::{Clock, SystemClock};
use tidelake_core::plugin::PluginInfo;
use tidelake_lake::conformance::store::{Checked, Outcome, StoreRef, checked};
use tidelake_plugin::PluginHost;
use tidelake_plugin::conformance::{Check, Verdict};
use tidelake_plugin::measure::storage::{Measured, measure};

use super::sample::{Loaded, SAMPLE_FILE};

/// The checks of a store, each by its name.
pub(super) async fn test(
    host: &PluginHost,
    info: &PluginInfo,
    loaded: &Loaded,
) -> Result<Vec<Check>, Error> {
    let store = open(host, info, loaded)?;
    let mut checks = vec![unknown_option(host, info, loaded)];
    // A check that breaks is reported, not shouted.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let tell = &mut |check: &Checked| tracing::info!("{}: {:?}", check.name, check.outcome);
    let done = checked(store, &prefix("test"), tell).await;
    std::panic::set_hook(hook);
    checks.extend(done.into_iter().map(|Checked { name, outcome }| {
        let (verdict, note) = match outcome {
            Outcome::Passed => (Verdict::Passed, String::new()),
            Outcome::Refused(why) => (Verdict::Refused, why),
            Outcome::Failed(how) => (Verdict::Failed, how),
        };
        Check { name: name.to_owned(), verdict, note }
    }));
    Ok(checks)
}

/// How fast a store is through the plugin.
pub(super) async fn bench(
    host: &PluginHost,
    info: &PluginInfo,
    loaded: &Loaded,
    times: usize,
) -> Result<Measured, Error> {
    let store = open(host, info, loaded)?;
    measure(host, info, &store, &prefix("bench"), times).await
}

fn open(host: &PluginHost, info: &PluginInfo, loaded: &Loaded) -> Result<StoreRef, Error> {
    host.storage(&info.name, url(loaded)?, &loaded.subject.options)
}

fn url(loaded: &Loaded) -> Result<&str, Error> {
    loaded.url.as_deref().ok_or_else(|| {
        Error::input("it is not known which store the plugin is to be run on").with_help(format!(
            "say it with --url URL, or as `url` in {SAMPLE_FILE}; objects are written below a \
             prefix of their own there, and removed"
        ))
    })
}

/// A prefix that is nobody's.
fn prefix(what: &str) -> String {
    format!("tidelake-plugin-{what}-{}-{}", SystemClock.now().0, std::process::id())
}

/// An option that nobody knows is an error that names it.
fn unknown_option(host: &PluginHost, info: &PluginInfo, loaded: &Loaded) -> Check {
    let mut options = loaded.subject.options.clone();
    options["no_such_option"] = Value::Null;
    let opened: Result<Arc<_>, Error> =
        url(loaded).and_then(|url| host.storage(&info.name, url, &options));
    let (verdict, note) = match opened {
        Err(error) if error.message().contains("no_such_option") => {
            (Verdict::Passed, String::new())
        }
        Err(error) => (Verdict::Failed, format!("the error does not name it: {error}")),
        Ok(_) => (
            Verdict::Failed,
            "was taken: the schema of the options should have `additionalProperties: false` \
             (in Rust: #[serde(deny_unknown_fields)])"
                .to_owned(),
        ),
    };
    Check { name: "an unknown option is refused by name".to_owned(), verdict, note }
}
