//! Eviction: proven rows leave the hot store, and the lake's oldest expire.

use tidelake_core::commit::{Commit, TableState, Watermark};
use tidelake_core::ledger::LedgerEntry;
use tidelake_core::policy::{Action, Decision};
use tidelake_core::time::{Micros, TimeRange};
use tidelake_core::{Result, ResultExt, failpoint};
use tidelake_hot::HotStore;
use tidelake_lake::LakeTable;

use crate::publish::send;

/// Removes the rows of proven units that policy lets go; answers how many.
pub(crate) async fn evict(
    hot: &dyn HotStore,
    lake: &LakeTable,
    decision: &Decision,
    now: Micros,
    advance: impl Fn(u64),
) -> Result<u64> {
    let mut done = Vec::new();
    let mut rows = 0;
    for action in &decision.actions {
        let Action::Evict { unit: Some(unit), time, .. } = action else { continue };
        failpoint!("engine.before-evict");
        let evicted = hot
            .evict(lake.name(), *time, unit.seqs)
            .await
            .with("table", lake.name())
            .with("time", time)?;
        rows += evicted.rows;
        advance(evicted.rows);
        done.push(LedgerEntry::Evicted {
            unit: unit.unit.clone(),
            at: now,
            before: time.end,
            rows: evicted.rows,
        });
    }
    if !done.is_empty() {
        failpoint!("engine.evicted");
        lake.ledger().append(&done).await?;
    }
    Ok(rows)
}

/// Takes the periods that policy lets expire out of the lake; answers the new
/// state and the rows that went. The files keep their bytes for a while, for
/// readers of older versions.
pub(crate) async fn expire(
    lake: &LakeTable,
    state: TableState,
    decision: &Decision,
    now: Micros,
) -> Result<(TableState, u64)> {
    let periods: Vec<TimeRange> = decision
        .actions
        .iter()
        .filter_map(|a| if let Action::Expire { time, .. } = a { Some(*time) } else { None })
        .collect();
    let expired: Vec<_> = state
        .files
        .values()
        .filter(|f| periods.iter().any(|p| p.covers(f.min_time, f.max_time)))
        .collect();
    if expired.is_empty() {
        return Ok((state, 0));
    }
    let rows = expired.iter().map(|f| f.rows).sum();
    let files: Vec<String> = expired.iter().map(|f| f.path.clone()).collect();
    lake.ledger().append(&[LedgerEntry::Removed { files: files.clone(), at: now }]).await?;
    let generation = state.watermark.generation + 1;
    let commit = Commit {
        base: state.version,
        add: Vec::new(),
        remove: files,
        watermark: Watermark { generation, ..state.watermark },
        operation: "expire",
        at: now,
    };
    let next = send(lake, &state, commit).await?;
    Ok((next, rows))
}
