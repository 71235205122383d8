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
//!
//! A guest's memory begins with its image, where the component has one: pages of a file,
//! mapped so that what is written stays in the memory. wasmtime makes all memories of an instance
//! of a module one after the other, before any of its code runs, and the poll memory is the
//! last of them. It tells which module that is (see `instrument`), and so, which images
//! belong over the memories that were made just before.

// Memory is mapped, protected and unmapped here, and nowhere else in the crate.
#![allow(unsafe_code)]

use std::cell::RefCell;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd};
use std::ptr;
use std::sync::Arc;

use wasmtime::{LinearMemory, MemoryCreator, MemoryType};

use super::super::images::{Images, Part};
use super::gate::Gate;
use super::instrument::{MARKER, PAGE, number};

thread_local! {
    /// The store whose instances this thread is making.
    static STORE: RefCell<Option<Filling>> = const { RefCell::new(None) };
}

/// A store that is being filled with instances.
struct Filling {
    gate: Arc<Gate>,
    images: Arc<Images>,
    /// Guests' memories that were made for it, with their sizes.
    made: Vec<(Arc<Reservation>, usize)>,
}

impl Filling {
    /// Fills the memories of the instance that is being made, of a module with this number.
    fn begin_memories(&self, module: u64) -> io::Result<()> {
        for (file, part) in self.images.of(module) {
            let from_last = usize::try_from(part.place.from_last).unwrap_or(usize::MAX);
            let memory = self.made.len().checked_sub(from_last).and_then(|at| self.made.get(at));
            let (memory, size) =
                memory.ok_or_else(|| io::Error::other("an image of a memory that is not there"))?;
            memory.begin_with(*size, file, part)?;
        }
        Ok(())
    }
}

/// Poll pages made by this thread while `make` runs are this gate's, and memories begin with
/// these images.
pub(super) fn adopt(gate: &Arc<Gate>, images: &Arc<Images>, make: &mut dyn FnMut()) {
    /// Puts back what was there, whatever happens.
    struct Before(Option<Filling>);
    impl Drop for Before {
        fn drop(&mut self) {
            STORE.set(self.0.take());
        }
    }
    let (gate, images) = (Arc::clone(gate), Arc::clone(images));
    let _before = Before(STORE.replace(Some(Filling { gate, images, made: Vec::new() })));
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

    /// Maps an image over a part of what is accessible, which is `size` bytes.
    fn begin_with(&self, size: usize, file: &File, part: &Part) -> io::Result<()> {
        let other = || io::Error::other("an image that does not fit its memory");
        let fitting = |number: u64| usize::try_from(number).map_err(|_| other());
        let (start, length) = (fitting(part.place.start)?, fitting(part.length)?);
        let position = libc::off_t::try_from(part.position).map_err(|_| other())?;
        let fits = start.checked_add(length).is_some_and(|end| end <= size.min(self.total));
        if !fits || !start.is_multiple_of(PAGE) || length == 0 {
            return Err(other());
        }
        // SAFETY: the range lies in this reservation, in memory that was made a moment ago and
        // that no code has seen yet; it takes its place with the same protection. The
        // mapping is private, so that nothing is ever written to the file, and the file is
        // one that only this user's hosts write, whole, and never change.
        let mapped = unsafe {
            libc::mmap(
                self.base.add(start).cast(),
                length,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_FIXED | libc::MAP_NORESERVE,
                file.as_raw_fd(),
                position,
            )
        };
        if mapped == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        Ok(())
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
            let reservation = Arc::new(reservation);
            STORE.with_borrow_mut(|store| {
                if let Some(store) = store {
                    store.made.push((Arc::clone(&reservation), minimum));
                }
            });
            Ok(Box::new(GuestMemory { reservation, capacity, size: minimum }))
        };
        made().map_err(|error| format!("memory could not be mapped: {error}"))
    }
}

/// Memory of a guest.
struct GuestMemory {
    reservation: Arc<Reservation>,
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
    /// over by now, the pages are closed from the start. The memories that belong to it get
    /// what they begin with.
    fn new(reservation: Reservation, size: usize) -> io::Result<Self> {
        let gate = STORE.with_borrow(|store| {
            let store = store.as_ref().ok_or_else(|| io::Error::other("a poll page of nobody"))?;
            store.begin_memories(number(size))?;
            Ok::<_, io::Error>(Arc::clone(&store.gate))
        })?;
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

/// A file without a name, in memory.
pub(super) fn nameless_file() -> io::Result<File> {
    // SAFETY: the name is a string that ends; the call keeps nothing of it.
    let file = unsafe { libc::memfd_create(c"tidelake-images".as_ptr(), libc::MFD_CLOEXEC) };
    if file < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor is new, and nobody else's.
    Ok(unsafe { File::from_raw_fd(file) })
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
