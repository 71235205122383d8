//! What a SQL filter says about time and key.
//!
//! Both answers are bounds, never more: the rows they leave out cannot match,
//! those they keep are filtered again. The filters arrive as conjuncts, after
//! type coercion, so a literal has the type of the column it is compared with.

use datafusion::common::ScalarValue;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};
use tidelake_core::time::{Micros, TimeRange};
use tidelake_hot::KeyFilter;

/// A time range that holds every row that passes all filters.
pub(crate) fn time_range(filters: &[Expr], time: &str) -> TimeRange {
    filters.iter().fold(TimeRange::ALL, |range, filter| range.intersect(&bound(filter, time)))
}

fn bound(filter: &Expr, time: &str) -> TimeRange {
    match filter {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => {
            bound(left, time).intersect(&bound(right, time))
        }
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => {
            let (left, right) = (bound(left, time), bound(right, time));
            TimeRange::new(left.start.min(right.start), left.end.max(right.end))
        }
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
            let compared = match (left.as_ref(), right.as_ref()) {
                (Expr::Column(c), Expr::Literal(value, _)) if c.name == time => Some((*op, value)),
                (Expr::Literal(value, _), Expr::Column(c)) if c.name == time => {
                    op.swap().map(|op| (op, value))
                }
                _ => None,
            };
            compared
                .and_then(|(op, value)| Some((op, micros(value)?)))
                .map_or(TimeRange::ALL, |(op, span)| compare(op, span))
        }
        Expr::Between(between) if !between.negated => {
            match (between.expr.as_ref(), between.low.as_ref(), between.high.as_ref()) {
                (Expr::Column(c), Expr::Literal(low, _), Expr::Literal(high, _))
                    if c.name == time =>
                {
                    let at_least = micros(low).map(|s| compare(Operator::GtEq, s));
                    let at_most = micros(high).map(|s| compare(Operator::LtEq, s));
                    at_least.unwrap_or(TimeRange::ALL).intersect(&at_most.unwrap_or(TimeRange::ALL))
                }
                _ => TimeRange::ALL,
            }
        }
        _ => TimeRange::ALL,
    }
}

/// The microseconds that a literal touches: its floor, and the first one after it.
struct Span {
    floor: i64,
    next: i64,
    /// Whether the literal is exactly its floor.
    whole: bool,
}

/// A row's time is floored to microseconds, so `ts < x` leaves the microsecond
/// of `x` in unless `x` is exactly that microsecond.
fn compare(op: Operator, span: Span) -> TimeRange {
    let (floor, next) = (Micros(span.floor), Micros(span.next));
    match op {
        Operator::Eq => TimeRange::new(floor, next),
        Operator::Gt | Operator::GtEq => TimeRange::from(floor),
        Operator::Lt if span.whole => TimeRange::before(floor),
        Operator::Lt | Operator::LtEq => TimeRange::before(next),
        _ => TimeRange::ALL,
    }
}

fn micros(value: &ScalarValue) -> Option<Span> {
    let whole = |floor: i64| Span { floor, next: floor.saturating_add(1), whole: true };
    Some(match value {
        ScalarValue::TimestampSecond(Some(t), _) => whole(t.checked_mul(1_000_000)?),
        ScalarValue::TimestampMillisecond(Some(t), _) | ScalarValue::Date64(Some(t)) => {
            whole(t.checked_mul(1_000)?)
        }
        ScalarValue::TimestampMicrosecond(Some(t), _) => whole(*t),
        ScalarValue::TimestampNanosecond(Some(t), _) => {
            Span { whole: t.rem_euclid(1_000) == 0, ..whole(t.div_euclid(1_000)) }
        }
        ScalarValue::Date32(Some(d)) => whole(i64::from(*d).checked_mul(86_400_000_000)?),
        _ => return None,
    })
}

/// The values that a text column must have one of, when some filter says so.
/// Of several such columns the first of `keys` is taken.
pub(crate) fn key_filter(filters: &[Expr], keys: &[&str]) -> Option<KeyFilter> {
    keys.iter().find_map(|key| {
        let values =
            filters.iter().filter_map(|filter| chosen(filter, key)).reduce(|mut all, some| {
                all.retain(|value| some.contains(value));
                all
            })?;
        Some(KeyFilter { column: (*key).to_owned(), values })
    })
}

/// The values that `filter` allows for `key`; `None` when it says nothing.
fn chosen(filter: &Expr, key: &str) -> Option<Vec<String>> {
    match filter {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) => {
            match (left.as_ref(), right.as_ref()) {
                (Expr::Column(c), Expr::Literal(value, _))
                | (Expr::Literal(value, _), Expr::Column(c))
                    if c.name == key =>
                {
                    Some(vec![text(value)?])
                }
                _ => None,
            }
        }
        // The optimizer writes short IN lists as a chain of ORs.
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => {
            let (mut values, more) = (chosen(left, key)?, chosen(right, key)?);
            for value in more {
                if !values.contains(&value) {
                    values.push(value);
                }
            }
            Some(values)
        }
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => {
            match (chosen(left, key), chosen(right, key)) {
                (Some(left), Some(right)) => {
                    Some(left.into_iter().filter(|value| right.contains(value)).collect())
                }
                (one, other) => one.or(other),
            }
        }
        Expr::InList(list) if !list.negated => match list.expr.as_ref() {
            Expr::Column(c) if c.name == key => list
                .list
                .iter()
                .map(|item| match item {
                    Expr::Literal(value, _) => text(value),
                    _ => None,
                })
                .collect(),
            _ => None,
        },
        _ => None,
    }
}

fn text(value: &ScalarValue) -> Option<String> {
    value.try_as_str().flatten().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use datafusion::prelude::{col, lit};
    use proptest::prelude::*;

    use super::*;

    fn ns(t: i64) -> Expr {
        lit(ScalarValue::TimestampNanosecond(Some(t), None))
    }

    #[test]
    fn nanoseconds_round_outwards() {
        let range = |filter: Expr| time_range(&[filter], "ts");
        let t = Micros;
        assert_eq!(range(col("ts").lt(ns(5_000))), TimeRange::before(t(5)));
        assert_eq!(range(col("ts").lt(ns(5_001))), TimeRange::before(t(6)));
        assert_eq!(range(col("ts").lt_eq(ns(5_000))), TimeRange::before(t(6)));
        assert_eq!(range(col("ts").gt(ns(-1))), TimeRange::from(t(-1)));
        assert_eq!(range(col("ts").eq(ns(5_500))), TimeRange::new(t(5), t(6)));
        assert_eq!(range(ns(5_000).gt(col("ts"))), TimeRange::before(t(5)));
        assert_eq!(range(col("ts").between(ns(1_000), ns(2_000))), TimeRange::new(t(1), t(3)));
        assert_eq!(range(col("other").lt(ns(5_000))), TimeRange::ALL);
        assert_eq!(range(col("ts").not_eq(ns(5_000))), TimeRange::ALL);
    }

    #[test]
    fn keys_come_from_equality_and_lists() {
        let values = |filters: &[Expr]| key_filter(filters, &["s"]).map(|f| f.values);
        assert_eq!(values(&[col("s").eq(lit("a"))]), Some(vec!["a".into()]));
        let either = col("s").eq(lit("a")).or(col("s").eq(lit("b")));
        assert_eq!(values(std::slice::from_ref(&either)), Some(vec!["a".into(), "b".into()]));
        assert_eq!(values(&[either.clone(), col("s").eq(lit("b"))]), Some(vec!["b".into()]));
        assert_eq!(values(&[col("s").in_list(vec![lit("a")], false)]), Some(vec!["a".into()]));
        assert_eq!(values(&[col("s").in_list(vec![lit("a")], true)]), None);
        assert_eq!(values(&[either.or(col("x").eq(lit("c")))]), None);
        assert_eq!(values(&[col("s").eq(lit("a")), col("s").eq(lit("b"))]), Some(vec![]));
    }

    #[derive(Debug, Clone)]
    enum Node {
        Compare(Operator, i64),
        Both(Box<Node>, Box<Node>),
        Either(Box<Node>, Box<Node>),
    }

    impl Node {
        fn expr(&self) -> Expr {
            match self {
                Self::Compare(op, t) => {
                    Expr::BinaryExpr(BinaryExpr::new(Box::new(col("ts")), *op, Box::new(ns(*t))))
                }
                Self::Both(a, b) => a.expr().and(b.expr()),
                Self::Either(a, b) => a.expr().or(b.expr()),
            }
        }

        fn holds(&self, row: i64) -> bool {
            match self {
                Self::Compare(Operator::Lt, t) => row < *t,
                Self::Compare(Operator::LtEq, t) => row <= *t,
                Self::Compare(Operator::Gt, t) => row > *t,
                Self::Compare(Operator::GtEq, t) => row >= *t,
                Self::Compare(Operator::Eq, t) => row == *t,
                Self::Compare(_, t) => row != *t,
                Self::Both(a, b) => a.holds(row) && b.holds(row),
                Self::Either(a, b) => a.holds(row) || b.holds(row),
            }
        }
    }

    fn node() -> impl Strategy<Value = Node> {
        let operator = prop::sample::select(vec![
            Operator::Lt,
            Operator::LtEq,
            Operator::Gt,
            Operator::GtEq,
            Operator::Eq,
            Operator::NotEq,
        ]);
        let leaf = (operator, -5_000i64..5_000).prop_map(|(op, t)| Node::Compare(op, t));
        leaf.prop_recursive(3, 12, 2, |inner| {
            let pair = || (inner.clone(), inner.clone());
            prop_oneof![
                pair().prop_map(|(a, b)| Node::Both(a.into(), b.into())),
                pair().prop_map(|(a, b)| Node::Either(a.into(), b.into())),
            ]
        })
    }

    proptest! {
        #[test]
        fn no_matching_row_is_left_out(node in node(), row in -6_000i64..6_000) {
            let range = time_range(&[node.expr()], "ts");
            if node.holds(row) {
                prop_assert!(range.contains(Micros(row.div_euclid(1_000))), "{range} {node:?}");
            }
        }
    }
}
