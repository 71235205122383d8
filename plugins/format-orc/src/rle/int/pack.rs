//! Bits of values, one after the other, the most significant ones first.

/// Bits that a value needs.
pub(super) fn bits(value: u64) -> usize {
    (u64::BITS - value.leading_zeros()) as usize
}

/// The next width that there is: all up to 24, then some ("Integer Run Length Encoding,
/// version 2", the table of widths).
pub(super) fn widened(bits: usize) -> usize {
    match bits {
        0 => 1,
        1..=24 => bits,
        25..=32 => bits.next_multiple_of(2),
        _ => bits.next_multiple_of(8),
    }
}

/// How a header says a width.
pub(super) fn width_code(width: usize) -> u8 {
    let code = match width {
        0..=24 => width - 1,
        25..=32 => 24 + (width - 26) / 2,
        _ => 28 + (width - 40) / 8,
    };
    code as u8
}

/// Appends `count` values of `width` bits each; the last byte is filled with zeros.
pub(super) fn pack(
    values: impl Iterator<Item = u64>,
    count: usize,
    width: usize,
    out: &mut Vec<u8>,
) {
    out.reserve((count * width).div_ceil(8) + 8);
    match width {
        8 => out.extend(values.map(|value| value as u8)),
        16 => values.for_each(|value| out.extend_from_slice(&(value as u16).to_be_bytes())),
        32 => values.for_each(|value| out.extend_from_slice(&(value as u32).to_be_bytes())),
        64 => values.for_each(|value| out.extend_from_slice(&value.to_be_bytes())),
        33.. => values.for_each(|value| {
            out.extend_from_slice(&value.to_be_bytes()[8 - width / 8..]);
        }),
        _ => {
            // At most 31 bits wait, and at most 32 come.
            let (mut waiting, mut held) = (0_u64, 0);
            for value in values {
                waiting = waiting << width | value;
                held += width;
                if held >= 32 {
                    held -= 32;
                    out.extend_from_slice(&((waiting >> held) as u32).to_be_bytes());
                }
            }
            if held > 0 {
                let last = (waiting << (32 - held)) as u32;
                out.extend_from_slice(&last.to_be_bytes()[..held.div_ceil(8)]);
            }
        }
    }
}
