//! What one instance may allocate.

use wasmtime::{ResourceLimiter, Result};

/// Elements of all tables of an instance; a large Rust plugin has some 10,000
/// functions in its table.
const TABLE: usize = 1 << 18;
/// Instances of core modules.
const INSTANCES: usize = 64;
/// Linear memories.
const MEMORIES: usize = 8;

/// The memory cap of an instance, and how near it has come.
#[derive(Debug)]
pub(crate) struct Limits {
    cap: u64,
    used: u64,
    denied: bool,
    tables_denied: bool,
    marker: Option<usize>,
}

impl Limits {
    /// Memories with this maximum are the host's, and not counted.
    pub(crate) fn new(cap: u64, marker: Option<usize>) -> Self {
        Self { cap, used: 0, denied: false, tables_denied: false, marker }
    }

    /// The cap in bytes.
    pub(crate) fn cap(&self) -> u64 {
        self.cap
    }

    /// Bytes of linear memory. They only ever grow.
    pub(crate) fn used(&self) -> u64 {
        self.used
    }

    /// Whether memory was asked for beyond the cap since [`Limits::reset`].
    pub(crate) fn denied(&self) -> bool {
        self.denied
    }

    /// Elements of tables that were asked for beyond [`TABLE`] since
    /// [`Limits::reset`]: how many are possible.
    pub(crate) fn tables_denied(&self) -> Option<usize> {
        self.tables_denied.then_some(TABLE)
    }

    /// A new call begins.
    pub(crate) fn reset(&mut self) {
        (self.denied, self.tables_denied) = (false, false);
    }
}

impl ResourceLimiter for Limits {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> Result<bool> {
        if maximum.is_some() && maximum == self.marker {
            return Ok(true);
        }
        let grown = desired.saturating_sub(current) as u64;
        let allowed = self.used.saturating_add(grown) <= self.cap
            && maximum.is_none_or(|maximum| desired <= maximum);
        if allowed {
            self.used += grown;
        } else {
            self.denied = true;
        }
        Ok(allowed)
    }

    fn table_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> Result<bool> {
        let allowed = desired <= TABLE;
        self.tables_denied |= !allowed;
        Ok(allowed)
    }

    fn instances(&self) -> usize {
        INSTANCES
    }

    fn tables(&self) -> usize {
        64
    }

    fn memories(&self) -> usize {
        // The host has one for each instance, at most.
        if self.marker.is_some() { MEMORIES + INSTANCES } else { MEMORIES }
    }
}
