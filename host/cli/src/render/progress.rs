//! Progress bars, on a terminal only.

use std::collections::HashMap;
use std::io::IsTerminal;
use std::sync::{Arc, Mutex, PoisonError};

use indicatif::{MultiProgress, ProgressBar, ProgressFinish, ProgressStyle};
use tidelake::{Progress, Silent, Stage};

/// Bars on standard error if that is a terminal, silence otherwise.
pub(crate) fn new(json: bool) -> Arc<dyn Progress> {
    match !json && std::io::stderr().is_terminal() {
        true => Arc::new(Bars::default()),
        false => Arc::new(Silent),
    }
}

/// A bar for a download on standard error if that is a terminal, silence otherwise.
pub(crate) fn download(json: bool) -> Box<dyn Fn(u64, Option<u64>) + Send + Sync> {
    if json || !std::io::stderr().is_terminal() {
        return Box::new(tidelake_plugin::source::silent);
    }
    let style = "{prefix:<10} {wide_bar} {bytes:>11} of {total_bytes} {eta:>4}";
    let style =
        ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::no_length().with_style(style).with_prefix("fetch");
    let bar = bar.with_finish(ProgressFinish::AndClear);
    Box::new(move |bytes, total| {
        if let Some(total) = total {
            bar.set_length(total);
        }
        bar.set_position(bytes);
    })
}

/// One bar for each stage at work.
#[derive(Debug, Default)]
struct Bars {
    all: MultiProgress,
    bars: Mutex<HashMap<(String, &'static str), ProgressBar>>,
}

impl Bars {
    fn with(&self, table: &str, stage: Stage, act: impl FnOnce(&ProgressBar)) {
        let bars = self.bars.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bar) = bars.get(&(table.to_owned(), name(stage))) {
            act(bar);
        }
    }
}

fn name(stage: Stage) -> &'static str {
    match stage {
        Stage::Export => "export",
        Stage::Verify => "verify",
        Stage::Rollup => "roll up",
        Stage::Evict => "evict",
        Stage::Sync => "sync",
    }
}

impl Progress for Bars {
    fn start(&self, table: &str, stage: Stage, rows: u64) {
        let style = match stage {
            Stage::Sync => "{prefix:<24} {spinner} {human_pos:>11} rows {per_sec:>14} {elapsed:>4}",
            _ => "{prefix:<24} {wide_bar} {human_pos:>11} of {human_len} rows {eta:>4}",
        };
        let style =
            ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = self.all.add(ProgressBar::new(rows).with_style(style));
        bar.set_prefix(format!("{table} {}", name(stage)));
        let mut bars = self.bars.lock().unwrap_or_else(PoisonError::into_inner);
        bars.insert((table.to_owned(), name(stage)), bar);
    }

    fn advance(&self, table: &str, stage: Stage, rows: u64) {
        self.with(table, stage, |bar| bar.inc(rows));
    }

    fn finish(&self, table: &str, stage: Stage) {
        self.with(table, stage, ProgressBar::finish_and_clear);
    }
}
