//! Integers ("Integer Run Length Encoding, version 2").
//!
//! Values are cut into runs of up to 512, each in the shortest of these forms:
//!
//! | run | form |
//! |---|---|
//! | 3 to 10 equal values | SHORT_REPEAT: the value |
//! | equal values, equal steps | DELTA without bits: the first value, the step |
//! | only upwards or only downwards | DELTA: first value, first step, bits of the others |
//! | anything else | DIRECT: bits of each value |
//!
//! PATCHED_BASE, which spares the bits that a few outliers ask of all values, is not
//! written: it is the slowest one to look for, and compression takes most of what it
//! would.

mod pack;

use pack::{bits, pack, widened, width_code};

/// Most values of a run.
const LONGEST: usize = 512;
/// Equal values, or steps, that are worth a run of their own.
const WORTH: usize = 8;

/// Signed values, such as a column's own.
pub(crate) fn encode_signed(values: &[i64], out: &mut Vec<u8>) {
    encode::<true>(values, out);
}

/// Values that are never negative, such as lengths.
pub(crate) fn encode_unsigned(values: &[i64], out: &mut Vec<u8>) {
    encode::<false>(values, out);
}

fn encode<const SIGNED: bool>(mut values: &[i64], out: &mut Vec<u8>) {
    while !values.is_empty() {
        let run = steady(&values[..values.len().min(LONGEST)]);
        let len = if run >= WORTH || run == values.len() && run >= 3 {
            repeat::<SIGNED>(&values[..run], out);
            run
        } else {
            let len = mixed(values);
            mixture::<SIGNED>(&values[..len], out);
            len
        };
        values = &values[len..];
    }
}

/// How many values from the first one on have equal steps between them.
#[inline]
fn steady(values: &[i64]) -> usize {
    let [first, second, ..] = values else { return values.len() };
    let Some(step) = second.checked_sub(*first) else { return 1 };
    // Readers need not wrap around, so a run must not either.
    let unequal = values.windows(2).position(|pair| pair[0].checked_add(step) != Some(pair[1]));
    unequal.map_or(values.len(), |at| at + 1)
}

/// How many values there are before the next steady run that is worth it.
fn mixed(values: &[i64]) -> usize {
    let values = &values[..values.len().min(LONGEST)];
    let (mut run, mut step) = (1, 0_i64);
    for (at, pair) in values.windows(2).enumerate() {
        let next = pair[1].wrapping_sub(pair[0]);
        run = if next == step { run + 1 } else { 2 };
        step = next;
        // The first value of the run is at `at + 2 - run`.
        if run > WORTH && at + 2 > run {
            return at + 2 - run;
        }
    }
    values.len()
}

/// A run of equal values or steps.
fn repeat<const SIGNED: bool>(values: &[i64], out: &mut Vec<u8>) {
    let first = values[0];
    let step = values[1].wrapping_sub(first);
    if step == 0 && values.len() <= 10 {
        let word = word::<SIGNED>(first);
        let bytes = bits(word).div_ceil(8).max(1);
        // Two bits 00, three of the bytes less one, three of the values less three.
        out.push(((bytes - 1) << 3) as u8 | (values.len() - 3) as u8);
        out.extend_from_slice(&word.to_be_bytes()[8 - bytes..]);
        return;
    }
    header(3, 0, values.len(), out);
    varint(u128::from(word::<SIGNED>(first)), out);
    varint(u128::from(zigzag(step)), out);
}

/// A run of which nothing is known.
fn mixture<const SIGNED: bool>(values: &[i64], out: &mut Vec<u8>) {
    let all = values.iter().fold(0, |all, value| all | word::<SIGNED>(*value));
    let width = widened(bits(all));
    // The sign of the first step says which way all go, and readers differ in what zero
    // says: values that are equal to the first one come before the run.
    let equal = values.iter().take_while(|value| **value == values[0]).count();
    let (before, run) = values.split_at(equal - 1);
    if let Some((first_step, widest)) = steps(run) {
        // A width of one bit would read as none.
        let step_width = widened(bits(widest).max(2));
        let size = step_width * (run.len() - 2)
            + 8 * (varint_bytes(word::<SIGNED>(run[0])) + varint_bytes(zigzag(first_step)));
        if size < width * run.len() {
            match before.len() {
                0 => {}
                1 | 2 => direct::<SIGNED>(before, widened(bits(word::<SIGNED>(run[0]))), out),
                _ => repeat::<SIGNED>(before, out),
            }
            header(3, width_code(step_width), run.len(), out);
            varint(u128::from(word::<SIGNED>(run[0])), out);
            varint(u128::from(zigzag(first_step)), out);
            let steps = run[1..].windows(2).map(|pair| pair[1].abs_diff(pair[0]));
            pack(steps, run.len() - 2, step_width, out);
            return;
        }
    }
    direct::<SIGNED>(values, width, out);
}

/// Values of a width.
fn direct<const SIGNED: bool>(values: &[i64], width: usize, out: &mut Vec<u8>) {
    header(1, width_code(width), values.len(), out);
    pack(values.iter().map(|value| word::<SIGNED>(*value)), values.len(), width, out);
}

/// The first step, which is not zero, and the bits of all others, if all go the same way.
fn steps(values: &[i64]) -> Option<(i64, u64)> {
    if values.len() < 3 {
        return None;
    }
    let first = values[1].checked_sub(values[0])?;
    // Without branches: no order, no early end.
    let (up, down, widest) =
        values[1..].windows(2).fold((true, true, 0_u64), |(up, down, widest), pair| {
            let step = pair[1].abs_diff(pair[0]);
            (up & (pair[1] >= pair[0]), down & (pair[1] <= pair[0]), widest | step)
        });
    let one_way = if first < 0 { down } else { up };
    (one_way && widest <= i64::MAX as u64).then_some((first, widest))
}

/// Two bits of the form, five of the width, nine of the values less one.
fn header(form: u8, width: u8, len: usize, out: &mut Vec<u8>) {
    let len = len - 1;
    out.extend_from_slice(&[form << 6 | width << 1 | (len >> 8) as u8, len as u8]);
}

#[inline(always)]
fn word<const SIGNED: bool>(value: i64) -> u64 {
    if SIGNED { zigzag(value) } else { value as u64 }
}

/// Small numbers of either sign as small numbers.
#[inline(always)]
pub(crate) fn zigzag(value: i64) -> u64 {
    (value << 1 ^ value >> 63) as u64
}

/// Appends seven bits a byte, the least significant ones first.
pub(crate) fn varint(mut value: u128, out: &mut Vec<u8>) {
    while value > u128::from(u64::MAX) {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    // Nearly all are short, and a guest shifts words faster than pairs of them.
    let mut value = value as u64;
    while value > 0x7f {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn varint_bytes(value: u64) -> usize {
    bits(value).div_ceil(7).max(1)
}

#[cfg(test)]
mod tests;
