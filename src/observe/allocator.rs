//! The allocator, where it is asked for more than memory.
//!
//! It keeps what was freed for the next that want some, and gives it back to the system only while it is at work: of a
//! process that refuses all requests because its memory is full, it would keep it.
#![allow(unsafe_code)]

/// Gives all memory back to the system that is kept without being in use, whichever thread freed it.
pub fn give_back() {
    // SAFETY: takes no pointers, and may be called by any thread at any time (mimalloc.h, `mi_collect`).
    unsafe { libmimalloc_sys::mi_collect(true) }
}
