use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type};
use arrow_array::{
    ArrayRef, BooleanArray, Decimal128Array, DictionaryArray, Float64Array, Int64Array, ListArray,
    RecordBatch, StringArray, StringViewArray, TimestampMicrosecondArray, UInt64Array,
};
use arrow_schema::{DataType, TimeUnit};

use crate::{Expr, types};

fn batch() -> RecordBatch {
    let decimals = Decimal128Array::from(vec![Some(110), None, Some(-5)]);
    let venue: DictionaryArray<Int32Type> =
        vec![Some("XNYS"), None, Some("XETR")].into_iter().collect();
    RecordBatch::try_from_iter([
        ("symbol", Arc::new(StringArray::from(vec![Some("a"), None, Some("c_ü")])) as ArrayRef),
        ("close", Arc::new(Float64Array::from(vec![Some(1.5), Some(f64::NAN), None]))),
        ("zero", Arc::new(Float64Array::from(vec![-0.0, 0.0, f64::INFINITY]))),
        ("volume", Arc::new(Int64Array::from(vec![Some(10), Some(20), None]))),
        ("big", Arc::new(UInt64Array::from(vec![1, 2, u64::MAX]))),
        ("fee", Arc::new(decimals.with_precision_and_scale(9, 2).unwrap())),
        ("venue", Arc::new(venue)),
        (
            "view",
            Arc::new(StringViewArray::from(vec![
                Some("a"),
                Some("longer than twelve bytes"),
                None,
            ])),
        ),
        (
            "ts",
            Arc::new(
                TimestampMicrosecondArray::from(vec![0, 86_400_000_000, 1]).with_timezone("UTC"),
            ),
        ),
        ("halted", Arc::new(BooleanArray::from(vec![Some(true), Some(false), None]))),
        (
            "levels",
            Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(vec![
                None::<Vec<Option<i32>>>;
                3
            ])),
        ),
    ])
    .unwrap()
}

fn parse(text: &str) -> tidelake_sdk::Result<Expr> {
    Expr::parse(text, &|name| batch().schema().index_of(name).ok())
}

fn holds_in(batch: &RecordBatch, text: &str) -> Vec<Option<bool>> {
    let expr = parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let mut column = |index: usize| Ok(batch.column(index).clone());
    let held = expr.condition(batch.num_rows(), &mut column);
    held.unwrap_or_else(|error| panic!("{text}: {error}")).iter().collect()
}

/// `t`, `f` and `n` for true, false and null, row by row.
fn holds(text: &str) -> String {
    let batch = batch();
    let letters = |held: Vec<Option<bool>>| -> String {
        held.iter().map(|v| v.map_or('n', |v| if v { 't' } else { 'f' })).collect()
    };
    let whole = letters(holds_in(&batch, text));
    // A slice gives what the whole gave there, and no rows give none.
    assert_eq!(letters(holds_in(&batch.slice(1, 2), text)), whole[1..], "{text}");
    assert_eq!(letters(holds_in(&batch.slice(0, 0), text)), "", "{text}");
    whole
}

fn mistake(text: &str) -> String {
    let types = |index: usize| batch().schema().field(index).data_type().clone();
    match parse(text).and_then(|expr| expr.data_type(&types)) {
        Ok(data_type) => panic!("{text}: no mistake, but {data_type}"),
        Err(error) => error.message().to_owned(),
    }
}

#[test]
fn logic_is_that_of_sql() {
    // Every pair of true, false and null, as literals and as columns.
    let of = |c: char| match c {
        't' => "true",
        'f' => "false",
        _ => "null",
    };
    for (left, right, and, or) in [
        ('t', 't', 't', 't'),
        ('t', 'f', 'f', 't'),
        ('t', 'n', 'n', 't'),
        ('f', 'f', 'f', 'f'),
        ('f', 'n', 'f', 'n'),
        ('n', 'n', 'n', 'n'),
    ] {
        for (left, right) in [(left, right), (right, left)] {
            let (l, r) = (of(left), of(right));
            assert_eq!(holds(&format!("{l} and {r}")), and.to_string().repeat(3), "{l} {r}");
            assert_eq!(holds(&format!("{l} or {r}")), or.to_string().repeat(3), "{l} {r}");
        }
    }
    assert_eq!(holds("halted and null"), "nfn");
    assert_eq!(holds("null or halted"), "tnn");
    assert_eq!(holds("not halted"), "ftn");
    assert_eq!(holds("halted or not halted"), "ttn");
    assert_eq!(holds("not null"), "nnn");
}

#[test]
fn null_is_asked_for() {
    assert_eq!(holds("symbol is null"), "ftf");
    assert_eq!(holds("symbol IS NOT NULL and close is not null"), "tff");
    assert_eq!(holds("close = null"), "nnn");
    assert_eq!(holds("is_null(venue)"), "ftf");
    assert_eq!(holds("levels is null"), "ttt");
    assert_eq!(holds("null is null"), "ttt");
}

#[test]
fn floats_compare_as_numbers() {
    assert_eq!(holds("zero = 0"), "ttf");
    assert_eq!(holds("zero >= 0.0 and zero <= 0"), "ttf");
    assert_eq!(holds("zero < 0"), "fff");
    // NaN equals NaN and is greater than everything, however it was made.
    assert_eq!(holds("close = close"), "ttn");
    assert_eq!(holds("close > zero"), "ttn");
    assert_eq!(holds("zero / 0.0 = close"), "ftn");
    assert_eq!(holds("-(zero / 0.0) > 1e308"), "ttf");
    assert_eq!(holds("zero > 1e308"), "fft");
}

#[test]
fn lists_hold_values_of_any_kind() {
    assert_eq!(holds("volume in (1, 10)"), "tfn");
    assert_eq!(holds("volume not in (1, 10)"), "ftn");
    assert_eq!(holds("volume in (10, null)"), "tnn");
    assert_eq!(holds("volume not in (10, null)"), "fnn");
    assert_eq!(holds("symbol in (view, 'x')"), "tnn");
    assert_eq!(holds("venue in ('XETR')"), "fnt");
    // Long lists of literals are sets.
    let numbers = (0..=10).map(|n| n.to_string()).collect::<Vec<_>>().join(", ");
    assert_eq!(holds(&format!("volume in ({numbers})")), "tfn");
    assert_eq!(holds(&format!("volume in ({numbers}, null)")), "tnn");
    assert_eq!(holds(&format!("volume not in ({numbers})")), "ftn");
    assert_eq!(holds(&format!("3 in ({numbers})")), "ttt");
    assert_eq!(holds(&format!("close in ({numbers}, 1.5)")), "tfn");
    let texts = ('a'..='k').map(|c| format!("'{c}'")).collect::<Vec<_>>().join(", ");
    assert_eq!(holds(&format!("symbol in ({texts})")), "tnf");
}

#[test]
fn between_is_inclusive_and_binds_its_own_and() {
    assert_eq!(holds("volume between 10 and 19 or halted"), "tfn");
    assert_eq!(holds("volume between 5 + 5 and 20 and true"), "ttn");
    assert_eq!(holds("volume not between 1 and 10"), "ftn");
    assert_eq!(holds("volume between null and 15"), "nfn");
    assert_eq!(holds("fee between -0.05 and 1.1"), "tnt");
    assert_eq!(holds("ts between '1970-01-01' and '1970-01-01T12:00:00Z'"), "tft");
}

#[test]
fn patterns_match_texts_of_every_layout() {
    assert_eq!(holds("symbol like '_'"), "tnf");
    assert_eq!(holds("symbol like 'c\\_%'"), "fnt");
    assert_eq!(holds("symbol like '__ü'"), "fnt");
    assert_eq!(holds("symbol not like 'a%'"), "fnt");
    assert_eq!(holds("venue ilike 'x%s'"), "tnf");
    assert_eq!(holds("venue like 'x%'"), "fnf");
    assert_eq!(holds("view like '%twelve%'"), "ftn");
    assert_eq!(holds("symbol like null"), "nnn");
    assert_eq!(holds("'abc' like symbol"), "fnf");
}

#[test]
fn words_bind_from_or_to_minus() {
    assert_eq!(holds("not volume in (10) or volume + 1 > 20 and true"), "ftn");
    assert_eq!(holds("not (volume = 10) = false"), "tfn");
    assert_eq!(holds("2 + 3 * 2 = 8 and 10 - 2 - 3 = 5 and -2 * 3 = -6"), "ttt");
    assert_eq!(holds("volume / 4 = 2.5"), "tfn");
    assert_eq!(holds("if(halted, close, 0) = 1.5"), "tff");
    assert_eq!(holds("coalesce(symbol, venue, '?') = '?'"), "ftf");
}

#[test]
fn errors_say_where_and_what() {
    for (text, says) in [
        ("close >", "at character 8: a value expected, the end found"),
        ("close > )", "at character 9: a value expected, `)` found"),
        ("ü = 1", "at character 1: there is no column `ü`"),
        ("'ü' = nope", "at character 7: there is no column `nope`"),
        ("uper(symbol) = 'A'", "at character 1: there is no function `uper`"),
        ("true and if(halted, 1)", "at character 10: `if` takes 3 arguments, not 2"),
        ("symbol = 'open", "at character 10: the ' is not closed"),
        ("close 1", "at character 7: `1` was not expected"),
        ("close is 1", "at character 10: `null` expected, `1` found"),
        ("close in 1", "at character 10: `(` expected, `1` found"),
        ("close in ()", "at character 7: `in ()` names no value"),
        ("close not 1", "at character 11: `in`, `between`, `like` or `ilike` expected"),
        ("close between 1, 2", "at character 16: `and` expected, `,` found"),
        ("1 ? 2", "at character 3: `?` means nothing here"),
        ("1.2.3 > 1", "at character 1: `1.2.3` is not a number"),
        ("", "at character 1: a value expected"),
        (
            "symbol and true",
            "at character 8: a condition is expected here, not column `symbol` of type Utf8",
        ),
        (
            "not close",
            "at character 1: a condition is expected here, not column `close` of type Float64",
        ),
        (
            "1 < 2 and halted > 1",
            "at character 18: column `halted` of type Boolean and a value of type Int64 do not go together",
        ),
        (
            "close like 'a'",
            "at character 7: `like` compares texts; the left side is column `close` of type Float64",
        ),
        ("ts > 'yesterday'", "at character 4: \"yesterday\" cannot be cast to Timestamp"),
        (
            "abs(symbol) > 1",
            "at character 1: `abs` is not defined for column `symbol` of type Utf8",
        ),
        (
            "symbol + symbol = 'x'",
            "at character 8: `+` is not defined for column `symbol` of type Utf8",
        ),
        ("levels = levels", "at character 8: `=` is not defined for column `levels`"),
    ] {
        let found = mistake(text);
        assert!(found.contains(says), "{text}: {found}");
    }
    assert!(mistake(&"(".repeat(1000)).contains("nested more than 64 deep"));
    assert!(mistake(&vec!["true"; 500].join(" or ")).contains("a chain of more than 200"));
    assert!(parse(&vec!["true"; 150].join(" or ")).is_ok());
}

#[test]
fn a_value_that_does_not_fit_is_told_with_its_column() {
    let batch = batch();
    let error = |text: &str| {
        let mut column = |index: usize| Ok(batch.column(index).clone());
        parse(text).unwrap().condition(3, &mut column).unwrap_err().message().to_owned()
    };
    let says = "at character 1: column `big`: \"18446744073709551615\" cannot be cast to Int64";
    assert!(error("big > 1").contains(says), "{}", error("big > 1"));
    assert!(error("volume * 9223372036854775807 > 0").starts_with("at character 8: "));
    assert!(error("symbol > volume").contains("column `symbol`: \"a\" cannot be cast to Int64"));
}

#[test]
fn only_the_columns_that_are_named_are_asked_for() {
    let expr = parse("volume > 1 and (symbol like 'a%' or volume in (close, 2))").unwrap();
    assert_eq!(expr.columns(), [3, 0, 1]);
    assert!(parse("1 < 2").unwrap().columns().is_empty());
    let mut asked = Vec::new();
    let mut column = |index: usize| {
        asked.push(index);
        Ok(batch().column(index).clone())
    };
    expr.condition(3, &mut column).unwrap();
    asked.sort_unstable();
    asked.dedup();
    assert_eq!(asked, [0, 1, 3]);
}

#[test]
fn one_value_stands_for_all_rows() {
    let mut none = |_: usize| -> tidelake_sdk::Result<ArrayRef> { unreachable!() };
    let sum = parse("1 + 1.5").unwrap().evaluate(2, &mut none).unwrap();
    assert_eq!(sum.as_primitive::<Float64Type>().values(), &[2.5, 2.5]);
}

#[test]
fn types_have_names() {
    assert_eq!(types::parse("decimal(18, 6)"), Some(DataType::Decimal128(18, 6)));
    assert_eq!(types::parse("time(ms)"), Some(DataType::Time32(TimeUnit::Millisecond)));
    assert_eq!(
        types::parse("Timestamp(ns)"),
        Some(DataType::Timestamp(TimeUnit::Nanosecond, None))
    );
    // As in the schema of a table.
    let micros = DataType::Timestamp(TimeUnit::Microsecond, None);
    assert_eq!(types::parse("timestamp"), Some(micros));
    for wrong in ["decimal(40, 2)", "decimal(4, 6)", "timestamp()", "int64()", "time(us", ""] {
        assert_eq!(types::parse(wrong), None, "{wrong}");
    }
}
