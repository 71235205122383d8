//! Random histories against a plain list of rows.

use std::collections::BTreeSet;

use tidelake_core::period::Period;
use tidelake_core::time::{Micros, Seq, SeqRange, TimeRange};

use super::data::{batch, ticks};
use super::{ids, ok};
use crate::store::HotStore;

/// What a store must hold, after a history that follows from a seed.
#[derive(Debug)]
pub struct Model {
    random: u64,
    next_id: u64,
    last: Seq,
    rows: Vec<Row>,
}

#[derive(Debug, Clone, Copy)]
struct Row {
    id: u64,
    at: Micros,
    seq: Seq,
}

const HOUR: i64 = 3_600_000_000;
/// Rows lie within this many hours: some four months.
const HOURS: u64 = 3_000;

impl Model {
    /// Begins a history on an empty store.
    pub async fn new(store: &dyn HotStore, seed: u64) -> Self {
        ok(store.create_table(&ticks()).await);
        Self { random: seed, next_id: 0, last: 0, rows: Vec::new() }
    }

    /// Appends and evicts so many times, and compares after each. May be called
    /// again, also on a store that was closed and opened meanwhile.
    pub async fn play(&mut self, store: &dyn HotStore, steps: usize) {
        self.compare(store).await;
        for _ in 0..steps {
            if self.below(3) < 2 {
                self.append(store).await
            } else {
                self.evict(store).await
            }
            self.compare(store).await;
        }
    }

    async fn append(&mut self, store: &dyn HotStore) {
        let table = ticks();
        let mut batches = Vec::new();
        let mut new = Vec::new();
        for _ in 0..=self.below(3) {
            let count = self.below(8);
            let times: Vec<Micros> = (0..count).map(|_| self.time()).collect();
            batches.push(batch(&table, self.next_id, &times));
            new.extend(times.iter().enumerate().map(|(i, at)| (self.next_id + i as u64, *at)));
            self.next_id += count;
        }
        let appended = ok(store.append("ticks", batches).await);
        assert_eq!(appended.rows, new.len() as u64);
        assert_eq!(appended.seqs, SeqRange::new(self.last, self.last + appended.rows));
        self.last = appended.seqs.up_to;
        // Which row of an append got which of its numbers is the store's choice.
        let snapshot = ok(store.snapshot("ticks").await);
        for seq in appended.seqs.after + 1..=self.last {
            let one = ids(&*snapshot, TimeRange::ALL, SeqRange::new(seq - 1, seq)).await;
            let id = *one.first().unwrap_or_else(|| panic!("no row has number {seq}"));
            let row = new.iter().find(|(i, _)| *i == id);
            let (_, at) = *row.unwrap_or_else(|| panic!("number {seq} is an older row's"));
            self.rows.push(Row { id, at, seq });
        }
    }

    async fn evict(&mut self, store: &dyn HotStore) {
        let (time, seqs) = self.range();
        let before = self.rows.len();
        self.rows.retain(|row| !(time.contains(row.at) && seqs.contains(row.seq)));
        let evicted = ok(store.evict("ticks", time, seqs).await);
        assert_eq!(evicted.rows, (before - self.rows.len()) as u64, "{time} {seqs:?}");
    }

    async fn compare(&mut self, store: &dyn HotStore) {
        let snapshot = ok(store.snapshot("ticks").await);
        assert_eq!(snapshot.seq(), self.last);
        for round in 0..3 {
            let (time, seqs) =
                if round == 0 { (TimeRange::ALL, SeqRange::ALL) } else { self.range() };
            let chosen = |row: &&Row| time.contains(row.at) && seqs.contains(row.seq);
            let expected: BTreeSet<u64> = self.rows.iter().filter(chosen).map(|r| r.id).collect();
            assert_eq!(ids(&*snapshot, time, seqs).await, expected, "{time} {seqs:?}");
            let period = Period::ALL[self.below(4) as usize];
            let mut times: Vec<Micros> = self.rows.iter().filter(chosen).map(|r| r.at).collect();
            times.sort();
            let expected: Vec<(Micros, u64)> = times
                .chunk_by(|a, b| period.floor(*a) == period.floor(*b))
                .map(|group| (period.floor(group[0]), group.len() as u64))
                .collect();
            let found = ok(snapshot.inventory(time, seqs, period).await);
            let found: Vec<_> = found.iter().map(|s| (s.period.start, s.rows)).collect();
            assert_eq!(found, expected, "{period} {time} {seqs:?}");
        }
    }

    fn range(&mut self) -> (TimeRange, SeqRange) {
        let time = match self.below(4) {
            0 => TimeRange::ALL,
            1 => TimeRange::before(self.time()),
            2 => Period::ALL[self.below(4) as usize].range(self.time()),
            _ => TimeRange::new(self.time(), self.time()),
        };
        let seqs = match self.below(3) {
            0 => SeqRange::ALL,
            1 => SeqRange::new(0, self.below(self.last + 2)),
            _ => SeqRange::new(self.below(self.last + 1), self.below(self.last + 2)),
        };
        (time, seqs)
    }

    /// Mostly some minute of some hour; sometimes exactly an hour's beginning.
    fn time(&mut self) -> Micros {
        let minute = if self.below(4) == 0 { 0 } else { self.below(60) };
        let hour = self.below(HOURS) as i64;
        Micros(1_355_000_400_000_000 + hour * HOUR + minute as i64 * 60_000_000)
    }

    /// The next number of splitmix64, below a bound.
    fn below(&mut self, bound: u64) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound.max(1)
    }
}
