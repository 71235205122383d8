//! What a stopped stream is carried on from.
//!
//! | part | content |
//! |---|---|
//! | mark | `tidelake features`, then the version of this layout as a u16 |
//! | plan | options and types, as JSON: state of other features is of no use |
//! | series | their number, the newest time of each, their keys as columns |
//! | lags | for each column and series the last values |
//! | windows | for each window and series the values, weights, times and where the front ends; a window that only grows has its moments |
//! | check | CRC-32 of all before |
//!
//! Numbers are little-endian; counts are u32. Keys are kept as columns and not in the
//! bytes that groups are found by, which are Arrow's and may change.

use std::collections::VecDeque;

use arrow_buffer::Buffer;
use tidelake_columns::{Check, Columns, Node, decode, encode};
use tidelake_sdk::{Error, Result};

use crate::plan::Plan;
use crate::rolling::{Moments, Part, Rolling};
use crate::series::Series;
use crate::windows::{Extent, Kept, State, Windows};

const MARK: &[u8] = b"tidelake features";
const VERSION: u16 = 1;
const AGAIN: &str = "start without it, from the beginning of the series";

/// The state of all series.
pub(crate) fn write(series: &Series, plan: &Plan) -> Result<Vec<u8>> {
    let mut out = Writer(MARK.to_vec());
    out.0.extend(VERSION.to_le_bytes());
    out.bytes(plan.text.as_bytes())?;
    out.count(series.len())?;
    series.newest.iter().for_each(|time| out.int(*time));
    let all: Vec<u32> = (0..series.groups.len() as u32).collect();
    // Without a key there is one series, and no column to find it by.
    out.columns(&encode(&series.groups.keys(&all)?)?)?;
    for lags in &plan.lags {
        for group in 0..series.len() {
            let past = lags.past.get(group);
            out.count(past.map_or(0, VecDeque::len))?;
            past.into_iter().flatten().for_each(|value| out.float(*value));
        }
    }
    for windows in &plan.windows {
        let new = State::new(windows.over.extent);
        for group in 0..series.len() {
            out.state(windows, windows.states.get(group).unwrap_or(&new))?;
        }
    }
    let check = crc32fast::hash(&out.0);
    out.0.extend(check.to_le_bytes());
    Ok(out.0)
}

/// Puts the state of a snapshot into a plan that has none yet.
pub(crate) fn read(snapshot: &[u8], series: &mut Series, plan: &mut Plan) -> Result<()> {
    let rest = snapshot.strip_prefix(MARK).ok_or_else(|| {
        Error::invalid_input(format!("the snapshot is none of the plugin `features`; {AGAIN}"))
    })?;
    let (version, _) = rest.split_first_chunk().ok_or_else(damaged)?;
    match u16::from_le_bytes(*version) {
        VERSION => {}
        other => {
            return Err(Error::unsupported(format!(
                "the snapshot has version {other}, and this `features` reads {VERSION}; run the \
                 plugin that wrote it, or {AGAIN}"
            )));
        }
    }
    let (content, check) = snapshot.split_last_chunk().ok_or_else(damaged)?;
    if crc32fast::hash(content) != u32::from_le_bytes(*check) {
        return Err(damaged());
    }
    let mut from = Reader(content.get(MARK.len() + 2..).ok_or_else(damaged)?);
    if from.bytes()? != plan.text.as_bytes() {
        return Err(Error::invalid_input(format!(
            "the snapshot was taken with other options, or with a key or time of another type; \
             carry on with those, or {AGAIN}"
        )));
    }
    let count = from.count(8)?;
    series.newest = (0..count).map(|_| from.int()).collect::<Result<_>>()?;
    let keys = decode(&series.fields, from.columns()?, Check::Full)?;
    if !keys.is_empty() {
        let runs = series.groups.assign(&keys)?;
        if runs.len() != count || runs.iter().enumerate().any(|(i, run)| run.group != i) {
            return Err(damaged());
        }
    }
    for lags in &mut plan.lags {
        let longest = lags.longest();
        lags.past = (0..count)
            .map(|_| match from.count(8)? {
                len if len <= longest => (0..len).map(|_| from.float()).collect(),
                _ => Err(damaged()),
            })
            .collect::<Result<_>>()?;
    }
    for windows in &mut plan.windows {
        windows.states = (0..count).map(|_| from.state(windows)).collect::<Result<_>>()?;
    }
    if from.0.is_empty() { Ok(()) } else { Err(damaged()) }
}

fn damaged() -> Error {
    Error::invalid_input(format!("the snapshot of the plugin `features` is damaged; {AGAIN}"))
}

struct Writer(Vec<u8>);

impl Writer {
    fn count(&mut self, count: usize) -> Result<()> {
        let count = u32::try_from(count)
            .map_err(|_| Error::exhausted("the state is too large for a snapshot"))?;
        self.0.extend(count.to_le_bytes());
        Ok(())
    }

    fn int(&mut self, value: i64) {
        self.0.extend(value.to_le_bytes());
    }

    fn float(&mut self, value: f64) {
        self.0.extend(value.to_le_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) -> Result<()> {
        self.count(bytes.len())?;
        self.0.extend(bytes);
        Ok(())
    }

    fn columns(&mut self, columns: &Columns) -> Result<()> {
        self.int(columns.rows as i64);
        self.count(columns.nodes.len())?;
        for node in &columns.nodes {
            self.int(node.len as i64);
            self.int(node.nulls as i64);
        }
        self.count(columns.variadic.len())?;
        columns.variadic.iter().for_each(|count| self.0.extend(count.to_le_bytes()));
        self.count(columns.buffers.len())?;
        columns.buffers.iter().try_for_each(|buffer| self.bytes(buffer))
    }

    fn state(&mut self, windows: &Windows, state: &State) -> Result<()> {
        if windows.over.returns {
            self.float(state.previous);
        }
        match &state.kept {
            Kept::Rolling(window) => {
                self.count(window.len())?;
                self.count(window.front())?;
                window.values.iter().chain(&window.weights).for_each(|v| self.float(*v));
                window.times.iter().for_each(|time| self.int(*time));
            }
            Kept::Growing { day, part } => {
                self.int(*day);
                self.int(part.moments.count as i64);
                let Moments { weight, mean, m2, .. } = part.moments;
                [part.base, weight, mean, m2].into_iter().for_each(|v| self.float(v));
            }
        }
        Ok(())
    }
}

/// Takes from the front of what is left; whatever does not fit is damage.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or_else(damaged)?;
        self.0 = rest;
        Ok(taken)
    }

    fn chunk<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk().ok_or_else(damaged)?;
        self.0 = rest;
        Ok(*taken)
    }

    /// A count of things that take at least so many bytes each: no more than there
    /// can be, so that nothing is allocated for what is not there.
    fn count(&mut self, width: usize) -> Result<usize> {
        let count = u32::from_le_bytes(self.chunk()?) as usize;
        if count.saturating_mul(width) > self.0.len() {
            return Err(damaged());
        }
        Ok(count)
    }

    fn int(&mut self) -> Result<i64> {
        Ok(i64::from_le_bytes(self.chunk()?))
    }

    fn length(&mut self) -> Result<u64> {
        Ok(u64::from_le_bytes(self.chunk()?))
    }

    fn float(&mut self) -> Result<f64> {
        Ok(f64::from_le_bytes(self.chunk()?))
    }

    fn bytes(&mut self) -> Result<&'a [u8]> {
        let len = self.count(1)?;
        self.take(len)
    }

    fn columns(&mut self) -> Result<Columns> {
        let rows = self.length()?;
        let nodes = (0..self.count(16)?)
            .map(|_| Ok(Node { len: self.length()?, nulls: self.length()? }))
            .collect::<Result<_>>()?;
        let variadic = (0..self.count(4)?)
            .map(|_| Ok(u32::from_le_bytes(self.chunk()?)))
            .collect::<Result<_>>()?;
        let buffers =
            (0..self.count(4)?).map(|_| Ok(Buffer::from(self.bytes()?))).collect::<Result<_>>()?;
        Ok(Columns { rows, nodes, variadic, buffers })
    }

    fn state(&mut self, windows: &Windows) -> Result<State> {
        let over = &windows.over;
        let mut state = State::new(over.extent);
        if over.returns {
            state.previous = self.float()?;
        }
        match &mut state.kept {
            Kept::Rolling(window) => *window = self.rolling(over.extent, over.weight.is_some())?,
            Kept::Growing { day, part } => {
                *day = self.int()?;
                let count = self.length()?;
                let (base, weight) = (self.float()?, self.float()?);
                let (mean, m2) = (self.float()?, self.float()?);
                *part = Part { base, moments: Moments { count, weight, mean, m2 } };
            }
        }
        Ok(state)
    }

    fn rolling(&mut self, extent: Extent, weighted: bool) -> Result<Rolling> {
        let (len, front) = (self.count(8)?, self.count(0)?);
        let fits = match extent {
            Extent::Rows(rows) => len <= rows,
            _ => true,
        };
        if !fits || front > len {
            return Err(damaged());
        }
        let mut window = Rolling::default();
        window.values = (0..len).map(|_| self.float()).collect::<Result<_>>()?;
        if weighted {
            window.weights = (0..len).map(|_| self.float()).collect::<Result<_>>()?;
        }
        if matches!(extent, Extent::Time(_)) {
            window.times = (0..len).map(|_| self.int()).collect::<Result<_>>()?;
        }
        window.rebuild(front);
        Ok(window)
    }
}
