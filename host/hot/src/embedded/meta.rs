//! What a chunk holds, without reading it.
//!
//! Scans prune by it; inventories and whole evictions need nothing else. It
//! counts a chunk's rows hour by hour: days, weeks and months are made of whole
//! hours, so every inventory is exact, and only a bound inside an hour makes the
//! chunk itself be read.

use tidelake_core::period::Period;
use tidelake_core::time::{Micros, Seq, SeqRange, TimeRange};
use tidelake_core::{Error, Result};

/// The rows of a chunk in one hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hour {
    /// Time of the first of them.
    pub(super) min: Micros,
    /// Time of the last of them.
    pub(super) max: Micros,
    /// How many.
    pub(super) rows: u32,
}

/// What a chunk holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ChunkMeta {
    /// Rows.
    pub(super) rows: u64,
    /// Size in bytes.
    pub(super) bytes: u64,
    /// The lowest sequence number.
    pub(super) first: Seq,
    /// The highest.
    pub(super) last: Seq,
    /// Whether the chunk has a column of sequence numbers. Otherwise row `i` has
    /// number `first + i`.
    pub(super) numbered: bool,
    /// The rows by hour, earliest first; never empty.
    pub(super) hours: Vec<Hour>,
}

/// How a chunk lies to a range of time and sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Overlap {
    /// No row is inside.
    None,
    /// Every row is inside.
    Whole,
    /// Some may be: read it.
    Part,
}

const VERSION: u8 = 1;
const NUMBERED: u8 = 1;
const HEAD: usize = 2 + 4 * 8;
const HOUR: usize = 8 + 4 + 4;

impl ChunkMeta {
    /// Time of the first and the last row.
    pub(super) fn times(&self) -> (Micros, Micros) {
        let min = self.hours.first().map_or(Micros::MAX, |h| h.min);
        let max = self.hours.last().map_or(Micros::MIN, |h| h.max);
        (min, max)
    }

    /// Bytes of so many of its rows, an estimate.
    pub(super) fn share(&self, rows: u64) -> u64 {
        (u128::from(self.bytes) * u128::from(rows) / u128::from(self.rows.max(1))) as u64
    }

    /// How it lies to a range.
    pub(super) fn overlap(&self, time: TimeRange, seqs: SeqRange) -> Overlap {
        let (min, max) = self.times();
        if time.is_empty()
            || !time.overlaps(min, max)
            || seqs.after >= self.last
            || seqs.up_to < self.first
        {
            Overlap::None
        } else if time.covers(min, max) && self.inside(seqs) {
            Overlap::Whole
        } else {
            Overlap::Part
        }
    }

    /// Whether all its sequence numbers are in a range.
    pub(super) fn inside(&self, seqs: SeqRange) -> bool {
        seqs.contains(self.first) && seqs.contains(self.last)
    }

    /// As stored.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEAD + self.hours.len() * HOUR);
        out.extend([VERSION, if self.numbered { NUMBERED } else { 0 }]);
        for value in [self.rows, self.bytes, self.first, self.last] {
            out.extend(value.to_le_bytes());
        }
        for hour in &self.hours {
            out.extend(hour.min.0.to_le_bytes());
            // Less than the 3.6e9 microseconds of an hour.
            out.extend((hour.max.0.wrapping_sub(hour.min.0) as u32).to_le_bytes());
            out.extend(hour.rows.to_le_bytes());
        }
        out
    }

    /// Reads what [`Self::encode`] wrote.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self> {
        Self::parse(bytes).ok_or_else(|| {
            Error::corrupt("the hot store's catalogue has a malformed description of a chunk")
                .with_help("restore the store from a copy; nothing was deleted")
        })
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let u64_at = |at: usize| Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?));
        let u32_at = |at: usize| Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?));
        let (version, flags) = (*bytes.first()?, *bytes.get(1)?);
        let tail = bytes.get(HEAD..)?;
        if version != VERSION || flags > NUMBERED || tail.is_empty() || tail.len() % HOUR != 0 {
            return None;
        }
        let hours = (HEAD..bytes.len())
            .step_by(HOUR)
            .map(|at| {
                let min = u64_at(at)? as i64;
                let max = min.checked_add(i64::from(u32_at(at + 8)?))?;
                Some(Hour { min: Micros(min), max: Micros(max), rows: u32_at(at + 12)? })
            })
            .collect::<Option<Vec<_>>>()?;
        Some(Self {
            rows: u64_at(2)?,
            bytes: u64_at(10)?,
            first: u64_at(18)?,
            last: u64_at(26)?,
            numbered: flags == NUMBERED,
            hours,
        })
    }
}

/// Counts rows by hour, earliest first.
pub(super) fn hours(micros: &[i64]) -> Vec<Hour> {
    let mut hours: Vec<Hour> = Vec::new();
    let mut current = TimeRange::new(Micros::MAX, Micros::MIN);
    let mut at = 0;
    // Positions of hours that were left and may come again, when rows are not in order.
    let mut seen = std::collections::HashMap::new();
    for &t in micros {
        let t = Micros(t);
        if hours.is_empty() || !current.contains(t) {
            current = Period::Hour.range(t);
            at = *seen.entry(current.start).or_insert_with(|| {
                hours.push(Hour { min: t, max: t, rows: 0 });
                hours.len() - 1
            });
        }
        let hour = &mut hours[at];
        hour.min = hour.min.min(t);
        hour.max = hour.max.max(t);
        hour.rows += 1;
    }
    hours.sort_unstable_by_key(|h| h.min);
    hours
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn descriptions_survive_storing(
            micros in prop::collection::vec(prop_oneof![-20_000_000_000i64..20_000_000_000, any::<i64>()], 1..200),
            first in 1u64..1 << 60,
            numbered: bool,
        ) {
            let hours = hours(&micros);
            prop_assert_eq!(hours.iter().map(|h| h.rows as usize).sum::<usize>(), micros.len());
            let rows = micros.len() as u64;
            let meta = ChunkMeta { rows, bytes: 77, first, last: first + rows - 1, numbered, hours };
            prop_assert_eq!(&ChunkMeta::decode(&meta.encode()).unwrap(), &meta);
            prop_assert_eq!(meta.times().0.0, *micros.iter().min().unwrap());
            prop_assert_eq!(meta.times().1.0, *micros.iter().max().unwrap());
        }

        #[test]
        fn malformed_descriptions_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            // Never a panic; and what is accepted means what it says.
            if let Ok(meta) = ChunkMeta::decode(&bytes) {
                prop_assert_eq!(meta.encode(), bytes);
            }
        }
    }
}
