//! Policy: what to do with a table now, and why not yet. Pure.
//!
//! ```text
//!        retention            warm                hot          now
//! ──────────┼───────────────────┼───────────────────┼────────────┤
//!  expire   │   lake only       │   both tiers      │  hot only
//!           │      cold         │      warm         │    hot
//!                               E                   W
//! ```
//!
//! W is `now - hot`, floored to the table's partition period, and never moves
//! back: every hot row before it is exported. E is `now - warm`, floored to a
//! day (or hour): hot rows before it are evicted once the ledger proves that
//! the lake holds them and the grace period is over.

use serde::Serialize;

use crate::commit::Watermark;
use crate::error::{Error, Result};
use crate::period::Period;
use crate::table::Lifecycle;
use crate::time::{Micros, Seq, SeqRange, TimeRange};

/// What policy knows of a table.
#[derive(Debug, Clone)]
pub struct Inventory {
    /// The table.
    pub table: String,
    /// When its rows move.
    pub lifecycle: Lifecycle,
    /// Its partition period.
    pub period: Period,
    /// What the lake covers.
    pub watermark: Watermark,
    /// Sequence number of the hot store's newest row.
    pub hot_seq: Seq,
    /// Hot rows from W on, whatever their sequence number.
    pub fresh: Vec<Slice>,
    /// Hot rows before W that came after the last commit.
    pub late: Vec<Slice>,
    /// Units that the lake holds and nobody has verified yet.
    pub unverified: Vec<HeldUnit>,
    /// Verified units whose rows may still be in the hot store.
    pub proven: Vec<HeldUnit>,
    /// The rollups and what they cover.
    pub rollups: Vec<RollupCoverage>,
    /// What the lake holds, by period.
    pub lake: Vec<LakeSlice>,
}

/// Hot rows of one period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Slice {
    /// The period.
    pub period: TimeRange,
    /// Rows.
    pub rows: u64,
    /// Bytes in memory.
    pub bytes: u64,
}

/// A unit whose rows are in both tiers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HeldUnit {
    /// The unit's identity.
    pub unit: String,
    /// Its time.
    pub time: TimeRange,
    /// Its sequence numbers.
    pub seqs: SeqRange,
    /// Rows it read from the hot store.
    pub rows: u64,
    /// When it was verified (not for unverified ones).
    pub verified_at: Option<Micros>,
    /// Its rows before this instant were evicted already.
    pub evicted_before: Micros,
}

/// How far a rollup is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RollupCoverage {
    /// Its name, `trades@1h`.
    pub name: String,
    /// The generation of the raw table that it covers.
    pub source_generation: u64,
    /// Rows of the raw table that it does not cover yet.
    pub pending_rows: u64,
}

/// What the lake holds of one period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct LakeSlice {
    /// The period.
    pub period: TimeRange,
    /// Rows.
    pub rows: u64,
    /// Bytes of files.
    pub bytes: u64,
    /// Files.
    pub files: u64,
}

/// Something to do, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Action {
    /// Write hot rows of one period to the lake.
    Export {
        /// The rows' time.
        time: TimeRange,
        /// Their sequence numbers.
        seqs: SeqRange,
        /// How many.
        rows: u64,
        /// Their size in memory.
        bytes: u64,
        /// Why.
        reason: String,
    },
    /// Read back what an interrupted run committed.
    Verify {
        /// The unit.
        unit: HeldUnit,
        /// Why.
        reason: String,
    },
    /// Bring a rollup up to date.
    Rollup {
        /// The rollup, `trades@1h`.
        rollup: String,
        /// Raw rows to take in: those in the lake now, and those exported by this plan.
        rows: u64,
        /// Why.
        reason: String,
    },
    /// Remove proven rows from the hot store.
    Evict {
        /// The unit that holds the proof; `None` for rows that this plan exports first.
        unit: Option<HeldUnit>,
        /// The rows' time.
        time: TimeRange,
        /// How many, at most.
        rows: u64,
        /// Why.
        reason: String,
    },
    /// Remove periods older than the retention from the lake.
    Expire {
        /// The periods' time.
        time: TimeRange,
        /// Rows.
        rows: u64,
        /// Files.
        files: u64,
        /// Why.
        reason: String,
    },
}

/// Something not done, and why not yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Waiting {
    /// The rows' time.
    pub time: TimeRange,
    /// How many.
    pub rows: u64,
    /// What would be done.
    pub what: &'static str,
    /// Why not yet.
    pub reason: String,
    /// When it will be, if time alone decides.
    pub until: Option<Micros>,
}

/// What policy decided for a table.
#[derive(Debug, Clone, Serialize)]
pub struct Decision {
    /// W after the exports.
    pub watermark: Micros,
    /// S after the exports.
    pub seq: Seq,
    /// E: hot rows before it may be evicted.
    pub evict_before: Micros,
    /// What to do, in order.
    pub actions: Vec<Action>,
    /// What waits.
    pub waiting: Vec<Waiting>,
}

/// Decides what to do with a table at `now`.
///
/// An error when `now` is before the watermark: a clock that runs behind what
/// the lake already holds is a mistake, and deciding by it would be one too.
pub fn choose(inventory: &Inventory, now: Micros) -> Result<Decision> {
    let Inventory { lifecycle, period, watermark, .. } = inventory;
    if watermark.time != Micros::MIN && now < watermark.time {
        return Err(Error::input(format!(
            "the time {now} is before the watermark {}: the lake already covers later rows",
            watermark.time
        ))
        .with("table", &inventory.table)
        .with_help("check the machine's clock or the value of --now; nothing was changed"));
    }
    let hot_before = lifecycle.hot.before(now);
    let target = period.floor(hot_before).max(watermark.time);
    let evict_before = evict_boundary(lifecycle, *period, now);
    let mut decision = Decision {
        watermark: target,
        seq: inventory.hot_seq,
        evict_before,
        actions: Vec::new(),
        waiting: Vec::new(),
    };
    exports(inventory, target, now, &mut decision);
    for unit in &inventory.unverified {
        let reason = "committed by a run that ended before it was verified".to_owned();
        decision.actions.push(Action::Verify { unit: unit.clone(), reason });
    }
    rollups(inventory, &mut decision);
    evictions(inventory, now, &mut decision);
    expiries(inventory, now, &mut decision);
    Ok(decision)
}

/// E: hot rows before it may be evicted. It need not fall on a partition's
/// border, since a proof covers every row of its unit.
fn evict_boundary(lifecycle: &Lifecycle, period: Period, now: Micros) -> Micros {
    let fine = if period == Period::Hour { Period::Hour } else { Period::Day };
    fine.floor(lifecycle.warm.before(now))
}

fn exports(inventory: &Inventory, target: Micros, now: Micros, decision: &mut Decision) {
    let Inventory { lifecycle, watermark, hot_seq, .. } = inventory;
    for late in &inventory.late {
        decision.actions.push(Action::Export {
            time: late.period.intersect(&TimeRange::before(watermark.time)),
            seqs: SeqRange::new(watermark.seq, *hot_seq),
            rows: late.rows,
            bytes: late.bytes,
            reason: format!(
                "late: came after the lake covered everything before {}",
                watermark.time
            ),
        });
    }
    for slice in &inventory.fresh {
        let time = slice.period.intersect(&TimeRange::from(watermark.time));
        if slice.period.end <= target {
            decision.actions.push(Action::Export {
                time,
                seqs: SeqRange::new(0, *hot_seq),
                rows: slice.rows,
                bytes: slice.bytes,
                reason: format!("older than {}", lifecycle.hot),
            });
        } else {
            let until = lifecycle.hot.after(slice.period.end);
            let reason = if slice.period.start > now {
                "lies in the future".to_owned()
            } else if slice.period.start < lifecycle.hot.before(now) {
                format!("the {} is not wholly older than {} yet", inventory.period, lifecycle.hot)
            } else {
                format!("younger than {}", lifecycle.hot)
            };
            decision.waiting.push(Waiting {
                time,
                rows: slice.rows,
                what: "export",
                reason,
                until: Some(until),
            });
        }
    }
}

fn rollups(inventory: &Inventory, decision: &mut Decision) {
    let exported: u64 = decision
        .actions
        .iter()
        .map(|a| if let Action::Export { rows, .. } = a { *rows } else { 0 })
        .sum();
    for rollup in &inventory.rollups {
        let rows = rollup.pending_rows + exported;
        if rows > 0 {
            decision.actions.push(Action::Rollup {
                rollup: rollup.name.clone(),
                rows,
                reason: "the lake holds rows that it does not cover".to_owned(),
            });
        }
    }
}

fn evictions(inventory: &Inventory, now: Micros, decision: &mut Decision) {
    let Inventory { lifecycle, .. } = inventory;
    let evict_before = decision.evict_before;
    for unit in &inventory.proven {
        let rest = unit.time.intersect(&TimeRange::from(unit.evicted_before));
        let time = rest.intersect(&TimeRange::before(evict_before));
        if rest.is_empty() {
            continue;
        }
        if time.is_empty() {
            decision.waiting.push(Waiting {
                time: rest,
                rows: unit.rows,
                what: "evict",
                reason: format!("in both tiers until it is {} old", lifecycle.warm),
                until: Some(lifecycle.warm.after(rest.end)),
            });
            continue;
        }
        let grace_over = lifecycle.grace.after(unit.verified_at.unwrap_or(now));
        if grace_over > now {
            decision.waiting.push(Waiting {
                time,
                rows: unit.rows,
                what: "evict",
                reason: format!("verified, in its grace period of {}", lifecycle.grace),
                until: Some(grace_over),
            });
            continue;
        }
        decision.actions.push(Action::Evict {
            unit: Some(unit.clone()),
            time,
            rows: unit.rows,
            reason: format!("verified in the lake and older than {}", lifecycle.warm),
        });
    }
    // What this plan exports or verifies first can follow in the same run when
    // there is no grace period.
    let pending: Vec<(TimeRange, u64)> = decision
        .actions
        .iter()
        .filter_map(|action| match action {
            Action::Export { time, rows, .. } => Some((*time, *rows)),
            Action::Verify { unit, .. } => Some((unit.time, unit.rows)),
            _ => None,
        })
        .collect();
    for (time, rows) in pending {
        let time = time.intersect(&TimeRange::before(evict_before));
        if time.is_empty() {
            continue;
        }
        if lifecycle.grace.after(now) > now {
            decision.waiting.push(Waiting {
                time,
                rows,
                what: "evict",
                reason: format!(
                    "will be verified first, then a grace period of {}",
                    lifecycle.grace
                ),
                until: Some(lifecycle.grace.after(now)),
            });
        } else {
            decision.actions.push(Action::Evict {
                unit: None,
                time,
                rows,
                reason: format!("older than {}, once verified", lifecycle.warm),
            });
        }
    }
}

fn expiries(inventory: &Inventory, now: Micros, decision: &mut Decision) {
    let Some(retention) = inventory.lifecycle.retention else { return };
    let before = retention.before(now);
    let uncovered: Vec<&str> = inventory
        .rollups
        .iter()
        .filter(|r| r.source_generation < inventory.watermark.generation)
        .map(|r| r.name.as_str())
        .collect();
    for slice in inventory.lake.iter().filter(|s| s.period.end <= before) {
        if uncovered.is_empty() {
            decision.actions.push(Action::Expire {
                time: slice.period,
                rows: slice.rows,
                files: slice.files,
                reason: format!("older than the retention of {retention}"),
            });
        } else {
            decision.waiting.push(Waiting {
                time: slice.period,
                rows: slice.rows,
                what: "expire",
                reason: format!("not all of it is in {} yet", uncovered.join(", ")),
                until: None,
            });
        }
    }
}

#[cfg(test)]
mod tests;
