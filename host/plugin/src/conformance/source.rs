//! The checks of sources.
//!
//! What a source brings is not made up here: it comes from where it really comes from,
//! with the options of the subject. So a check compares what the source says twice: from
//! the same offset the same rows, however they are cut into polls.

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use tidelake_core::plugin::{Next, Source};
use tidelake_core::{Error, ErrorKind, Result};

use super::judge::{must, refusal, same};
use super::{Answer, Case, Checks, Suite, noted, passed, refused, skipped};

/// Rows asked for at once.
const POLL: u32 = 100;
/// Polls that are made to come to an end.
const POLLS: usize = 50;
/// Rows that are asked for one by one.
const SINGLE: usize = 25;
/// What no source can have answered.
const FOREIGN: &[u8] = b"\xff\x00 no offset of yours \xfe";

/// What one poll brought.
struct Step {
    rows: RecordBatch,
    next: Next,
    offset: Vec<u8>,
}

impl Suite<'_> {
    pub(super) fn source(&self, checks: &mut Checks<'_>) {
        checks.run("an unknown option is refused by name", || {
            self.unknown_option(|options| {
                self.plugins.source(&self.info.name, &self.context(), options, None).map(drop)
            })
        });
        checks.run("the declared schema is always the same", || {
            let declared = || must(self.reader_at(None)).map(|source| source.schema());
            if declared()? == declared()? { passed() } else { Err("differs".to_owned()) }
        });
        checks.run("an offset that is none of its own is refused", || self.foreign_offset());
        let recorded = match self.record(None, POLL, POLLS) {
            Ok(recorded) => recorded,
            Err(error) if error.retryable() => {
                checks.run("rows come", || skipped(format!("not now: {error}")));
                return;
            }
            Err(error) => {
                checks.run("rows come", || Err(error.to_string()));
                return;
            }
        };
        let rows: usize = recorded.iter().map(|step| step.rows.num_rows()).sum();
        checks.run("rows come", || match rows {
            0 => skipped("there are none: point its options at some"),
            n => noted(format!("{n} rows in {} polls", recorded.len())),
        });
        checks.run("the same rows again from each offset", || self.again(&recorded));
        checks.run("one row at a time", || self.singly(&recorded));
        checks.run("no more rows than are asked for", || self.at_most(&recorded));
        checks.run("the end is stable", || self.end(&recorded));
        checks.run("a commit changes no row", || self.commits(&recorded));
    }

    fn reader_at(&self, offset: Option<&[u8]>) -> Result<Box<dyn Source>> {
        self.plugins.source(&self.info.name, &self.context(), &self.subject.options, offset)
    }

    /// Polls until nothing more comes, or often enough.
    fn record(&self, offset: Option<&[u8]>, most: u32, polls: usize) -> Result<Vec<Step>> {
        let mut source = self.reader_at(offset)?;
        let mut steps = Vec::new();
        for _ in 0..polls {
            let step = poll(&mut *source, most)?;
            let more = step.next == Next::More;
            steps.push(step);
            if !more {
                break;
            }
        }
        Ok(steps)
    }

    fn foreign_offset(&self) -> Case {
        let polled = self.reader_at(Some(FOREIGN)).and_then(|mut source| poll(&mut *source, 1));
        match polled {
            Ok(_) => Err("was taken: rows would be left out or doubled".to_owned()),
            Err(error) => refused(refusal(&error)?).map(|_| Answer::passed()),
        }
    }

    /// What follows an offset is what followed it the first time; more may have come.
    fn again(&self, recorded: &[Step]) -> Case {
        let stride = recorded.len().div_ceil(5).max(1);
        let mut asked = 0;
        for (at, step) in recorded.iter().enumerate().step_by(stride) {
            let expected = joined(&recorded[at + 1..])?;
            let Some(expected) = expected.filter(|rows| rows.num_rows() > 0) else { continue };
            let polls = recorded.len() - at;
            let found = must(self.record(Some(&step.offset), POLL, polls))?;
            starts_with(&found, &expected).map_err(|how| format!("from poll {at} on: {how}"))?;
            asked += 1;
        }
        match asked {
            0 => skipped("there is no offset with rows after it: more than 100 are needed"),
            n => noted(format!("from {n} of them")),
        }
    }

    fn singly(&self, recorded: &[Step]) -> Case {
        let Some(all) = joined(recorded)?.filter(|rows| rows.num_rows() > 0) else {
            return skipped("there are no rows");
        };
        let expected = all.slice(0, all.num_rows().min(SINGLE));
        // Each time anew from where the last one was: an offset within what was fetched.
        let (mut found, mut offset, mut empty) = (Vec::new(), None::<Vec<u8>>, 0);
        while found.len() < expected.num_rows() {
            let step = must(self.record(offset.as_deref(), 1, 1))?.remove(0);
            offset = Some(step.offset.clone());
            match step.rows.num_rows() {
                0 if step.next == Next::More && empty < POLLS => empty += 1,
                0 => return Err(format!("ends after {} rows", found.len())),
                _ => found.push(step),
            }
        }
        starts_with(&found, &expected)?;
        passed()
    }

    fn at_most(&self, recorded: &[Step]) -> Case {
        for most in [1, 7, POLL] {
            for step in must(self.record(None, most, 5))? {
                if step.rows.num_rows() > most as usize {
                    return Err(format!(
                        "{} rows where {most} were asked for",
                        step.rows.num_rows()
                    ));
                }
            }
        }
        match recorded.iter().any(|step| step.rows.num_rows() > 0) {
            true => passed(),
            false => skipped("there are no rows"),
        }
    }

    fn end(&self, recorded: &[Step]) -> Case {
        let Some(end) = recorded.last().filter(|step| step.next == Next::End) else {
            return skipped("it does not say that it ends");
        };
        for _ in 0..2 {
            let again = must(self.record(Some(&end.offset), POLL, 1))?.remove(0);
            if again.next != Next::End || again.rows.num_rows() > 0 {
                let rows = again.rows.num_rows();
                return Err(format!("after the end it answers {:?} and {rows} rows", again.next));
            }
        }
        passed()
    }

    fn commits(&self, recorded: &[Step]) -> Case {
        let mut source = must(self.reader_at(None))?;
        let mut found = Vec::new();
        for _ in recorded {
            let step = must(poll(&mut *source, POLL))?;
            for _ in 0..2 {
                must(source.commit(&step.offset))?;
            }
            found.push(step);
        }
        match joined(recorded)? {
            Some(expected) => starts_with(&found, &expected)?,
            None => return skipped("there are no rows"),
        }
        passed()
    }
}

/// One poll, as rows in one batch. A wait is what the outside asks for: not now.
fn poll(source: &mut dyn Source, most: u32) -> Result<Step> {
    let mut batches = Vec::new();
    let polled = source.poll(most, &mut batches)?;
    if let Next::Wait(time, why) = &polled.next {
        return Err(Error::new(ErrorKind::Unavailable, format!("to wait {time:?}: {why}")));
    }
    let rows = concat_batches(&source.schema(), &batches)?;
    Ok(Step { rows, next: polled.next, offset: polled.offset })
}

/// The rows of several polls; `None` of none.
fn joined(steps: &[Step]) -> Result<Option<RecordBatch>, String> {
    let Some(first) = steps.first() else { return Ok(None) };
    let rows = concat_batches(&first.rows.schema(), steps.iter().map(|step| &step.rows));
    rows.map(Some).map_err(|error| error.to_string())
}

fn starts_with(found: &[Step], expected: &RecordBatch) -> Result<(), String> {
    let rows = joined(found)?.map_or(0, |rows| rows.num_rows());
    if rows < expected.num_rows() {
        return Err(format!("{rows} rows come, {} came before", expected.num_rows()));
    }
    match joined(found)? {
        Some(found) => same(expected, &found.slice(0, expected.num_rows())),
        None => Ok(()),
    }
}
