//! How much memory the program has asked its allocator for and not given back, C libraries included.
//!
//! Resident memory holds what was freed too, as long as the allocator keeps it, and code, and does not hold what nobody
//! has touched: it wanders by megabytes while the heap in use stands still.

#![expect(unsafe_code, reason = "the C library neither says what it has given out nor gives it back in a safe way")]

/// Bytes in use. `None` where the C library is not glibc, and of a process too large for what glibc can tell.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub fn in_use() -> Option<f64> {
    // SAFETY: it takes nothing, gives numbers alone, and may be called by any thread at any time (mallinfo(3)).
    // `mallinfo2` has wider fields, but is not in every glibc that the edge is built for.
    let info = unsafe { libc::mallinfo() };
    // Fields are those of `mallinfo2` modulo 2^32.
    let fits = crate::metrics::resident_memory()? < f64::from(u32::MAX);
    fits.then(|| f64::from(info.uordblks.cast_unsigned()) + f64::from(info.hblkhd.cast_unsigned()))
}

/// Bytes in use, which this system does not tell.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn in_use() -> Option<f64> {
    None
}

/// Has the allocator give back to the system what is free within its heap: by itself it gives back what is free at the
/// end. Threads that allocate wait meanwhile, some milliseconds with a hundred megabytes.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub fn give_back() {
    // SAFETY: it takes a number, touches free memory alone, and may be called by any thread at any time (malloc_trim(3)).
    unsafe { libc::malloc_trim(0) };
}

/// Of this system's allocator nothing is known.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn give_back() {}

#[cfg(all(test, target_os = "linux", target_env = "gnu"))]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// Each of these tests sees what the other takes.
    static ALONE: Mutex<()> = Mutex::new(());

    #[test]
    fn what_is_free_between_what_is_held_is_given_back() {
        const BLOCK: usize = 32 << 10;
        let _alone = ALONE.lock();
        let mut blocks: Vec<_> = (0..4096).map(|_| std::hint::black_box(vec![1_u8; BLOCK])).collect();
        let held: Vec<_> = blocks.drain(..).skip(1).step_by(64).collect();
        let before = crate::metrics::resident_memory().unwrap();
        give_back();
        let after = crate::metrics::resident_memory().unwrap();
        drop(held);
        // 134 MB were free; other tests run beside this one.
        assert!(before - after > 64e6, "{before} {after}");
    }

    #[test]
    fn what_is_held_counts_and_what_was_freed_does_not() {
        const HELD: usize = 256 << 20;
        let _alone = ALONE.lock();
        let before = in_use().unwrap();
        // Other tests run beside this one, and take far less.
        let held = std::hint::black_box(vec![1_u8; HELD]);
        let with = in_use().unwrap();
        drop(held);
        let after = in_use().unwrap();
        assert!(with - before > 0.9 * HELD as f64, "{before} {with}");
        assert!(with - after > 0.9 * HELD as f64, "{with} {after}");
    }
}
