//! A source that makes its rows up: row `n` of `rows` is always the same. It can break
//! each rule of sources, and count in `kv` how often it was opened.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use tidelake_sdk::array::{ArrayRef, Int64Array, StringArray, TimestampMicrosecondArray};
use tidelake_sdk::schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use tidelake_sdk::source::{Next, Polled};
use tidelake_sdk::{Column, Error, Output, Result, Source, kv};

/// 2024-03-01 00:00 UTC.
const START: i64 = 1_709_251_200_000_000;
const MINUTE: i64 = 60_000_000;

/// What the source does wrong.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Trick {
    /// Nothing.
    #[default]
    None,
    /// One row more than was asked for.
    TooMany,
    /// Rows without an offset that moves.
    Stuck,
    /// More is promised, and nothing comes.
    Nothing,
    /// An offset that is too long.
    LongOffset,
    /// A wait that brings rows.
    WaitWithRows,
    /// It panics in a poll.
    Panics,
    /// It never comes back from a poll.
    Loops,
}

/// Options of the plugin.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Options {
    /// How many rows there are.
    rows: u64,
    /// Whether more may come after them.
    #[serde(default)]
    open_end: bool,
    /// What to do wrong.
    #[serde(default)]
    trick: Trick,
    /// After how many rows to do it.
    #[serde(default)]
    after: u64,
    /// Counts in `kv` how often a source was opened.
    #[serde(default)]
    count: bool,
}

struct Feed {
    options: Options,
    at: u64,
    committed: Option<Vec<u8>>,
}

fn schema() -> SchemaRef {
    let utc = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    Arc::new(Schema::new(vec![
        Field::new("ts", utc, false),
        Field::new("symbol", DataType::Utf8, false),
        Field::new("n", DataType::Int64, false),
    ]))
}

impl Feed {
    fn emit(&self, rows: u64, out: &mut Output<'_>) -> Result<()> {
        let numbers = || (self.at..self.at + rows).map(|n| n as i64);
        let times: TimestampMicrosecondArray =
            numbers().map(|n| Some(START + n * MINUTE)).collect();
        let symbols = numbers().map(|n| Some(["ABC", "DEF", "GHI"][n as usize % 3]));
        let columns: [ArrayRef; 3] = [
            Arc::new(times.with_timezone("UTC")),
            Arc::new(symbols.collect::<StringArray>()),
            Arc::new(numbers().map(Some).collect::<Int64Array>()),
        ];
        out.emit(rows as usize, columns.map(Column::Data))
    }
}

impl Source for Feed {
    const NAME: &'static str = "feed";
    const VERSION: &'static str = "0.1.0";
    const DESCRIPTION: &'static str = "Makes rows up, for tests.";
    type Options = Options;

    fn open(options: Options, offset: Option<&[u8]>) -> Result<Self> {
        let at = match offset {
            None => 0,
            Some(offset) => std::str::from_utf8(offset)
                .ok()
                .and_then(|text| text.parse().ok())
                .ok_or_else(|| Error::invalid_input("the offset is none of this source"))?,
        };
        if options.count {
            let entry = kv::get("opened")?;
            let (count, revision) = entry.map_or((0, 0), |e| (e.value[0], e.revision));
            kv::put("opened", &[count + 1], Some(revision))?;
        }
        Ok(Self { options, at, committed: offset.map(<[u8]>::to_vec) })
    }

    fn schema(&self) -> SchemaRef {
        schema()
    }

    fn poll(&mut self, max_rows: usize, out: &mut Output<'_>) -> Result<Polled> {
        let mut rows = (self.options.rows - self.at.min(self.options.rows)).min(max_rows as u64);
        let trick = match self.at >= self.options.after {
            true => self.options.trick,
            false => Trick::None,
        };
        match trick {
            Trick::TooMany => rows = max_rows as u64 + 1,
            Trick::Nothing => rows = 0,
            Trick::Panics => panic!("this source panics after {} rows", self.at),
            Trick::Loops => loop {
                std::hint::black_box(());
            },
            _ => {}
        }
        self.emit(rows, out)?;
        if trick != Trick::Stuck {
            self.at += rows;
        }
        let more = self.at < self.options.rows || trick == Trick::Nothing;
        let next = match (trick, more, self.options.open_end) {
            (Trick::WaitWithRows, ..) => Next::Wait(Duration::from_millis(1), "why not".into()),
            (_, true, _) => Next::More,
            (_, false, true) => Next::Idle(Duration::from_secs(1)),
            (_, false, false) => Next::End,
        };
        let offset = match trick {
            Trick::LongOffset => vec![b'7'; (16 << 10) + 1],
            _ => self.at.to_string().into_bytes(),
        };
        Ok(Polled { next, offset })
    }

    fn commit(&mut self, offset: &[u8]) -> Result<()> {
        // What is durable only grows.
        if self.committed.as_deref().is_some_and(|c| number(c) > number(offset)) {
            return Err(Error::internal("an older offset was committed"));
        }
        self.committed = Some(offset.to_vec());
        Ok(())
    }
}

fn number(offset: &[u8]) -> u64 {
    std::str::from_utf8(offset).ok().and_then(|text| text.parse().ok()).unwrap_or_default()
}

tidelake_sdk::export_source!(Feed);
