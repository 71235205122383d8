//! Which rows belong to which series, and whether they come in order.

use arrow_array::Array;
use arrow_schema::{DataType, Field, Fields, Schema, TimeUnit};
use tidelake_groups::{Groups, Run, times};
use tidelake_sdk::{Batch, Error, ErrorKind, Result};

use crate::options::{FeaturesOptions, Late};

const NANOS_A_DAY: i64 = 86_400_000_000_000;

/// All series seen so far.
pub(crate) struct Series {
    /// The columns of the key in the input, and as what they are kept.
    key: Vec<usize>,
    pub(crate) fields: Fields,
    pub(crate) groups: Groups,
    time: usize,
    late: Late,
    /// The newest time of each series.
    pub(crate) newest: Vec<i64>,
}

/// The rows of one batch.
pub(crate) struct Rows {
    /// Neighbouring rows of one series.
    pub(crate) runs: Vec<Run>,
    /// The time of each row.
    pub(crate) times: Vec<i64>,
    /// Whether each row is late; empty when none is.
    pub(crate) late: Vec<bool>,
}

impl Rows {
    pub(crate) fn is_late(&self, row: usize) -> bool {
        self.late.get(row).copied().unwrap_or(false)
    }
}

impl Series {
    pub(crate) fn new(input: &Schema, options: &FeaturesOptions) -> Result<Self> {
        let time = find(input, "time", &options.time)?;
        let data_type = input.field(time).data_type();
        if !matches!(
            data_type,
            DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 | DataType::Int64
        ) {
            let message = format!("column `{}` is {data_type}, not a time", options.time);
            return Err(Error::option("time", message));
        }
        let mut key = Vec::with_capacity(options.key.len());
        let mut fields = Vec::with_capacity(options.key.len());
        for (i, name) in options.key.iter().enumerate() {
            let option = format!("key[{i}]");
            let index = find(input, &option, name)?;
            let data_type = match input.field(index).data_type() {
                DataType::Dictionary(_, values) => values.as_ref(),
                other => other,
            };
            if data_type.is_nested() {
                let message = format!("column `{name}` is {data_type}, which is no key");
                return Err(Error::option(&option, message));
            }
            key.push(index);
            fields.push(Field::new(name, data_type.clone(), true));
        }
        let groups = Groups::new(fields.iter().map(|field| field.data_type().clone()))?;
        let newest = Vec::new();
        Ok(Self { key, fields: fields.into(), groups, time, late: options.late, newest })
    }

    /// Number of series.
    pub(crate) fn len(&self) -> usize {
        self.newest.len()
    }

    /// The columns that are read.
    pub(crate) fn columns(&self) -> impl Iterator<Item = usize> {
        self.key.iter().copied().chain([self.time])
    }

    /// Finds the series of each row and checks their order.
    pub(crate) fn place(&mut self, batch: &Batch<'_>) -> Result<Rows> {
        let name = batch.schema().field(self.time).name();
        let times = times(&batch.column(self.time)?)?;
        if times.null_count() > 0 {
            return Err(Error::column(name, "a row has no time, so it has no place in its series"));
        }
        let runs = self.runs(batch)?;
        let times = times.values().to_vec();
        let mut late = Vec::new();
        for run in &runs {
            let newest = &mut self.newest[run.group];
            for row in run.rows.clone() {
                if times[row] >= *newest {
                    *newest = times[row];
                } else if self.late == Late::Skip {
                    late.resize(times.len(), false);
                    late[row] = true;
                } else {
                    return Err(Error::new(
                        ErrorKind::InvalidInput,
                        format!(
                            "column `{name}`: row {row} of the batch is at {}, but an earlier row of \
                             its series is at {newest}; sort the rows by time, or set late = \"skip\" \
                             to leave late rows without features",
                            times[row]
                        ),
                    ));
                }
            }
        }
        Ok(Rows { runs, times, late })
    }

    fn runs(&mut self, batch: &Batch<'_>) -> Result<Vec<Run>> {
        let runs = if self.key.is_empty() {
            let all = Run { rows: 0..batch.rows(), group: 0 };
            self.newest.resize(1, i64::MIN);
            vec![all]
        } else {
            self.groups.assign(&batch.columns(&self.key)?)?
        };
        self.newest.resize(self.groups.len().max(self.newest.len()), i64::MIN);
        Ok(runs)
    }
}

/// The column of a name that an option gives.
pub(crate) fn find(input: &Schema, option: &str, name: &str) -> Result<usize> {
    input.index_of(name).map_err(|_| {
        let names: Vec<&str> = input.fields().iter().map(|f| f.name().as_str()).collect();
        let names = names.join(", ");
        Error::option(option, format!("there is no column `{name}`; the table has {names}"))
    })
}

/// What a column of times counts in, in nanoseconds; `None` if it does not say.
pub(crate) fn unit(data_type: &DataType) -> Option<i64> {
    Some(match data_type {
        DataType::Timestamp(TimeUnit::Second, _) => 1_000_000_000,
        DataType::Timestamp(TimeUnit::Millisecond, _) | DataType::Date64 => 1_000_000,
        DataType::Timestamp(TimeUnit::Microsecond, _) => 1_000,
        DataType::Timestamp(TimeUnit::Nanosecond, _) => 1,
        DataType::Date32 => NANOS_A_DAY,
        _ => return None,
    })
}

/// A day in a unit of time.
pub(crate) fn day(unit: i64) -> i64 {
    NANOS_A_DAY / unit
}
