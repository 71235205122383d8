//! What is known of a column's values ("Column Statistics" of the specification): of a row
//! group, then of its stripe, then of the file.

use crate::proto;

mod text;

pub(crate) use text::TextRange;

/// Statistics of one column over some rows.
#[derive(Debug, Clone)]
pub(crate) struct Statistics {
    /// Values that are not null.
    pub(crate) count: u64,
    /// Whether there are nulls.
    pub(crate) nulls: bool,
    pub(crate) values: Values,
}

/// The part that a type has.
#[derive(Debug, Clone)]
pub(crate) enum Values {
    /// Nothing but the count: structs.
    Counted,
    /// How many are true.
    Boolean(u64),
    /// Least, greatest, and the sum while it fits.
    Integer(Option<(i64, i64)>, Option<i64>),
    /// The same; nothing at all once there was a NaN, which has no place in an order.
    Double(Doubles),
    /// Least, greatest, and the sum of lengths.
    Text(TextRange, i64),
    /// The sum of lengths.
    Binary(i64),
    /// Days since 1970.
    Date(Option<(i64, i64)>),
    /// Seconds since 1970 and nanoseconds.
    Timestamp(Option<(Instant, Instant)>),
    /// Least, greatest, and the sum while it has no more than 38 digits.
    Decimal(Option<(i128, i128)>, Option<i128>, u32),
    /// Children of lists and maps: fewest, most, all.
    Children(Option<(u64, u64)>, u64),
}

/// Seconds since 1970, and nanoseconds after them.
pub(crate) type Instant = (i64, i64);

/// Of floats.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Doubles {
    pub(crate) range: Option<(f64, f64)>,
    pub(crate) sum: f64,
    pub(crate) nan: bool,
}

impl Statistics {
    /// Of no rows.
    pub(crate) fn new(values: Values) -> Self {
        Self { count: 0, nulls: false, values }
    }

    /// Adds those of further rows.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.nulls |= other.nulls;
        match (&mut self.values, &other.values) {
            (Values::Boolean(a), Values::Boolean(b)) => *a += b,
            (Values::Integer(range, sum), Values::Integer(more, added)) => {
                widen(range, *more);
                *sum = sum.zip(*added).and_then(|(a, b)| a.checked_add(b));
            }
            (Values::Double(a), Values::Double(b)) => a.merge(*b),
            (Values::Text(range, sum), Values::Text(more, added)) => {
                range.merge(more);
                *sum = sum.saturating_add(*added);
            }
            (Values::Binary(a), Values::Binary(b)) => *a = a.saturating_add(*b),
            (Values::Date(range), Values::Date(more)) => widen(range, *more),
            (Values::Timestamp(range), Values::Timestamp(more)) => widen(range, *more),
            (Values::Decimal(range, sum, _), Values::Decimal(more, added, _)) => {
                widen(range, *more);
                *sum = sum.zip(*added).and_then(|(a, b)| a.checked_add(b)).filter(fits);
            }
            (Values::Children(range, sum), Values::Children(more, added)) => {
                widen(range, *more);
                *sum += added;
            }
            // One column has one kind.
            _ => {}
        }
    }

    /// As the file says it.
    pub(crate) fn to_proto(&self) -> proto::ColumnStatistics {
        let mut out = proto::ColumnStatistics {
            number_of_values: Some(self.count),
            has_null: Some(self.nulls),
            ..Default::default()
        };
        match &self.values {
            Values::Counted => {}
            Values::Boolean(set) => {
                out.bucket_statistics = Some(proto::BucketStatistics { count: vec![*set] });
            }
            Values::Integer(range, sum) => {
                let (minimum, maximum) = range.unzip();
                out.int_statistics = Some(proto::IntegerStatistics { minimum, maximum, sum: *sum });
            }
            Values::Double(doubles) => {
                let (minimum, maximum) = doubles.range.filter(|_| !doubles.nan).unzip();
                // Zeros of either sign are equal, but not to every reader.
                let minimum = minimum.map(|low| if low == 0.0 { -0.0 } else { low });
                let maximum = maximum.map(|high| if high == 0.0 { 0.0 } else { high });
                let sum = (!doubles.nan && doubles.sum.is_finite()).then_some(doubles.sum);
                out.double_statistics = Some(proto::DoubleStatistics { minimum, maximum, sum });
            }
            Values::Text(range, sum) => out.string_statistics = Some(range.to_proto(*sum)),
            Values::Binary(sum) => {
                out.binary_statistics = Some(proto::BinaryStatistics { sum: Some(*sum) });
            }
            Values::Date(range) => {
                let (minimum, maximum) = range.unzip();
                out.date_statistics = Some(proto::DateStatistics {
                    minimum: minimum.map(|day| day as i32),
                    maximum: maximum.map(|day| day as i32),
                });
            }
            Values::Timestamp(range) => {
                out.timestamp_statistics = Some(timestamps(*range));
            }
            Values::Decimal(range, sum, scale) => {
                let (minimum, maximum) = range.unzip();
                let text = |value: Option<i128>| value.map(|value| decimal(value, *scale));
                out.decimal_statistics = Some(proto::DecimalStatistics {
                    minimum: text(minimum),
                    maximum: text(maximum),
                    sum: text(*sum),
                });
            }
            Values::Children(range, sum) => {
                let (min_children, max_children) = range.unzip();
                out.collection_statistics = Some(proto::CollectionStatistics {
                    min_children,
                    max_children,
                    total_children: Some(*sum),
                });
            }
        }
        out
    }
}

impl Doubles {
    /// Of no values.
    pub(crate) const NONE: Self = Self { range: None, sum: 0.0, nan: false };

    /// Adds further values.
    pub(crate) fn add(&mut self, values: impl Iterator<Item = f64>) {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        let (mut any, mut nan) = (false, false);
        for value in values {
            any = true;
            nan |= value.is_nan();
            low = if value < low { value } else { low };
            high = if value > high { value } else { high };
            self.sum += value;
        }
        self.nan |= nan;
        if any && !nan {
            widen(&mut self.range, Some((low, high)));
        }
    }

    fn merge(&mut self, other: Self) {
        widen(&mut self.range, other.range);
        self.sum += other.sum;
        self.nan |= other.nan;
    }
}

/// Makes a range hold another one.
pub(crate) fn widen<T: PartialOrd + Copy>(range: &mut Option<(T, T)>, more: Option<(T, T)>) {
    let Some((low, high)) = more else { return };
    *range = Some(match *range {
        None => (low, high),
        Some((a, b)) => (if low < a { low } else { a }, if high > b { high } else { b }),
    });
}

/// The least and the greatest of some values.
pub(crate) fn range<T: Ord + Copy>(values: &[T]) -> Option<(T, T)> {
    let first = *values.first()?;
    Some(values.iter().fold((first, first), |(a, b), value| (a.min(*value), b.max(*value))))
}

/// Whether a decimal has no more than 38 digits.
pub(crate) fn fits(value: &i128) -> bool {
    value.unsigned_abs() < 10_u128.pow(38)
}

/// Milliseconds, and the nanoseconds below them plus one.
fn timestamps(range: Option<(Instant, Instant)>) -> proto::TimestampStatistics {
    let part = |instant: Option<Instant>| {
        instant.and_then(|(seconds, nanos)| {
            let millis = seconds.checked_mul(1000)?.checked_add(nanos / 1_000_000)?;
            Some((millis, (nanos % 1_000_000) as i32 + 1))
        })
    };
    let (low, high) = range.unzip();
    let ((minimum_utc, minimum_nanos), (maximum_utc, maximum_nanos)) =
        match part(low).zip(part(high)) {
            Some((low, high)) => ((Some(low.0), Some(low.1)), (Some(high.0), Some(high.1))),
            None => ((None, None), (None, None)),
        };
    proto::TimestampStatistics { minimum_utc, maximum_utc, minimum_nanos, maximum_nanos }
}

/// A decimal as text, with all digits of its scale.
fn decimal(value: i128, scale: u32) -> String {
    let scale = scale as usize;
    let digits = format!("{:0>width$}", value.unsigned_abs(), width = scale + 1);
    let (whole, part) = digits.split_at(digits.len() - scale);
    let sign = if value < 0 { "-" } else { "" };
    if part.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{part}") }
}

#[cfg(test)]
mod tests;
