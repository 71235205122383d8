//! Memory for what comes out of guests, used again and again.
//!
//! Fresh memory is what costs in the crossing: above malloc's threshold every
//! buffer is mapped and faulted anew, ten times slower than the copy itself. So
//! buffers return here when the last Arrow array over them is dropped, wherever
//! that happens.

use std::sync::{Arc, Mutex};

use bytes::Bytes;

/// Smaller buffers are left to malloc, which keeps such blocks itself.
const SMALLEST: u32 = 15;
/// The largest class; larger buffers are rare and not kept.
const LARGEST: u32 = 26;
const CLASSES: usize = (LARGEST - SMALLEST + 1) as usize;

/// Idle memory that is kept at most, in bytes.
const KEEP: usize = 96 << 20;

/// Buffers by size class (powers of two).
#[derive(Debug, Default)]
pub(crate) struct Recycler {
    idle: Mutex<Idle>,
}

#[derive(Debug, Default)]
struct Idle {
    bytes: usize,
    classes: [Vec<Vec<u8>>; CLASSES],
}

/// The class that holds `len` bytes.
fn class(len: usize) -> Option<usize> {
    let bits = len.max(1).next_power_of_two().trailing_zeros();
    (SMALLEST..=LARGEST).contains(&bits).then(|| (bits - SMALLEST) as usize)
}

impl Recycler {
    /// An empty vector with room for `len` bytes.
    pub(crate) fn take(&self, len: usize) -> Vec<u8> {
        let Some(class) = class(len) else { return Vec::with_capacity(len) };
        if let Ok(mut idle) = self.idle.lock()
            && let Some(memory) = idle.classes[class].pop()
        {
            idle.bytes -= memory.capacity();
            return memory;
        }
        Vec::with_capacity(1 << (class as u32 + SMALLEST))
    }

    /// Takes memory back.
    fn give(&self, mut memory: Vec<u8>) {
        let capacity = memory.capacity();
        // Only what still has the exact size of its class.
        let Some(class) = class(capacity).filter(|_| capacity.is_power_of_two()) else { return };
        memory.clear();
        if let Ok(mut idle) = self.idle.lock()
            && idle.bytes + capacity <= KEEP
        {
            idle.bytes += capacity;
            idle.classes[class].push(memory);
        }
    }

    /// A copy in recycled memory.
    pub(crate) fn copy(self: &Arc<Self>, bytes: &[u8]) -> Bytes {
        if bytes.is_empty() {
            return Bytes::new();
        }
        let mut memory = self.take(bytes.len());
        memory.extend_from_slice(bytes);
        self.seal(memory)
    }

    /// Bytes whose memory returns here when nobody holds them any more.
    pub(crate) fn seal(self: &Arc<Self>, memory: Vec<u8>) -> Bytes {
        Bytes::from_owner(Recycled { memory, home: Arc::clone(self) })
    }
}

struct Recycled {
    memory: Vec<u8>,
    home: Arc<Recycler>,
}

impl AsRef<[u8]> for Recycled {
    fn as_ref(&self) -> &[u8] {
        &self.memory
    }
}

impl Drop for Recycled {
    fn drop(&mut self) {
        self.home.give(std::mem::take(&mut self.memory));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_comes_back_when_the_last_holder_lets_go() {
        let recycler = Arc::new(Recycler::default());
        let bytes = recycler.copy(&[7; 100_000]);
        let address = bytes.as_ptr();
        let half = bytes.slice(..50_000);
        drop(bytes);
        let other = recycler.take(100_000);
        assert_ne!(other.as_ptr(), address);
        drop(half);
        let again = recycler.take(90_000);
        assert_eq!(again.as_ptr(), address);
    }

    #[test]
    fn idle_memory_is_bounded() {
        let recycler = Arc::new(Recycler::default());
        let held: Vec<_> = (0..40).map(|_| recycler.copy(&[1; 4 << 20])).collect();
        drop(held);
        let idle = recycler.idle.lock().expect("lock");
        assert!(idle.bytes <= KEEP && idle.bytes >= KEEP - (4 << 20));
    }
}
