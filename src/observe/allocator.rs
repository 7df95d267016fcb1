//! The allocator, where it is asked for more than memory.
//!
//! It keeps what was freed for the next that want some, and gives it back to the system only while it is at work: of a
//! process that refuses all requests because its memory is full, it would keep it.
#![allow(unsafe_code)]

use std::ffi::c_long;

/// For how long what was freed is kept before it goes back to the system, in milliseconds. The buffers of one request are
/// wanted again by the next, or the one after: a shorter delay has them faulted in anew whenever a moment is calm. When
/// memory is short, [`give_back`] does not wait.
const KEEP: c_long = 10_000;

/// `mi_option_purge_delay` of mimalloc.h, which the binding does not name.
const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;

/// Has the allocator keep what was freed for [`KEEP`], unless `MIMALLOC_PURGE_DELAY` says otherwise. For the start of a
/// process.
pub fn keep_freed() {
    // SAFETY: takes no pointers; an option may be set at any time (mimalloc.h, `mi_option_set_default`).
    unsafe { libmimalloc_sys::mi_option_set_default(PURGE_DELAY, KEEP) }
}

/// Gives all memory back to the system that is kept without being in use, whichever thread freed it.
pub fn give_back() {
    // SAFETY: takes no pointers, and may be called by any thread at any time (mimalloc.h, `mi_collect`).
    unsafe { libmimalloc_sys::mi_collect(true) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_option_is_the_one_that_is_meant() {
        // SAFETY: as above.
        let delay = || unsafe { libmimalloc_sys::mi_option_get(PURGE_DELAY) };
        // What the version that is built begins with: its tables have no other option of a second.
        assert_eq!(delay(), 1000);
        keep_freed();
        assert_eq!(delay(), KEEP);
    }
}
