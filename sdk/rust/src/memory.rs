//! Comparison of bytes at the speed of the machine.
//!
//! The C library that comes with the target compares byte by byte, which shows up
//! at the top of every profile of an encoder (interning strings, statistics). These
//! take its place when a component is linked. Most of what is compared is as short
//! as a symbol, so up to sixteen bytes are compared without a loop, by two reads
//! that may overlap.

#![allow(unsafe_code, unreachable_pub)]

use core::ffi::{c_int, c_void};
use core::ptr::read_unaligned;

/// Eight bytes, the first in memory the most significant one.
///
/// # Safety
///
/// `at` points to eight readable bytes.
#[inline(always)]
unsafe fn word(at: *const u8) -> u64 {
    // SAFETY: the caller's promise.
    unsafe { read_unaligned(at.cast::<u64>()) }
}

/// Four bytes.
///
/// # Safety
///
/// `at` points to four readable bytes.
#[inline(always)]
unsafe fn half(at: *const u8) -> u32 {
    // SAFETY: the caller's promise.
    unsafe { read_unaligned(at.cast::<u32>()) }
}

/// The order of two words that differ, by the first byte that does.
#[inline(always)]
fn order(x: u64, y: u64) -> c_int {
    // The first byte in memory is the least significant one of a word.
    if x.swap_bytes() < y.swap_bytes() { -1 } else { 1 }
}

/// Compares as the C standard says: negative, zero or positive by the first byte
/// that differs.
///
/// # Safety
///
/// `a` and `b` point to `len` readable bytes each.
#[cfg_attr(target_arch = "wasm32", unsafe(no_mangle))]
pub unsafe extern "C" fn memcmp(a: *const c_void, b: *const c_void, len: usize) -> c_int {
    let (a, b) = (a.cast::<u8>(), b.cast::<u8>());
    // SAFETY: every read below is of bytes before `len`.
    unsafe {
        if len >= 8 {
            let last = len - 8;
            let mut i = 0;
            while i < last {
                let (x, y) = (word(a.add(i)), word(b.add(i)));
                if x != y {
                    return order(x, y);
                }
                i += 8;
            }
            let (x, y) = (word(a.add(last)), word(b.add(last)));
            return if x == y { 0 } else { order(x, y) };
        }
        if len >= 4 {
            let ends = |p: *const u8| (half(p).into(), half(p.add(len - 4)).into());
            let ((x, x_end), (y, y_end)): ((u64, u64), (u64, u64)) = (ends(a), ends(b));
            // As one word each, the first four bytes before the last four.
            let (x, y) = (x_end << 32 | x, y_end << 32 | y);
            return if x == y { 0 } else { order(x, y) };
        }
        let mut i = 0;
        while i < len {
            let (x, y) = (*a.add(i), *b.add(i));
            if x != y {
                return c_int::from(x) - c_int::from(y);
            }
            i += 1;
        }
    }
    0
}

/// Zero when equal.
///
/// # Safety
///
/// `a` and `b` point to `len` readable bytes each.
#[cfg_attr(target_arch = "wasm32", unsafe(no_mangle))]
pub unsafe extern "C" fn bcmp(a: *const c_void, b: *const c_void, len: usize) -> c_int {
    let (a, b) = (a.cast::<u8>(), b.cast::<u8>());
    // SAFETY: every read below is of bytes before `len`.
    let differ = unsafe {
        match len {
            0 => false,
            1 => *a != *b,
            2..=3 => {
                *a != *b || *a.add(len / 2) != *b.add(len / 2) || *a.add(len - 1) != *b.add(len - 1)
            }
            4..=8 => half(a) != half(b) || half(a.add(len - 4)) != half(b.add(len - 4)),
            9..=16 => word(a) != word(b) || word(a.add(len - 8)) != word(b.add(len - 8)),
            _ => memcmp(a.cast(), b.cast(), len) != 0,
        }
    };
    c_int::from(differ)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_agree_with_slices() {
        // Every length up to 40, and in each every place where the first difference is.
        for len in 0..40_usize {
            let a: Vec<u8> = (0..len as u8).map(|i| i.wrapping_mul(37)).collect();
            let compare = |b: &[u8]| {
                let (a, b): (*const c_void, *const c_void) = (a.as_ptr().cast(), b.as_ptr().cast());
                // SAFETY: both are `len` bytes long.
                unsafe { (memcmp(a, b, len).signum(), bcmp(a, b, len)) }
            };
            assert_eq!(compare(&a), (0, 0), "{len}");
            for at in 0..len {
                for change in [1, 0x80, 0xff] {
                    let mut b = a.clone();
                    b[at] = b[at].wrapping_add(change);
                    if let Some(after) = b.get_mut(at + 1) {
                        *after = after.wrapping_sub(change);
                    }
                    let expected = a.cmp(&b) as c_int;
                    assert_eq!(compare(&b), (expected, 1), "{len} bytes, from {at}");
                }
            }
        }
    }
}
