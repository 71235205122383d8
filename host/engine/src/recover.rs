//! Clearing up after a run that died in between.
//!
//! A run may end between any two lines. What it leaves, and what becomes of it:
//!
//! | it died | left behind | the next run |
//! |---|---|---|
//! | while writing files | files that no commit names | takes over, deletes them |
//! | after writing the intent | the same, and the intent | deletes both |
//! | after the commit | an intent whose files the table has | verifies its units |
//! | after the ledger entry | an intent with nothing open | deletes the intent |
//! | while evicting | proofs without an eviction entry | evicts again, harmlessly |
//!
//! Taking over means committing `epoch + 1` *before* anything is deleted: a
//! writer of a lower epoch that is still alive fails its next commit and stops,
//! so no file is deleted that it could still commit.

use std::collections::HashSet;

use tidelake_core::commit::{Commit, CommitOutcome, TableState, Watermark};
use tidelake_core::file::FileName;
use tidelake_core::ledger::LedgerEntry;
use tidelake_core::period::Age;
use tidelake_core::time::Micros;
use tidelake_core::{Error, Result};
use tidelake_lake::LakeTable;

use crate::gather::landed;

/// How long files that a commit took out of a table keep their bytes.
const KEEP_REMOVED: &str = "7d";

/// Makes a lake table fit to be written by this process: answers the state to
/// work on, and how many orphaned files were deleted.
pub(crate) async fn recover(
    lake: &LakeTable,
    state: TableState,
    now: Micros,
) -> Result<(TableState, u64)> {
    let ledger = lake.ledger().load().await?;
    let keep: Age = KEEP_REMOVED.parse()?;
    let mut tombs: HashSet<&str> = HashSet::new();
    let mut proven: HashSet<&str> = HashSet::new();
    for entry in &ledger {
        match entry {
            LedgerEntry::Removed { files, at } if keep.after(*at) > now => {
                tombs.extend(files.iter().map(String::as_str));
            }
            LedgerEntry::Verified(proof) => {
                proven.insert(&proof.unit);
            }
            _ => {}
        }
    }
    let mut orphans = Vec::new();
    for (path, _) in lake.list_data_files().await? {
        if state.files.contains_key(&path) || tombs.contains(path.as_str()) {
            continue;
        }
        let name = path.rsplit('/').next().unwrap_or(&path);
        match FileName::parse(name) {
            Some(name) if name.epoch <= state.watermark.epoch => orphans.push(path),
            _ => {
                tracing::warn!(table = lake.name(), path, "a file that is not tidelake's lies here")
            }
        }
    }
    let state = if orphans.is_empty() { state } else { take_over(lake, state, now).await? };
    lake.delete_files(&orphans).await?;
    for (generation, rows) in lake.intents().load().await? {
        let over = rows.iter().all(|r| proven.contains(r.unit.id().as_str()));
        if over || !landed(&state, generation, &rows) {
            lake.intents().remove(generation).await?;
        }
    }
    Ok((state, orphans.len() as u64))
}

async fn take_over(lake: &LakeTable, state: TableState, now: Micros) -> Result<TableState> {
    let epoch = state.watermark.epoch + 1;
    let commit = Commit {
        base: state.version,
        add: Vec::new(),
        remove: Vec::new(),
        watermark: Watermark { epoch, ..state.watermark },
        operation: "takeover",
        at: now,
    };
    match lake.log().commit(&commit).await? {
        CommitOutcome::Committed(version) => {
            Ok(TableState { version, watermark: commit.watermark, ..state })
        }
        CommitOutcome::Conflict => Err(outrun(lake)),
    }
}

/// Another writer committed first.
pub(crate) fn outrun(lake: &LakeTable) -> Error {
    Error::conflict("another writer changed the table in the meantime")
        .with("table", lake.name())
        .with_help("nothing was lost; run the command again when the other writer is done")
}
