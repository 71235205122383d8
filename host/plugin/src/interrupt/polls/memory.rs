//! Linear memories, made by the host: guests' own, and poll pages.
//!
//! Both are reservations of address space, of which a part at the start is
//! accessible:
//!
//! ```text
//! guest:  [ read, write ......... | none ................... | none  ]
//! poll:   [ read, or none         | none ................... | none  ]
//!           size, grows up to ──────────> reservation (4 GiB)  guard
//! ```
//!
//! So compiled code needs no comparison to stay inside: whatever 32 bits name is
//! memory, or a fault that becomes a trap.

// Memory is mapped, protected and unmapped here, and nowhere else in the crate.
#![allow(unsafe_code)]

use std::cell::RefCell;
use std::io;
use std::ptr;
use std::sync::Arc;

use wasmtime::{LinearMemory, MemoryCreator, MemoryType};

use super::gate::Gate;
use super::instrument::{MARKER, PAGE};

thread_local! {
    /// The gate of the store whose instances this thread is making.
    static GATE: RefCell<Option<Arc<Gate>>> = const { RefCell::new(None) };
}

/// Poll pages made by this thread while `make` runs are this gate's.
pub(super) fn adopt(gate: &Arc<Gate>, make: &mut dyn FnMut()) {
    /// Puts back what was there, whatever happens.
    struct Before(Option<Arc<Gate>>);
    impl Drop for Before {
        fn drop(&mut self) {
            GATE.set(self.0.take());
        }
    }
    let _before = Before(GATE.replace(Some(Arc::clone(gate))));
    make();
}

/// Address space of this process, given back when dropped.
#[derive(Debug)]
struct Reservation {
    base: *mut u8,
    total: usize,
}

// SAFETY: the pointer is an address of this process, valid on every thread; what is
// done with it goes through `&self` methods that the kernel orders.
unsafe impl Send for Reservation {}
// SAFETY: as above.
unsafe impl Sync for Reservation {}

impl Reservation {
    /// Reserves; nothing of it is accessible.
    fn new(total: usize) -> io::Result<Self> {
        // SAFETY: a private anonymous mapping at an address of the kernel's choice
        // touches no memory that exists.
        let base = unsafe {
            libc::mmap(
                ptr::null_mut(),
                total,
                libc::PROT_NONE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
                -1,
                0,
            )
        };
        if base == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        Ok(Self { base: base.cast(), total })
    }

    /// Makes the first bytes accessible.
    fn allow(&self, size: usize, protection: libc::c_int) -> io::Result<()> {
        if size == 0 {
            return Ok(());
        }
        if size > self.total || !size.is_multiple_of(PAGE) {
            return Err(io::Error::other(format!("{size} bytes of a memory")));
        }
        // SAFETY: the range lies in this reservation, which nobody else uses.
        unsafe { protect(self.base, size, protection) }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        // SAFETY: the mapping is this reservation's, and whoever had a pointer into
        // it is gone: wasmtime drops a memory after the instances that use it, and
        // gates forget it before (see `PollMemory::drop`).
        let gone = unsafe { libc::munmap(self.base.cast(), self.total) };
        debug_assert_eq!(gone, 0, "{}", io::Error::last_os_error());
    }
}

/// # Safety
///
/// The range must be mapped, and its owner must expect the change.
unsafe fn protect(base: *mut u8, size: usize, protection: libc::c_int) -> io::Result<()> {
    // SAFETY: the caller's.
    match unsafe { libc::mprotect(base.cast(), size, protection) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// The accessible part of a poll memory, for its gate.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Span {
    base: *mut u8,
    size: usize,
}

// SAFETY: an address that is only ever handed to `mprotect`.
unsafe impl Send for Span {}

impl Span {
    /// Polls fault from now on.
    pub(super) fn close(&self) -> io::Result<()> {
        // SAFETY: a gate has spans of poll memories that exist, and only for as long;
        // nothing accesses them but polls, whose fault is the purpose.
        unsafe { protect(self.base, self.size, libc::PROT_NONE) }
    }

    /// Polls pass from now on. Nobody ever writes here.
    pub(super) fn open(&self) -> io::Result<()> {
        // SAFETY: as above.
        unsafe { protect(self.base, self.size, libc::PROT_READ) }
    }
}

/// Makes the linear memories of an engine.
#[derive(Debug)]
pub(super) struct Creator;

// SAFETY: what is made is mapped with the reservation and the guard that are asked
// for, zero as every anonymous mapping, never moved, and unmapped when dropped.
unsafe impl MemoryCreator for Creator {
    fn new_memory(
        &self,
        ty: MemoryType,
        minimum: usize,
        _maximum: Option<usize>,
        reserved: Option<usize>,
        guard: usize,
    ) -> Result<Box<dyn LinearMemory>, String> {
        let capacity = reserved.unwrap_or(minimum).max(minimum);
        let total = capacity.checked_add(guard).ok_or("a memory beyond all addresses")?;
        let made = || -> io::Result<Box<dyn LinearMemory>> {
            let reservation = Reservation::new(total)?;
            if ty.maximum() == Some(MARKER) {
                return Ok(Box::new(PollMemory::new(reservation, minimum)?));
            }
            reservation.allow(minimum, libc::PROT_READ | libc::PROT_WRITE)?;
            Ok(Box::new(GuestMemory { reservation, capacity, size: minimum }))
        };
        made().map_err(|error| format!("memory could not be mapped: {error}"))
    }
}

/// Memory of a guest.
struct GuestMemory {
    reservation: Reservation,
    capacity: usize,
    size: usize,
}

// SAFETY: the first `size` bytes are accessible, the rest up to the end of the guard
// is not, and the base never changes.
unsafe impl LinearMemory for GuestMemory {
    fn byte_size(&self) -> usize {
        self.size
    }

    fn byte_capacity(&self) -> usize {
        self.capacity
    }

    fn grow_to(&mut self, size: usize) -> wasmtime::Result<()> {
        if size > self.capacity {
            wasmtime::bail!("{size} bytes of a memory of {}", self.capacity);
        }
        if size > self.size {
            // The part that is accessible already stays as it is.
            self.reservation.allow(size, libc::PROT_READ | libc::PROT_WRITE)?;
            self.size = size;
        }
        Ok(())
    }

    fn as_ptr(&self) -> *mut u8 {
        self.reservation.base
    }
}

/// The poll pages of one instance of a core module.
struct PollMemory {
    reservation: Reservation,
    size: usize,
    gate: Arc<Gate>,
}

impl PollMemory {
    /// Registers with the gate of the store that is being filled. If its time is
    /// over by now, the pages are closed from the start.
    fn new(reservation: Reservation, size: usize) -> io::Result<Self> {
        let gate = GATE.with_borrow(Clone::clone);
        let gate = gate.ok_or_else(|| io::Error::other("a poll page of nobody"))?;
        reservation.allow(size, libc::PROT_READ)?;
        let memory = Self { reservation, size, gate };
        memory.gate.add(memory.span())?;
        Ok(memory)
    }

    fn span(&self) -> Span {
        Span { base: self.reservation.base, size: self.size }
    }
}

impl Drop for PollMemory {
    fn drop(&mut self) {
        // Before the addresses can be anybody else's.
        self.gate.remove(&self.span());
    }
}

// SAFETY: as of `GuestMemory`. Readable only, and at times not even that: no code
// accesses it but polls, which load, and which may fault.
unsafe impl LinearMemory for PollMemory {
    fn byte_size(&self) -> usize {
        self.size
    }

    fn byte_capacity(&self) -> usize {
        self.size
    }

    fn grow_to(&mut self, _: usize) -> wasmtime::Result<()> {
        wasmtime::bail!("poll memories do not grow")
    }

    fn as_ptr(&self) -> *mut u8 {
        self.reservation.base
    }
}

/// Whether memories can be had as they are needed here, and be protected.
pub(super) fn probe(reservation: usize, guard: usize) -> io::Result<()> {
    let reservation = Reservation::new(reservation + guard)?;
    reservation.allow(PAGE, libc::PROT_READ)?;
    let span = Span { base: reservation.base, size: PAGE };
    span.close()?;
    span.open()?;
    // SAFETY: mapped and readable since the line above.
    match unsafe { ptr::read_volatile(span.base) } {
        0 => Ok(()),
        _ => Err(io::Error::other("fresh memory that is not zero")),
    }
}
