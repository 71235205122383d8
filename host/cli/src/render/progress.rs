//! Progress bars, on a terminal only.

use std::collections::HashMap;
use std::io::IsTerminal;
use std::sync::{Arc, Mutex, PoisonError};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use tidelake::{Progress, Silent, Stage};

/// Bars on standard error if that is a terminal, silence otherwise.
pub(crate) fn new(json: bool) -> Arc<dyn Progress> {
    match !json && std::io::stderr().is_terminal() {
        true => Arc::new(Bars::default()),
        false => Arc::new(Silent),
    }
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
