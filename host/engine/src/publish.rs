//! Publishing a group of units: intent, commit, verification, ledger.
//!
//! ```text
//! files written ─▶ intent ─▶ commit (files, W, S) ─▶ read back ─▶ ledger ─▶ intent gone
//! ```
//!
//! The intent is the group's manifest: should the process die after the commit,
//! the next run knows from it what is still to be verified.

use std::sync::Arc;

use futures::{StreamExt, TryStreamExt};
use tidelake_core::commit::{Commit, CommitOutcome, TableState, Watermark};
use tidelake_core::failpoint;
use tidelake_core::hash::{Digest, RowHasher};
use tidelake_core::ledger::{LedgerEntry, Proof};
use tidelake_core::time::Micros;
use tidelake_core::unit::ManifestRow;
use tidelake_core::{Error, Result, ResultExt};
use tidelake_hot::{HotScan, HotSnapshot};
use tidelake_lake::LakeTable;

use crate::recover::outrun;

/// Commits what units wrote; answers the new state.
pub(crate) async fn commit_group(
    lake: &LakeTable,
    state: &TableState,
    rows: &[ManifestRow],
    watermark: Watermark,
    now: Micros,
) -> Result<TableState> {
    lake.intents().write(watermark.generation, rows).await?;
    failpoint!("engine.intent-written");
    let add: Vec<_> = rows.iter().flat_map(|r| r.files.iter().cloned()).collect();
    let commit = Commit {
        base: state.version,
        add,
        remove: Vec::new(),
        watermark,
        operation: "export",
        at: now,
    };
    let next = send(lake, state, commit).await?;
    failpoint!("engine.committed");
    Ok(next)
}

/// Sends a commit and answers the state after it.
pub(crate) async fn send(
    lake: &LakeTable,
    state: &TableState,
    commit: Commit,
) -> Result<TableState> {
    let version = match lake.log().commit(&commit).await? {
        CommitOutcome::Committed(version) => version,
        CommitOutcome::Conflict => return Err(outrun(lake)),
    };
    let mut next = TableState { version, watermark: commit.watermark, ..state.clone() };
    for path in &commit.remove {
        next.files.remove(path);
    }
    next.files.extend(commit.add.into_iter().map(|f| (f.path.clone(), f)));
    if let Err(error) = lake.log().maintain(&next).await {
        tracing::warn!(table = lake.name(), %error, "the log was not checkpointed; it will be later");
    }
    Ok(next)
}

/// What verification needs.
#[derive(Debug, Clone)]
pub(crate) struct Verifier {
    pub(crate) lake: LakeTable,
    pub(crate) state: Arc<TableState>,
    pub(crate) snapshot: Arc<dyn HotSnapshot>,
    pub(crate) now: Micros,
    pub(crate) workers: usize,
}

impl Verifier {
    /// Reads units back from the lake, scans their hot rows again, and enters
    /// the proofs into the ledger. Answers how many were proven.
    pub(crate) async fn prove(
        &self,
        rows: Vec<(u64, ManifestRow)>,
        advance: impl Fn(u64) + Send + Sync + Clone + 'static,
    ) -> Result<u64> {
        let mut generations: Vec<u64> = rows.iter().map(|(g, _)| *g).collect();
        generations.dedup();
        let proofs: Vec<LedgerEntry> = futures::stream::iter(rows)
            .map(|(generation, row)| {
                let (this, advance) = (self.clone(), advance.clone());
                let work = tokio::spawn(async move {
                    let proof = this.prove_unit(generation, &row).await;
                    advance(row.account.read);
                    proof.with("unit", row.unit.id()).with("table", this.lake.name())
                });
                async move {
                    match work.await {
                        Ok(proof) => proof.map(LedgerEntry::Verified),
                        Err(e) => Err(Error::internal("verification panicked").with_source(e)),
                    }
                }
            })
            .buffered(self.workers)
            .try_collect()
            .await?;
        failpoint!("engine.verified");
        self.lake.ledger().append(&proofs).await?;
        failpoint!("engine.ledger-written");
        for generation in generations {
            self.lake.intents().remove(generation).await?;
        }
        Ok(proofs.len() as u64)
    }

    async fn prove_unit(&self, generation: u64, row: &ManifestRow) -> Result<Proof> {
        let mut output = Digest::default();
        for file in &row.files {
            let committed = self.state.files.get(&file.path).unwrap_or(file);
            output = output.merge(self.lake.digest_file(&self.state, committed).await?);
        }
        if output != row.output {
            return Err(mismatch("the lake's files do not hold", row.output, output));
        }
        let input = self.hot_digest(row).await?;
        if input != row.input {
            return Err(mismatch("the hot store no longer holds", row.input, input));
        }
        Ok(Proof {
            unit: row.unit.id(),
            time: row.unit.time,
            seqs: row.unit.seqs,
            input,
            output,
            files: row.files.iter().map(|f| f.path.clone()).collect(),
            generation,
            at: self.now,
        })
    }

    async fn hot_digest(&self, row: &ManifestRow) -> Result<Digest> {
        let table = self.snapshot.table();
        let mut hasher = RowHasher::new(&table.name, &table.schema)?;
        let mut digest = Digest::default();
        let mut rows = self.snapshot.scan(HotScan::new(row.unit.time, row.unit.seqs)).await?;
        while let Some(batch) = rows.next().await {
            digest = digest.merge(hasher.digest(&batch?)?);
        }
        Ok(digest)
    }
}

fn mismatch(what: &str, expected: Digest, found: Digest) -> Error {
    Error::corrupt(format!("{what} the rows that were exported"))
        .with("expected", expected)
        .with("found", found)
        .with_help(
            "nothing was evicted and nothing will be until this is solved: keep the hot store and \
             the lake as they are and report it, with the plugins that the table uses",
        )
}
