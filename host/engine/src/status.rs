//! Status: where a table's rows are, and how far the lake is.

use std::sync::Arc;

use arrow::datatypes::Schema;
use tidelake_core::commit::TableState;
use tidelake_core::ledger::LedgerEntry;
use tidelake_core::policy;
use tidelake_core::table::TableSpec;
use tidelake_core::time::{Micros, SeqRange, TimeRange};
use tidelake_core::{Result, ResultExt};
use tidelake_hot::PeriodSlice;

use crate::engine::{Engine, chain};
use crate::gather::{Gathered, gather};
use crate::report::{TableStatus, TierStatus};

impl Engine {
    /// Where the rows of these tables (all when none is named) and of their
    /// rollups are.
    pub async fn status(&self, tables: &[String]) -> Result<Vec<TableStatus>> {
        let mut statuses = Vec::new();
        for spec in self.tables(tables)? {
            statuses.push(self.table_status(&spec).await.with("table", &spec.name)?);
            for rollup in &spec.rollups {
                let name = spec.rollup_name(rollup);
                let lake = self.lake_table(&spec, &name);
                if let Some(state) = lake.log().load().await.with("rollup", &name)? {
                    let mut status = empty(name, &spec, &state.schema);
                    in_lake(&mut status, &state);
                    status.rows = state.rows();
                    statuses.push(status);
                }
            }
        }
        Ok(statuses)
    }

    async fn table_status(&self, spec: &Arc<TableSpec>) -> Result<TableStatus> {
        let Gathered { lake, state, snapshot, inventory, .. } = gather(self, spec).await?;
        let schema = match (&snapshot, &state) {
            (Some(hot), _) => {
                let input = hot.table().schema.clone();
                chain(spec, self.plugins_now(), input).await?.output_schema().clone()
            }
            (None, Some(state)) => state.schema.clone(),
            (None, None) => spec.schema.clone().unwrap_or_else(|| Arc::new(Schema::empty())),
        };
        let mut status = empty(spec.name.clone(), spec, &schema);
        let watermark = inventory.watermark;
        if let Some(hot) = &snapshot {
            let period = spec.layout.partition.period;
            let fresh = hot.inventory(TimeRange::from(watermark.time), SeqRange::ALL, period);
            add(&mut status.hot, &fresh.await?);
            if watermark.time > Micros::MIN {
                let before = TimeRange::before(watermark.time);
                let late = SeqRange::new(watermark.seq, hot.seq());
                add(&mut status.hot, &hot.inventory(before, late, period).await?);
                let both = SeqRange::new(0, watermark.seq);
                add(&mut status.warm, &hot.inventory(before, both, period).await?);
            }
        }
        if let Some(state) = &state {
            in_lake(&mut status, state);
            let entries = lake.ledger().load().await?;
            status.last_verified = entries
                .iter()
                .filter_map(|e| if let LedgerEntry::Verified(p) = e { Some(p.at) } else { None })
                .max();
        }
        status.rows = status.hot.rows + state.as_ref().map_or(0, TableState::rows);
        if let Ok(decision) = policy::choose(&inventory, self.parts.clock.now()) {
            let exports = decision.actions.iter().map(|a| match a {
                policy::Action::Export { rows, .. } => *rows,
                _ => 0,
            });
            status.lag_rows = exports.sum();
        }
        Ok(status)
    }
}

fn empty(table: String, spec: &TableSpec, schema: &Schema) -> TableStatus {
    TableStatus {
        table,
        columns: schema
            .fields()
            .iter()
            .map(|f| (f.name().clone(), f.data_type().to_string()))
            .collect(),
        format: spec.layout.format.clone(),
        hot: TierStatus::default(),
        warm: TierStatus::default(),
        cold: TierStatus::default(),
        rows: 0,
        files: 0,
        file_bytes: 0,
        watermark: None,
        lag_rows: 0,
        last_verified: None,
    }
}

fn add(tier: &mut TierStatus, slices: &[PeriodSlice]) {
    for slice in slices {
        tier.rows += slice.rows;
        tier.bytes += slice.bytes;
        tier.min_time = Some(tier.min_time.map_or(slice.min_time, |t| t.min(slice.min_time)));
        tier.max_time = Some(tier.max_time.map_or(slice.max_time, |t| t.max(slice.max_time)));
    }
}

/// What the lake holds; the rows that are hot as well are not cold. (When
/// transforms drop rows, the lake holds fewer than the hot store did, and the
/// cold count is what remains.)
fn in_lake(status: &mut TableStatus, state: &TableState) {
    status.files = state.files.len() as u64;
    status.file_bytes = state.bytes();
    status.watermark = Some(state.watermark);
    status.cold = TierStatus {
        rows: state.rows().saturating_sub(status.warm.rows),
        bytes: state.bytes(),
        min_time: state.files.values().map(|f| f.min_time).min(),
        max_time: state.files.values().map(|f| f.max_time).max(),
    };
}
