//! Looking at both tiers: what policy needs to know of a table.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use tidelake_core::commit::{TableState, Watermark};
use tidelake_core::error::ResultExt;
use tidelake_core::ledger::LedgerEntry;
use tidelake_core::policy::{HeldUnit, Inventory, LakeSlice, RollupCoverage, Slice};
use tidelake_core::table::TableSpec;
use tidelake_core::time::{Micros, SeqRange, TimeRange};
use tidelake_core::unit::ManifestRow;
use tidelake_core::{Error, Result};
use tidelake_hot::{HotSnapshot, PeriodSlice};
use tidelake_lake::LakeTable;

use crate::engine::Engine;

/// A table, seen whole.
#[derive(Debug)]
pub(crate) struct Gathered {
    pub(crate) lake: LakeTable,
    /// The lake table, if it exists.
    pub(crate) state: Option<TableState>,
    /// The hot table, if it exists.
    pub(crate) snapshot: Option<Arc<dyn HotSnapshot>>,
    pub(crate) inventory: Inventory,
    /// Manifest rows of units that were committed and not verified.
    pub(crate) unverified: Vec<(u64, ManifestRow)>,
    /// Why there is nothing to do at all.
    pub(crate) idle: Option<String>,
}

/// Looks at a table. Changes nothing.
pub(crate) async fn gather(engine: &Engine, spec: &Arc<TableSpec>) -> Result<Gathered> {
    let lake = engine.lake_table(spec, &spec.name);
    check_log(engine, spec).await?;
    let hot = &engine.parts.hot;
    let snapshot = match hot.table(&spec.name).await? {
        Some(_) => Some(hot.snapshot(&spec.name).await?),
        None => None,
    };
    let state = lake.log().load().await.with("table", &spec.name)?;
    let watermark = state.as_ref().map_or(Watermark::EMPTY, |s| s.watermark);
    let (proven, unverified) = match &state {
        Some(state) => held_units(&lake, state).await?,
        None => Default::default(),
    };
    let period = spec.layout.partition.period;
    let (mut fresh, mut late) = (Vec::new(), Vec::new());
    if let Some(snapshot) = &snapshot {
        let all = snapshot.inventory(TimeRange::from(watermark.time), SeqRange::ALL, period);
        fresh = all.await?.iter().map(slice).collect();
        if watermark.time > Micros::MIN {
            let before = TimeRange::before(watermark.time);
            let seqs = SeqRange::new(watermark.seq, snapshot.seq());
            late = snapshot.inventory(before, seqs, period).await?.iter().map(slice).collect();
        }
    }
    let inventory = Inventory {
        table: spec.name.clone(),
        lifecycle: spec.lifecycle,
        period,
        watermark,
        hot_seq: snapshot.as_ref().map_or(watermark.seq, |s| s.seq()),
        fresh,
        late,
        unverified: unverified.iter().map(|(_, row)| held(row)).collect(),
        proven,
        rollups: rollup_coverage(engine, spec, state.as_ref()).await?,
        lake: state.as_ref().map(|s| lake_slices(spec, s)).unwrap_or_default(),
    };
    let idle = (snapshot.is_none() && state.is_none()).then(|| {
        format!("it has no rows yet; `tidelake ingest {} FILE` brings some in", spec.name)
    });
    Ok(Gathered { lake, state, snapshot, inventory, unverified, idle })
}

/// The lake must keep the table as the configuration says.
async fn check_log(engine: &Engine, spec: &TableSpec) -> Result<()> {
    match engine.parts.lake.existing(&spec.name).await? {
        Some(found) if found != spec.layout.log() => Err(Error::config(format!(
            "the lake keeps table {:?} with a {found:?} log, and format = {:?} asks for a {:?} log",
            spec.name,
            spec.layout.format,
            spec.layout.log()
        ))
        .with("table", &spec.name)
        .with_help("set the format back, or point [lake] url to a new place")),
        _ => Ok(()),
    }
}

fn slice(slice: &PeriodSlice) -> Slice {
    Slice { period: slice.period, rows: slice.rows, bytes: slice.bytes }
}

fn held(row: &ManifestRow) -> HeldUnit {
    HeldUnit {
        unit: row.unit.id(),
        time: row.unit.time,
        seqs: row.unit.seqs,
        rows: row.account.read,
        verified_at: None,
        evicted_before: Micros::MIN,
    }
}

type Unverified = Vec<(u64, ManifestRow)>;

/// Units with a proof whose rows may still be hot, and committed ones without.
pub(crate) async fn held_units(
    lake: &LakeTable,
    state: &TableState,
) -> Result<(Vec<HeldUnit>, Unverified)> {
    let mut proven: BTreeMap<(u64, String), HeldUnit> = BTreeMap::new();
    let mut generations: HashMap<String, u64> = HashMap::new();
    for entry in lake.ledger().load().await? {
        match entry {
            LedgerEntry::Verified(proof) => {
                generations.insert(proof.unit.clone(), proof.generation);
                proven.entry((proof.generation, proof.unit.clone())).or_insert(HeldUnit {
                    unit: proof.unit,
                    time: proof.time,
                    seqs: proof.seqs,
                    rows: proof.input.rows,
                    verified_at: Some(proof.at),
                    evicted_before: Micros::MIN,
                });
            }
            LedgerEntry::Evicted { unit, before, .. } => {
                let generation = generations.get(&unit).copied().unwrap_or_default();
                if let Some(held) = proven.get_mut(&(generation, unit)) {
                    held.evicted_before = held.evicted_before.max(before);
                }
            }
            LedgerEntry::Removed { .. } => {}
        }
    }
    let mut unverified = Vec::new();
    for (generation, rows) in lake.intents().load().await? {
        if !landed(state, generation, &rows) {
            continue;
        }
        let open = rows.into_iter().filter(|r| !generations.contains_key(&r.unit.id()));
        unverified.extend(open.map(|row| (generation, row)));
    }
    let left = proven.into_values().filter(|u| u.evicted_before < u.time.end).collect();
    Ok((left, unverified))
}

/// Whether the commit that an intent announced is part of the table.
pub(crate) fn landed(state: &TableState, generation: u64, rows: &[ManifestRow]) -> bool {
    generation <= state.watermark.generation
        && rows.iter().flat_map(|r| &r.files).all(|f| state.files.contains_key(&f.path))
}

async fn rollup_coverage(
    engine: &Engine,
    spec: &TableSpec,
    raw: Option<&TableState>,
) -> Result<Vec<RollupCoverage>> {
    let mut coverage = Vec::new();
    for rollup in &spec.rollups {
        let name = spec.rollup_name(rollup);
        let state = engine.lake_table(spec, &name).log().load().await.with("rollup", &name)?;
        let source_generation = state.map_or(0, |s| s.watermark.source_generation);
        let pending_rows = raw
            .iter()
            .flat_map(|s| s.files.values())
            .filter(|f| f.generation > source_generation)
            .map(|f| f.rows)
            .sum();
        coverage.push(RollupCoverage { name, source_generation, pending_rows });
    }
    Ok(coverage)
}

fn lake_slices(spec: &TableSpec, state: &TableState) -> Vec<LakeSlice> {
    let period = spec.layout.partition.period;
    let mut slices: BTreeMap<TimeRange, LakeSlice> = BTreeMap::new();
    for file in state.files.values() {
        let range = period.range(file.min_time);
        let slice =
            slices.entry(range).or_insert(LakeSlice { period: range, rows: 0, bytes: 0, files: 0 });
        slice.rows += file.rows;
        slice.bytes += file.bytes;
        slice.files += 1;
    }
    slices.into_values().collect()
}
