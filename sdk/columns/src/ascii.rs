//! Text that is sound without a look at its characters.

use arrow_buffer::{ArrowNativeType, Buffer};

/// Whether offsets ascend within the bytes and all of these are ASCII, so that every value
/// is sound text wherever it begins and ends. Where it is not so, nothing is said.
///
/// Arrow's validation looks for a character's border at every offset, row by row, which
/// costs more than all else that is done to a column which crosses.
pub(crate) fn is_plain<O: ArrowNativeType>(offsets: &Buffer, bytes: &[u8], len: usize) -> bool {
    let width = size_of::<O>();
    if offsets.as_ptr().align_offset(width) != 0 || offsets.len() / width <= len {
        return false;
    }
    let offsets = &offsets.typed_data::<O>()[..=len];
    // Without a branch, so that the compiler takes several at once.
    let ascend = offsets.windows(2).fold(true, |so_far, ends| so_far & (ends[0] <= ends[1]));
    let (Some(first), Some(last)) = (offsets[0].to_usize(), offsets[len].to_usize()) else {
        return false;
    };
    ascend && bytes.get(first..last).is_some_and(<[u8]>::is_ascii)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(offsets: &[i32], bytes: &str) -> bool {
        let buffer = Buffer::from_slice_ref(offsets);
        is_plain::<i32>(&buffer, bytes.as_bytes(), offsets.len().saturating_sub(1))
    }

    #[test]
    fn only_ascii_between_ascending_offsets_is() {
        assert!(plain(&[0, 2, 2, 3], "abc"));
        // What lies outside does not count.
        assert!(plain(&[2, 3], "éa") && plain(&[0, 1], "aé"));
        for (offsets, bytes) in [
            (&[0, 1, 2][..], "é"),
            (&[0, 4], "abc"),
            (&[0, 2, 1, 3], "abc"),
            (&[-1, 2], "abc"),
            (&[i32::MIN, 0], "abc"),
            (&[3, 0], "abc"),
            (&[0, i32::MAX], "abc"),
        ] {
            assert!(!plain(offsets, bytes), "{offsets:?} {bytes}");
        }
        let buffer = Buffer::from_slice_ref([0_i32, 1, 2, 3]);
        assert!(is_plain::<i32>(&buffer, b"abc", 3));
        assert!(!is_plain::<i32>(&buffer, b"abc", 4));
        assert!(!is_plain::<i32>(&buffer.slice(1), b"abc", 2));
        assert!(!is_plain::<i32>(&Buffer::from_slice_ref([0_i32; 0]), b"", 0));
    }
}
