//! Neighbouring rows of one group.

use std::ops::Range;

/// Neighbouring rows of one group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// The rows.
    pub rows: Range<usize>,
    /// Their group, numbered from 0 in the order of first sight.
    pub group: usize,
}

/// Appends the runs of rows with these groups, the first of which is row `first`, to those
/// of the rows before.
#[inline(never)]
pub(crate) fn append_runs(groups: &[u32], first: usize, runs: &mut Vec<Run>) {
    let Some(group) = groups.first() else { return };
    let mut run = runs.pop().unwrap_or(Run { rows: first..first, group: *group as usize });
    for (row, group) in (first..).zip(groups) {
        if *group as usize != run.group {
            run.rows.end = row;
            runs.push(run);
            run = Run { rows: row..row, group: *group as usize };
        }
    }
    run.rows.end = first + groups.len();
    runs.push(run);
}
