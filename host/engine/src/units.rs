//! From actions to units: what runs together and what is committed together.
//!
//! Exports go in order of time, late rows first. Each group of units is one
//! commit; after group k the lake covers everything before the end of its last
//! period, so a long first run makes its progress durable step by step:
//!
//! | group | units | commits (W, S) |
//! |---|---|---|
//! | 1 | late rows before W₀; 2020-01-06; 2020-01-07 | (2020-01-08, S) |
//! | 2 | 2020-01-08; 2020-01-09 | (2020-01-10, S) |

use tidelake_core::policy::{Action, Decision};
use tidelake_core::time::Micros;
use tidelake_core::unit::Unit;

/// Units of one commit are at most so many ...
const GROUP_UNITS: usize = 256;
/// ... and read about so many bytes.
const GROUP_BYTES: u64 = 2_000_000_000;

/// Units that are committed together.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    pub(crate) units: Vec<PlannedUnit>,
    /// W after the commit.
    pub(crate) watermark: Micros,
    /// The commit that it will be.
    pub(crate) generation: u64,
}

/// A unit, and what policy expects of it.
#[derive(Debug, Clone)]
pub(crate) struct PlannedUnit {
    pub(crate) unit: Unit,
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
}

/// Groups the exports of a decision. `generation` is that of the table now,
/// `watermark` its W.
pub(crate) fn groups(
    table: &str,
    recipe: &str,
    decision: &Decision,
    watermark: Micros,
    generation: u64,
) -> Vec<Group> {
    let mut exports: Vec<PlannedUnit> = decision
        .actions
        .iter()
        .filter_map(|action| match action {
            Action::Export { time, seqs, rows, bytes, .. } => Some(PlannedUnit {
                unit: Unit {
                    table: table.to_owned(),
                    time: *time,
                    seqs: *seqs,
                    recipe: recipe.to_owned(),
                },
                rows: *rows,
                bytes: *bytes,
            }),
            _ => None,
        })
        .collect();
    // Late units end at or before W, so they come first in this order too.
    exports.sort_by_key(|u| (u.unit.time.end, u.unit.time.start));
    let mut groups: Vec<Group> = Vec::new();
    let mut bytes = 0;
    for planned in exports {
        // Late rows complete (W, S) for what is covered already: no commit may
        // advance S without all of them, so they share the first group.
        let late = planned.unit.time.end <= watermark;
        let full = groups
            .last()
            .is_none_or(|g| g.units.len() >= GROUP_UNITS || bytes + planned.bytes > GROUP_BYTES);
        if groups.is_empty() || (full && !late) {
            bytes = 0;
            groups.push(Group {
                units: Vec::new(),
                watermark,
                generation: generation + 1 + groups.len() as u64,
            });
        }
        bytes += planned.bytes;
        if let Some(group) = groups.last_mut() {
            group.watermark = group.watermark.max(planned.unit.time.end);
            group.units.push(planned);
        }
    }
    if let Some(last) = groups.last_mut() {
        last.watermark = last.watermark.max(decision.watermark);
    }
    groups
}

#[cfg(test)]
mod tests {
    use tidelake_core::time::{SeqRange, TimeRange};

    use super::*;

    fn export(start: i64, end: i64, bytes: u64) -> Action {
        Action::Export {
            time: TimeRange::new(Micros(start), Micros(end)),
            seqs: SeqRange::new(0, 9),
            rows: 1,
            bytes,
            reason: String::new(),
        }
    }

    #[test]
    fn late_rows_share_the_first_commit_and_w_follows_the_groups() {
        let decision = Decision {
            watermark: Micros(60),
            seq: 9,
            evict_before: Micros(0),
            actions: vec![
                export(40, 50, GROUP_BYTES),
                export(0, 10, GROUP_BYTES),
                export(10, 20, GROUP_BYTES),
                export(30, 40, 1),
            ],
            waiting: vec![],
        };
        let groups = groups("t", "r", &decision, Micros(30), 7);
        let shape: Vec<_> = groups
            .iter()
            .map(|g| {
                let ends: Vec<i64> = g.units.iter().map(|u| u.unit.time.end.0).collect();
                (g.generation, g.watermark.0, ends)
            })
            .collect();
        assert_eq!(shape, [(8, 30, vec![10, 20]), (9, 40, vec![40]), (10, 60, vec![50])]);
    }
}
