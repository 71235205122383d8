//! Values that are fine alone and make no sense together.

use std::ops::Range;

use super::problem::{closest, did_you_mean};
use super::table::Places;
use super::types::type_name;
use super::walk::{At, Section};
use crate::period::{Age, Period};
use crate::table::{Lifecycle, TableSpec, is_partition_type};
use crate::time::{Micros, is_time_type};

/// The period that `partition` begins with.
pub(super) fn period(
    section: &Section<'_>,
    entries: &[At<String>],
    span: Range<usize>,
) -> Option<Period> {
    let names = Period::ALL.map(Period::name);
    let is_period = |text: &str| Period::ALL.into_iter().find(|p| p.name() == text);
    let problems = section.problems;
    let Some(first) = entries.first() else {
        problems.add_with_help(span, "`partition` is empty", "write `partition = [\"day\"]`");
        return None;
    };
    let period = is_period(&first.value);
    if period.is_none() {
        let help = match closest(&first.value, names) {
            Some(near) => format!("did you mean `{near}`?"),
            None => {
                "begin with hour, day, week, month or year, then columns: [\"day\", \"symbol\"]"
                    .into()
            }
        };
        problems.add_with_help(
            first.span.clone(),
            format!("`partition` begins with {:?}, which is not a period", first.value),
            help,
        );
    }
    for entry in &entries[1..] {
        if is_period(&entry.value).is_some() {
            let message =
                format!("`partition` has the period {:?} after its first entry", entry.value);
            let help = "one period comes first; columns follow";
            problems.add_with_help(entry.span.clone(), message, help);
        }
    }
    period
}

/// The ages grow: hot, warm, retention.
pub(super) fn lifecycle(ages: &Lifecycle, section: &Section<'_>) {
    let grows = |younger: (&str, Age), older: (&str, Age), why: &str| {
        if may_exceed(younger.1, older.1) {
            // The key that is written, and of two the one that is too short.
            let written =
                if section.span_of(older.0) == section.span { younger.0 } else { older.0 };
            section.problems.add_with_help(
                section.span_of(written),
                format!(
                    "`{}` ({}) can be longer than `{}` ({})",
                    younger.0, younger.1, older.0, older.1
                ),
                why,
            );
        }
    };
    let (hot, warm) = (("hot", ages.hot), ("warm", ages.warm));
    grows(hot, warm, "rows are hot first and warm after: make `warm` the longer one");
    if let Some(retention) = ages.retention {
        let why = "`retention` is counted from a row's time, like the others: make it the longest";
        grows(warm, ("retention", retention), why);
    }
}

/// Whether there is a day on which `a` reaches further back than `b`: months
/// and years differ in length.
pub(super) fn may_exceed(a: Age, b: Age) -> bool {
    let day = |n: i64| Micros(n * 86_400_000_000);
    // Four years from 1999-12-31 on hold every case of the calendar.
    (10_956..10_956 + 1_462).map(day).any(|now| a.before(now) < b.before(now))
}

/// Columns of a table against each other and against its schema.
pub(super) fn table(spec: &TableSpec, places: &Places<'_>) {
    let problems = places.section.problems;
    let is_time = |name: &At<String>, role: &str, why: &str| {
        if name.value == spec.time {
            let message = format!("the time column {:?} is used as {role}", spec.time);
            problems.add_with_help(name.span.clone(), message, why);
        }
    };
    for name in &places.key {
        is_time(name, "a key", "the key says which series a row belongs to; leave the time out");
    }
    if let Some(name) = &places.category {
        is_time(name, "the category", "the category groups series; leave the time out");
    }
    for name in &places.partition {
        is_time(name, "a partition column", "the period is the time's part of the partition");
    }
    let derived = spec.layout.partition.period_column();
    let named = places.key.iter().chain(&places.category).chain(&places.partition);
    for name in named.chain(&places.sort).chain(&places.columns).filter(|n| n.value == derived) {
        problems.add_with_help(
            name.span.clone(),
            format!("{derived:?} is the name of the derived partition column"),
            "rename the column on ingest, or partition by another period",
        );
    }
    against_schema(spec, places);
}

/// Columns named elsewhere exist in the schema, when the schema is given.
fn against_schema(spec: &TableSpec, places: &Places<'_>) {
    let Some(schema) = &spec.schema else { return };
    let problems = places.section.problems;
    let names = || schema.fields().iter().map(|f| f.name().as_str()).collect::<Vec<_>>();
    let missing = |name: &str, span: &Range<usize>, role: &str| {
        let title = format!("[table.{}.schema]", spec.name);
        let message = format!("the {role} column {name:?} is not in {title}");
        problems.add_with_help(span.clone(), message, did_you_mean(name, names()));
    };
    match schema.field_with_name(&spec.time) {
        Err(_) => missing(&spec.time, &places.time, "time"),
        Ok(field) if !is_time_type(field.data_type()) => {
            let at = places.columns.iter().find(|c| c.value == spec.time);
            problems.add_with_help(
                at.map_or(places.time.clone(), |c| c.span.clone()),
                format!("the time column is of type {}", type_name(field.data_type())),
                "make it timestamp(us), timestamp(us, UTC) or date32",
            );
        }
        Ok(_) => {}
    }
    // Transforms may rename and add columns: then only what hot rows must have is known here.
    if !spec.transforms.is_empty() {
        return;
    }
    let roles = [("key", &places.key), ("partition", &places.partition), ("sort", &places.sort)];
    let category = places.category.iter().map(|name| ("category", name));
    let all = roles.into_iter().flat_map(|(role, names)| names.iter().map(move |n| (role, n)));
    for (role, name) in all.chain(category) {
        match schema.field_with_name(&name.value) {
            Err(_) => missing(&name.value, &name.span, role),
            Ok(field) if role == "partition" && !is_partition_type(field.data_type()) => {
                problems.add_with_help(
                    name.span.clone(),
                    format!(
                        "column {:?} of type {} cannot be a partition column",
                        name.value,
                        type_name(field.data_type())
                    ),
                    "partition by text, integer, boolean or date columns",
                );
            }
            Ok(_) => {}
        }
    }
}
