//! Runs and packed bits: how Parquet writes small integers.
//!
//! The hybrid of the format's `Encodings.md`: a sequence of parts, each of which is one
//! value repeated, or groups of eight values of `width` bits each. Dictionary codes and
//! levels are written so.

/// The fewest equal values that are written as a run.
const RUN: usize = 8;

/// Appends `values`, all of which fit into `width` bits (at most 32).
///
/// Values after the last one, up to a whole group, are zeros.
pub(crate) fn encode(values: &[u32], width: u32, out: &mut Vec<u8>) {
    let (mut packed, mut at) = (0, 0);
    while let Some(group) = values[at..].first_chunk::<RUN>() {
        // Without a branch for each.
        let differ = group.iter().fold(0, |differ, value| differ | (value ^ group[0]));
        if differ != 0 {
            at += RUN;
            continue;
        }
        let end = at + RUN + equal_to(group[0], &values[at + RUN..]);
        pack(&values[packed..at], width, out);
        repeat(group[0], end - at, width, out);
        (packed, at) = (end, end);
    }
    pack(&values[packed..], width, out);
}

/// Appends one value, `count` times.
pub(crate) fn repeat(value: u32, count: usize, width: u32, out: &mut Vec<u8>) {
    varint((count as u64) << 1, out);
    out.extend(value.to_le_bytes().into_iter().take(width.div_ceil(8) as usize));
}

/// How many values from the first on are equal to `value`.
fn equal_to(value: u32, values: &[u32]) -> usize {
    let (chunks, _) = values.as_chunks::<RUN>();
    let whole = chunks.iter().take_while(|chunk| **chunk == [value; RUN]).count() * RUN;
    whole + values[whole..].iter().take_while(|other| **other == value).count()
}

fn pack(values: &[u32], width: u32, out: &mut Vec<u8>) {
    if values.is_empty() {
        return;
    }
    let groups = values.len().div_ceil(RUN);
    varint((groups as u64) << 1 | 1, out);
    let start = out.len();
    // Each group is written with words that reach beyond its end, into the next one.
    out.resize(start + groups * width as usize + 2 * size_of::<u128>(), 0);
    let mut place = start;
    let (whole, rest) = values.as_chunks::<RUN>();
    let mut last = [0; RUN];
    last[..rest.len()].copy_from_slice(rest);
    for group in whole.iter().chain((!rest.is_empty()).then_some(&last)) {
        pack_group(group, width, &mut out[place..]);
        place += width as usize;
    }
    out.truncate(start + groups * width as usize);
}

/// Writes eight values of `width` bits each, and zeros after them.
#[inline(always)]
fn pack_group(group: &[u32; RUN], width: u32, out: &mut [u8]) {
    if width <= 8 {
        let word = group.iter().rev().fold(0, |word, value| word << width | u64::from(*value));
        if let Some(place) = out.first_chunk_mut() {
            *place = word.to_le_bytes();
        }
        return;
    }
    let [low, high] = [&group[..4], &group[4..]]
        .map(|half| half.iter().rev().fold(0, |word, value| word << width | u128::from(*value)));
    // Half a group ends inside a byte when the width is odd.
    let middle = (4 * width / 8) as usize;
    if let Some(place) = out.first_chunk_mut() {
        *place = low.to_le_bytes();
    }
    if width.is_multiple_of(2) {
        if let Some(place) = out[middle..].first_chunk_mut() {
            *place = high.to_le_bytes();
        }
        return;
    }
    let shared = (low >> (8 * middle)) as u8;
    if let Some(place) = out[middle..].first_chunk_mut() {
        *place = (high << 4 | u128::from(shared)).to_le_bytes();
    }
}

fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value > 0x7f {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests {
    use parquet::encodings::rle::RleDecoder;
    use proptest::prelude::*;

    use super::*;

    /// Runs and mixtures of values of so many bits.
    fn values() -> impl Strategy<Value = (u32, Vec<u32>)> {
        (0_u32..=32).prop_flat_map(|width| {
            let most = u32::try_from((1_u64 << width) - 1).unwrap();
            let part = prop_oneof![
                (0..=most, 1_usize..40).prop_map(|(value, count)| vec![value; count]),
                prop::collection::vec(0..=most, 0..40),
                prop::collection::vec(0..=most.min(1), 0..40),
            ];
            (Just(width), prop::collection::vec(part, 0..12).prop_map(|parts| parts.concat()))
        })
    }

    proptest! {
        #[test]
        fn the_library_reads_them_back((width, values) in values()) {
            let mut bytes = Vec::new();
            encode(&values, width, &mut bytes);
            let mut decoder = RleDecoder::new(width as u8);
            decoder.set_data(bytes.into()).unwrap();
            let mut back = vec![0_u64; values.len()];
            prop_assert_eq!(decoder.get_batch(&mut back).unwrap(), values.len());
            prop_assert!(back.iter().eq(values.iter().map(|v| u64::from(*v)).collect::<Vec<_>>().iter()));
        }
    }

    #[test]
    fn a_long_run_is_a_few_bytes() {
        let mut bytes = Vec::new();
        encode(&[vec![1, 2, 3], vec![7; 1_000_000]].concat(), 3, &mut bytes);
        assert!(bytes.len() < 16, "{bytes:?}");
    }
}
