//! Verification by hand: every file of the lake, read back and compared.

use std::collections::HashMap;
use std::sync::Arc;

use futures::StreamExt;
use tidelake_core::commit::TableState;
use tidelake_core::hash::Digest;
use tidelake_core::ledger::LedgerEntry;
use tidelake_core::table::TableSpec;
use tidelake_core::{Error, Result, ResultExt};
use tidelake_lake::LakeTable;

use crate::engine::Engine;
use crate::report::{ErrorReport, Progress, Stage, VerifyReport};

impl Engine {
    /// Reads the lake's files of these tables (all when none is named) and of
    /// their rollups back, and compares them with what the logs and the ledger
    /// say. What is wrong is in the reports, not an error.
    pub async fn verify(
        &self,
        tables: &[String],
        progress: Arc<dyn Progress>,
    ) -> Result<Vec<VerifyReport>> {
        let mut reports = Vec::new();
        for spec in self.tables(tables)? {
            let rollups = spec.rollups.iter().map(|r| spec.rollup_name(r));
            for name in std::iter::once(spec.name.clone()).chain(rollups) {
                let lake = self.lake_table(&spec, &name);
                if let Some(state) = lake.log().load().await.with("table", &name)? {
                    reports.push(self.verify_table(&spec, lake, state, &progress).await?);
                }
            }
        }
        Ok(reports)
    }

    async fn verify_table(
        &self,
        spec: &TableSpec,
        lake: LakeTable,
        state: TableState,
        progress: &Arc<dyn Progress>,
    ) -> Result<VerifyReport> {
        let name = lake.name().to_owned();
        let mut report = VerifyReport {
            table: name.clone(),
            files: 0,
            rows: 0,
            bytes: 0,
            digest: Digest::default(),
            proofs: 0,
            problems: Vec::new(),
        };
        progress.start(&name, Stage::Verify, state.rows());
        let state = Arc::new(state);
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let workers = self.parts.config.engine.threads.unwrap_or(cores).max(1);
        let mut results = futures::stream::iter(state.files.values().cloned())
            .map(|file| {
                let (lake, state) = (lake.clone(), state.clone());
                let task = tokio::spawn(async move {
                    let found = lake.digest_file(&state, &file).await;
                    (file, found)
                });
                async move {
                    task.await.map_err(|e| Error::internal("verification panicked").with_source(e))
                }
            })
            .buffered(workers);
        let mut digests: HashMap<String, Digest> = HashMap::new();
        while let Some(result) = results.next().await {
            let (file, found) = result?;
            progress.advance(&name, Stage::Verify, file.rows);
            report.files += 1;
            report.bytes += file.bytes;
            let checked = found.and_then(|digest| {
                if digest == file.digest {
                    return Ok(digest);
                }
                Err(Error::corrupt("a file does not hold the rows that were written to it")
                    .with("expected", file.digest)
                    .with("found", digest))
            });
            match checked.with("file", &file.path).with("table", &name) {
                Ok(digest) => {
                    report.rows += digest.rows;
                    report.digest = report.digest.merge(digest);
                    digests.insert(file.path, digest);
                }
                Err(error) => report.problems.push(ErrorReport::from(&error)),
            }
        }
        progress.finish(&name, Stage::Verify);
        if name == spec.name {
            check_proofs(&lake, &digests, &mut report).await?;
        }
        Ok(report)
    }
}

/// Each proof of the ledger must still hold for the files that it names, as long
/// as they are part of the table.
async fn check_proofs(
    lake: &LakeTable,
    digests: &HashMap<String, Digest>,
    report: &mut VerifyReport,
) -> Result<()> {
    for entry in lake.ledger().load().await? {
        let LedgerEntry::Verified(proof) = entry else { continue };
        let found: Option<Vec<Digest>> =
            proof.files.iter().map(|f| digests.get(f).copied()).collect();
        let Some(found) = found else { continue };
        report.proofs += 1;
        let sum = found.into_iter().fold(Digest::default(), Digest::merge);
        if sum != proof.output {
            let error = Error::corrupt("the ledger's proof no longer holds")
                .with("unit", &proof.unit)
                .with("expected", proof.output)
                .with("found", sum)
                .with("table", lake.name());
            report.problems.push(ErrorReport::from(&error));
        }
    }
    Ok(())
}
