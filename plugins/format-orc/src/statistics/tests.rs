use super::*;

#[test]
fn decimals_have_the_digits_of_their_scale() {
    assert_eq!(decimal(-5, 2), "-0.05");
    assert_eq!(decimal(12345, 2), "123.45");
    assert_eq!(decimal(7, 0), "7");
    assert_eq!(decimal(0, 3), "0.000");
}

#[test]
fn a_nan_leaves_neither_range_nor_sum() {
    let mut doubles = Doubles::NONE;
    doubles.add([1.0, 2.0].into_iter());
    let sound = Statistics::new(Values::Double(doubles)).to_proto().double_statistics.unwrap();
    assert_eq!((sound.minimum, sound.maximum, sound.sum), (Some(1.0), Some(2.0), Some(3.0)));
    doubles.add([f64::NAN, 5.0].into_iter());
    let odd = Statistics::new(Values::Double(doubles)).to_proto().double_statistics.unwrap();
    assert_eq!((odd.minimum, odd.maximum, odd.sum), (None, None, None));
}

#[test]
fn a_sum_that_does_not_fit_is_left_out() {
    let mut all = Statistics::new(Values::Integer(Some((1, i64::MAX)), Some(i64::MAX)));
    all.merge(&Statistics::new(Values::Integer(Some((-4, 1)), Some(1))));
    all.merge(&Statistics::new(Values::Integer(None, Some(0))));
    let proto = all.to_proto().int_statistics.unwrap();
    assert_eq!((proto.minimum, proto.maximum, proto.sum), (Some(-4), Some(i64::MAX), None));
}

#[test]
fn timestamps_keep_their_nanoseconds() {
    let range = Some(((-1, 999_000_001), (1, 2)));
    let proto = Statistics::new(Values::Timestamp(range)).to_proto().timestamp_statistics.unwrap();
    assert_eq!((proto.minimum_utc, proto.minimum_nanos), (Some(-1), Some(2)));
    assert_eq!((proto.maximum_utc, proto.maximum_nanos), (Some(1000), Some(3)));
}
