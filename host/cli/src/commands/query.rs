//! `tidelake query`

use std::fs::File;
use std::io::{BufWriter, IsTerminal, Write};

use arrow::json::WriterBuilder;
use arrow::json::writer::JsonArray;
use futures::TryStreamExt;
use serde_json::json;
use tidelake_core::Error;
use tidelake_core::config::types::type_name;
use tidelake_query::{QueryResult, QuerySession};

use super::{Out, print_json};
use crate::args::{Format, Global, Now, Query};
use crate::failure::Failure;
use crate::project::Project;
use crate::render;

/// Runs one query.
pub(super) async fn run(
    project: &Project,
    global: &Global,
    args: Query,
    out: Out<'_>,
) -> Result<(), Failure> {
    let to_terminal = args.output.is_none() && std::io::stdout().is_terminal();
    if args.format == Format::Parquet && to_terminal && !args.explain {
        return Err(Error::input("a Parquet file is nothing for a terminal")
            .with_help("name a file with --output FILE, or send the output to one")
            .into());
    }
    let engine = project.open("query", Now::default())?;
    let session = project.session(&engine).await?;
    match &args.output {
        None => answer(&session, global, &args, out).await,
        Some(path) => {
            let unwritten = |e| {
                Error::unavailable("the output file could not be written")
                    .with("file", path.display())
                    .with_source(e)
            };
            let mut file = BufWriter::new(File::create(path).map_err(unwritten)?);
            answer(&session, global, &args, &mut file).await?;
            Ok(file.flush().map_err(unwritten)?)
        }
    }
}

async fn answer(
    session: &QuerySession,
    global: &Global,
    args: &Query,
    out: Out<'_>,
) -> Result<(), Failure> {
    let mut result = session.query(&args.sql).await?;
    if args.explain {
        return explain(result, global, out).await;
    }
    if global.json {
        return all_as_json(result, out).await;
    }
    let schema = result.schema();
    render::rows::write(out, &schema, &mut result, args.format).await?;
    if args.format == Format::Table {
        out.flush()?;
        provenance(&result)?;
    }
    Ok(())
}

/// Says on standard error where an answer came from, so that the rows alone can be sent away.
fn provenance(result: &QueryResult) -> Result<(), Failure> {
    let provenance = result.provenance();
    if !provenance.tables.is_empty() {
        writeln!(std::io::stderr().lock(), "{provenance}")?;
    }
    Ok(())
}

/// The plan is run, so that it says what was done and not what may be.
async fn explain(mut result: QueryResult, global: &Global, out: Out<'_>) -> Result<(), Failure> {
    let mut rows = 0;
    while let Some(batch) = result.try_next().await? {
        rows += batch.num_rows() as u64;
    }
    let (plan, provenance) = (result.plan(), result.provenance());
    if global.json {
        let report = json!({ "rows": rows, "plan": plan, "provenance": provenance });
        return print_json(out, &report);
    }
    writeln!(out, "{provenance}\n\n{}", plan.trim_end())?;
    Ok(())
}

async fn all_as_json(mut result: QueryResult, out: Out<'_>) -> Result<(), Failure> {
    let columns: Vec<_> = result
        .schema()
        .fields()
        .iter()
        .map(|f| json!({ "name": f.name(), "type": type_name(f.data_type()) }))
        .collect();
    let builder = WriterBuilder::new().with_explicit_nulls(true);
    let mut writer = builder.build::<_, JsonArray>(Vec::new());
    while let Some(batch) = result.try_next().await? {
        writer.write(&batch)?;
    }
    writer.finish()?;
    let rows: serde_json::Value = serde_json::from_slice(&writer.into_inner())?;
    let report = json!({ "columns": columns, "rows": rows, "provenance": result.provenance() });
    print_json(out, &report)
}
