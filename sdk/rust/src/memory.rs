//! Comparison of bytes at the speed of the machine.
//!
//! The C library that comes with the target compares byte by byte, which shows up
//! at the top of every profile of an encoder (interning strings, statistics). These
//! take its place when a component is linked.

#![allow(unsafe_code, unreachable_pub)]

use core::ffi::{c_int, c_void};
use core::ptr::read_unaligned;

/// Compares as the C standard says: negative, zero or positive by the first byte
/// that differs.
///
/// # Safety
///
/// `a` and `b` point to `len` readable bytes each.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memcmp(a: *const c_void, b: *const c_void, len: usize) -> c_int {
    let (a, b) = (a.cast::<u8>(), b.cast::<u8>());
    let mut i = 0;
    // SAFETY: every read below is of bytes before `len`.
    unsafe {
        while i + 8 <= len {
            let x = read_unaligned(a.add(i).cast::<u64>());
            let y = read_unaligned(b.add(i).cast::<u64>());
            if x != y {
                // The first byte in memory is the most significant one here.
                return if x.swap_bytes() < y.swap_bytes() { -1 } else { 1 };
            }
            i += 8;
        }
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
/// As for [`memcmp`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bcmp(a: *const c_void, b: *const c_void, len: usize) -> c_int {
    // SAFETY: the caller's promise is the same.
    unsafe { memcmp(a, b, len) }
}
