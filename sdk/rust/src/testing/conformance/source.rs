//! The cases of sources.
//!
//! A source brings rows of its own, from what [`Outside`](crate::testing::Outside) of the
//! test offers: a case compares what it brings twice from the same offset.

use arrow_array::RecordBatch;
use arrow_select::concat::concat_batches;
use serde_json::Value;
use tidelake_columns::samples::difference;

use super::{Cases, Failures, must, refused};
use crate::error::{Error, Result};
use crate::source::{MAX_OFFSET, Next, Source};
use crate::testing::{describe_source, open_source, poll};

/// Polls that are made to come to an end.
const POLLS: usize = 200;
/// What no source can have answered.
const FOREIGN: &[u8] = b"\xff\x00 no offset of yours \xfe";

/// What one poll brought.
struct Step {
    rows: RecordBatch,
    next: Next,
    offset: Vec<u8>,
}

/// Runs all cases of a source with these options. There must be rows to bring; the same
/// ones for as long as the test runs.
pub fn source<T: Source>(options: &Value) -> Result<(), Failures> {
    let mut cases = Cases::new(T::NAME);
    cases.description(&describe_source::<T>());
    cases.unknown_option(options, |options| open_source::<T>(options, None).map(drop));
    cases.case("an offset of another", || match record::<T>(options, Some(FOREIGN), 1, 1) {
        Ok(_) => Err("was taken: rows would be left out or doubled".to_owned()),
        Err(error) => refused(&error),
    });
    let mut all = None;
    cases.case("rows come", || {
        let steps = must(record::<T>(options, None, 100, POLLS))?;
        let rows = joined(&steps)?;
        if rows.num_rows() == 0 {
            return Err("there are none".to_owned());
        }
        all = Some((steps, rows));
        Ok(())
    });
    let Some((steps, rows)) = all else { return cases.finish() };
    for most in [1, 2, 7, 1_000_000] {
        cases.case(format!("at most {most} rows at once"), || {
            let polls = POLLS.max(rows.num_rows() * 2);
            same(&must(record::<T>(options, None, most, polls))?, &rows)
        });
    }
    cases.case("from each offset on", || {
        let stride = steps.len().div_ceil(20).max(1);
        let singly = must(record::<T>(options, None, 1, 30))?;
        for (steps, all) in [(&steps, &rows), (&singly, &rows)] {
            let mut before = 0;
            for (i, step) in steps.iter().enumerate() {
                before += step.rows.num_rows();
                if i % stride != 0 {
                    continue;
                }
                let rest = all.slice(before, all.num_rows() - before);
                let found = must(record::<T>(options, Some(&step.offset), 100, POLLS))?;
                same(&found, &rest).map_err(|how| format!("from row {before} on: {how}"))?;
            }
        }
        Ok(())
    });
    cases.case("commits", || {
        let mut source = must(open_source::<T>(options, None))?;
        let mut found = Vec::new();
        for _ in &steps {
            let step = must(step(&mut source, 100))?;
            must(source.commit(&step.offset))?;
            must(source.commit(&step.offset))?;
            found.push(step);
        }
        same(&found, &rows)
    });
    cases.case("the end is stable", || {
        let Some(end) = steps.last().filter(|step| step.next == Next::End) else { return Ok(()) };
        for _ in 0..2 {
            let again = must(record::<T>(options, Some(&end.offset), 100, 1))?;
            if again.iter().any(|step| step.next != Next::End || step.rows.num_rows() > 0) {
                return Err("more comes after the end".to_owned());
            }
        }
        Ok(())
    });
    cases.finish()
}

/// Polls until nothing more comes, or often enough.
fn record<T: Source>(
    options: &Value,
    offset: Option<&[u8]>,
    most: usize,
    polls: usize,
) -> Result<Vec<Step>> {
    let mut source: T = open_source(options, offset)?;
    let mut before = offset.map(<[u8]>::to_vec);
    let mut steps = Vec::new();
    for _ in 0..polls {
        let step = step(&mut source, most)?;
        let moved = before.as_ref() != Some(&step.offset);
        let rows = step.rows.num_rows();
        let broken = match &step.next {
            _ if rows > most => Some(format!("{rows} rows where {most} were asked for")),
            _ if step.offset.len() > MAX_OFFSET => Some("the offset is too long".to_owned()),
            _ if rows > 0 && !moved => Some("rows without an offset that moves".to_owned()),
            Next::More if rows == 0 && !moved => Some("more is promised for ever".to_owned()),
            Next::Wait(_, why) => Some(format!("it waits where rows were expected: {why}")),
            _ => None,
        };
        if let Some(broken) = broken {
            return Err(Error::internal(broken));
        }
        let more = step.next == Next::More;
        before = Some(step.offset.clone());
        steps.push(step);
        if !more {
            break;
        }
    }
    Ok(steps)
}

fn step<T: Source>(source: &mut T, most: usize) -> Result<Step> {
    let (polled, batches) = poll(source, most)?;
    let rows = concat_batches(&source.schema(), &batches)?;
    Ok(Step { rows, next: polled.next, offset: polled.offset })
}

fn joined(steps: &[Step]) -> Result<RecordBatch, String> {
    let schema = steps.first().map(|step| step.rows.schema()).ok_or("there was no poll")?;
    concat_batches(&schema, steps.iter().map(|step| &step.rows)).map_err(|error| error.to_string())
}

fn same(found: &[Step], expected: &RecordBatch) -> Result<(), String> {
    difference(expected, &joined(found)?, &[]).map_or(Ok(()), Err)
}
