//! The bytes of a file that a guest is writing.

use std::sync::Arc;

use bytes::Bytes;

use super::recycle::Recycler;

/// Small writes are gathered up to this many bytes.
const GATHER: usize = 256 << 10;

/// Bytes written and not yet drained to the sink.
#[derive(Debug)]
pub(crate) struct FileQueue {
    recycler: Arc<Recycler>,
    cap: u64,
    queue: Vec<Bytes>,
    tail: Vec<u8>,
    queued: u64,
    position: u64,
    refused: bool,
}

impl FileQueue {
    pub(crate) fn new(recycler: Arc<Recycler>, cap: u64) -> Self {
        Self {
            recycler,
            cap,
            queue: Vec::new(),
            tail: Vec::new(),
            queued: 0,
            position: 0,
            refused: false,
        }
    }

    /// Starts another file.
    pub(crate) fn reset(&mut self) {
        self.queue.clear();
        self.tail.clear();
        self.queued = 0;
        self.position = 0;
        self.refused = false;
    }

    /// Appends a copy; `false` when that would exceed the cap.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> bool {
        let len = bytes.len() as u64;
        if self.queued.saturating_add(len) > self.cap {
            self.refused = true;
            return false;
        }
        self.queued += len;
        self.position += len;
        if !self.tail.is_empty() && self.tail.len() + bytes.len() > GATHER {
            self.flush();
        }
        if bytes.len() >= GATHER / 4 && self.tail.is_empty() {
            self.queue.push(self.recycler.copy(bytes));
            return true;
        }
        if self.tail.capacity() == 0 {
            self.tail = self.recycler.take(GATHER);
        }
        self.tail.extend_from_slice(bytes);
        true
    }

    /// Leaves a hole, which is found when it is drained.
    pub(crate) fn refuse(&mut self) {
        self.refused = true;
    }

    /// Bytes of the file so far.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// What has been written since the last time; `None` when some was refused,
    /// which leaves a hole in the file whatever the guest makes of it.
    pub(crate) fn drain(&mut self) -> Option<Vec<Bytes>> {
        self.flush();
        self.queued = 0;
        let queue = std::mem::take(&mut self.queue);
        (!self.refused).then_some(queue)
    }

    fn flush(&mut self) {
        if !self.tail.is_empty() {
            let tail = std::mem::take(&mut self.tail);
            self.queue.push(self.recycler.seal(tail));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_out_in_the_order_they_went_in() {
        let mut file = FileQueue::new(Arc::default(), 10 << 20);
        let mut expected = Vec::new();
        for (i, len) in
            [1, 300_000, 7, 100_000, 0, 64 << 10, 250_000, 250_000].into_iter().enumerate()
        {
            let bytes = vec![i as u8; len];
            assert!(file.write(&bytes));
            expected.extend(bytes);
        }
        assert_eq!(file.position(), expected.len() as u64);
        assert_eq!(file.drain().expect("whole").concat(), expected);
        assert!(file.drain().expect("whole").is_empty());
    }

    #[test]
    fn the_cap_counts_what_is_queued() {
        let mut file = FileQueue::new(Arc::default(), 100);
        assert!(file.write(&[0; 100]));
        assert!(file.drain().is_some());
        assert!(file.write(&[0; 100]));
        assert_eq!(file.position(), 200);
        assert!(!file.write(&[0; 1]));
        assert!(file.drain().is_none());
    }
}
