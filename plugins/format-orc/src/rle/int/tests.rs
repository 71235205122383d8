use proptest::prelude::*;

use super::*;

fn signed(values: &[i64]) -> Vec<u8> {
    let mut out = Vec::new();
    encode_signed(values, &mut out);
    out
}

fn unsigned(values: &[i64]) -> Vec<u8> {
    let mut out = Vec::new();
    encode_unsigned(values, &mut out);
    out
}

/// The specification read the other way.
fn decoded(mut bytes: &[u8], signed: bool) -> Vec<i64> {
    fn take_varint(bytes: &mut &[u8]) -> u64 {
        let (mut value, mut shift) = (0, 0);
        loop {
            let byte = bytes[0];
            *bytes = &bytes[1..];
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return value;
            }
            shift += 7;
        }
    }
    let unzigzag = |word: u64| (word >> 1) as i64 ^ -((word & 1) as i64);
    let value = |word: u64| if signed { unzigzag(word) } else { word as i64 };
    let unpack = |bytes: &mut &[u8], width: usize, count: usize| -> Vec<u64> {
        let bit = |at: usize| u64::from(bytes[at / 8] >> (7 - at % 8) & 1);
        let words = (0..count)
            .map(|i| (0..width).fold(0, |word, b| word << 1 | bit(i * width + b)))
            .collect();
        *bytes = &bytes[(width * count).div_ceil(8)..];
        words
    };
    const WIDTHS: [usize; 8] = [26, 28, 30, 32, 40, 48, 56, 64];
    let mut out: Vec<i64> = Vec::new();
    while !bytes.is_empty() {
        let head = bytes[0];
        if head >> 6 == 0 {
            let width = usize::from(head >> 3 & 7) + 1;
            let word = bytes[1..=width].iter().fold(0, |word, byte| word << 8 | u64::from(*byte));
            out.extend(std::iter::repeat_n(value(word), usize::from(head & 7) + 3));
            bytes = &bytes[1 + width..];
            continue;
        }
        let code = usize::from(head >> 1 & 31);
        let width = if code < 24 { code + 1 } else { WIDTHS[code - 24] };
        let len = (usize::from(head & 1) << 8 | usize::from(bytes[1])) + 1;
        bytes = &bytes[2..];
        match head >> 6 {
            1 => out.extend(unpack(&mut bytes, width, len).into_iter().map(value)),
            3 => {
                let first = value(take_varint(&mut bytes));
                let step = unzigzag(take_varint(&mut bytes));
                // Zero says nothing of the steps that follow.
                assert!(step != 0 || code == 0);
                let mut last = first + step;
                out.extend([first, last]);
                let steps = if code == 0 {
                    vec![step.unsigned_abs(); len - 2]
                } else {
                    unpack(&mut bytes, width, len - 2)
                };
                for next in steps {
                    last = if step < 0 { last - next as i64 } else { last + next as i64 };
                    out.push(last);
                }
            }
            form => panic!("form {form}"),
        }
    }
    out
}

#[test]
fn as_in_the_specification() {
    assert_eq!(unsigned(&[10000; 5]), [0x0a, 0x27, 0x10]);
    assert_eq!(
        unsigned(&[23713, 43806, 57005, 48879]),
        [0x5e, 0x03, 0x5c, 0xa1, 0xab, 0x1e, 0xde, 0xad, 0xbe, 0xef]
    );
    // Four bits a step there, three here.
    let primes = [2, 3, 5, 7, 11, 13, 17, 19, 23, 29];
    assert_eq!(decoded(&[0xc6, 0x09, 0x02, 0x02, 0x22, 0x42, 0x42, 0x46], false), primes);
    assert_eq!(unsigned(&primes), [0xc4, 0x09, 0x02, 0x02, 0x4a, 0x28, 0xa6]);
}

#[test]
fn each_form_is_chosen_where_it_is_short() {
    assert_eq!(signed(&(0..512).collect::<Vec<_>>()).len(), 4);
    assert_eq!(signed(&[7; 512]).len(), 4);
    assert_eq!(signed(&[-1; 4]).len(), 2);
    // Timestamps at uneven steps: their steps alone.
    let uneven: Vec<i64> = (0..512).map(|i| 1_700_000_000_000 + i * 100 + i * i % 7).collect();
    assert!(signed(&uneven).len() < 512);
    // Upwards, after some that are equal.
    for equal in 1..8 {
        let upwards: Vec<i64> = (0..500).map(|i| (1 << 40) + (i - equal).max(0) / 2).collect();
        assert!(signed(&upwards).len() < 160, "{}", signed(&upwards).len());
        assert_eq!(decoded(&signed(&upwards), true), upwards);
    }
    // A long repeat amid of others.
    let mut amid: Vec<i64> = (0..100).map(|i| i * i * 31 % 97).collect();
    amid.extend([5; 300]);
    amid.extend((0..100).map(|i| i * i * 37 % 97));
    assert!(signed(&amid).len() < 220, "{}", signed(&amid).len());
}

fn column() -> impl Strategy<Value = Vec<i64>> {
    let run = (any::<i64>(), 0u32..64, -3i64..4, 0usize..40, 0u8..4);
    prop::collection::vec(run, 0..60).prop_map(|runs| {
        let mut values = Vec::new();
        for (value, shift, step, len, what) in runs {
            let value = value >> shift;
            for i in 0..len as i64 {
                values.push(match what {
                    0 => value,
                    1 => value.wrapping_add(i * step),
                    2 => value.wrapping_add(i * i * step),
                    _ => value ^ ((i * 0x5851_f42d) >> (shift / 2)),
                });
            }
        }
        values
    })
}

proptest! {
    #[test]
    fn signed_values_come_back(values in column()) {
        prop_assert_eq!(decoded(&signed(&values), true), values);
    }

    #[test]
    fn unsigned_values_come_back(values in column()) {
        let values: Vec<i64> = values.into_iter().map(|value| value & i64::MAX).collect();
        prop_assert_eq!(decoded(&unsigned(&values), false), values);
    }
}

#[test]
fn extremes_come_back() {
    let values = [i64::MIN, i64::MAX, 0, i64::MIN, i64::MIN + 1, -1, i64::MAX, i64::MAX - 1, 1];
    assert_eq!(decoded(&signed(&values), true), values);
    let outwards: Vec<i64> =
        (0..40).map(|i| if i % 2 == 0 { i64::MIN } else { i64::MAX }).collect();
    assert_eq!(decoded(&signed(&outwards), true), outwards);
}
