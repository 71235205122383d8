//! The bytes of a file that is never changed, without a copy of them.
//!
//! To check compiled code for damage means to look at all of it; copying it first takes
//! longer than looking.

// A file is mapped here to be read, and unmapped.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::ops::Deref;
use std::os::fd::AsRawFd;
use std::ptr::{self, NonNull};

/// A file of at least one byte, mapped.
pub(super) struct Mapped {
    base: NonNull<u8>,
    length: usize,
}

impl Mapped {
    /// # Safety
    ///
    /// Nobody may change the file or cut it short while it is mapped.
    pub(super) unsafe fn new(file: &File) -> io::Result<Self> {
        let length = usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?;
        // Linux brings all of it at once, others as it is looked at.
        #[cfg(target_os = "linux")]
        let flags = libc::MAP_SHARED | libc::MAP_POPULATE;
        #[cfg(not(target_os = "linux"))]
        let flags = libc::MAP_SHARED;
        // SAFETY: a mapping at an address of the kernel's choice touches no memory that exists.
        let base = unsafe {
            libc::mmap(ptr::null_mut(), length, libc::PROT_READ, flags, file.as_raw_fd(), 0)
        };
        match NonNull::new(base.cast::<u8>()) {
            Some(base) if base.as_ptr().cast() != libc::MAP_FAILED => Ok(Self { base, length }),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

impl Deref for Mapped {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: so many bytes are mapped, readable, until this is dropped; that they stay
        // what they are was promised.
        unsafe { std::slice::from_raw_parts(self.base.as_ptr(), self.length) }
    }
}

impl Drop for Mapped {
    fn drop(&mut self) {
        // SAFETY: the mapping is this one's, and nothing borrows from it any more.
        let gone = unsafe { libc::munmap(self.base.as_ptr().cast(), self.length) };
        debug_assert_eq!(gone, 0, "{}", io::Error::last_os_error());
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn the_bytes_are_those_of_the_file() {
        let mut file = tempfile::tempfile().expect("file");
        // SAFETY: nobody else knows the file, and it is empty.
        assert!(unsafe { Mapped::new(&file) }.is_err(), "nothing to map");
        let bytes: Vec<u8> = (0..100_000).map(|i: u32| i as u8).collect();
        file.write_all(&bytes).expect("written");
        // SAFETY: as above; nothing is written to it from here on.
        assert_eq!(*unsafe { Mapped::new(&file) }.expect("mapped"), bytes[..]);
    }
}
