//! A guest's allocator: it takes from the front of what is free and gives nothing back.
//!
//! An instance lives for one order and burns at most 2 million units of fuel, and writing a byte
//! costs about one, so it cannot write much more than the 2 MiB it may have. Keeping books over
//! freed pieces would cost more than it saves: of the fuel of a small plugin half, and of its time
//! more, for the usual allocator asks for more memory at its first use, and that stops every
//! thread of the gateway for a moment.

/// Free memory: from `next` to `end`.
#[derive(Debug)]
struct Free {
    next: usize,
    end: usize,
}

impl Free {
    /// A piece of `size` bytes at a multiple of `align`, a power of two; `None` if it does not fit.
    fn take(&mut self, size: usize, align: usize) -> Option<usize> {
        let start = self.next.checked_add(align - 1)? & !(align - 1);
        let end = start.checked_add(size).filter(|end| *end <= self.end)?;
        self.next = end;
        Some(start)
    }

    /// Takes a piece back if it was the last one taken.
    fn put_back(&mut self, start: usize, size: usize) {
        if start + size == self.next {
            self.next = start;
        }
    }

    /// Makes a piece longer or shorter where it lies, if it was the last one taken.
    fn resize(&mut self, start: usize, size: usize, new_size: usize) -> bool {
        if start + size != self.next {
            return new_size <= size;
        }
        match start.checked_add(new_size).filter(|end| *end <= self.end) {
            Some(end) => {
                self.next = end;
                true
            }
            None => false,
        }
    }

    /// Adds memory, behind what there is or else instead of it.
    fn add(&mut self, start: usize, size: usize) {
        if start != self.end {
            self.next = start;
        }
        self.end = start + size;
    }
}

#[cfg(target_family = "wasm")]
mod guest {
    use core::alloc::{GlobalAlloc, Layout};
    use core::cell::UnsafeCell;
    use core::ptr::null_mut;

    use super::Free;

    const PAGE: usize = 64 * 1024;
    /// An arena that most plugins never use up. Part of the module's memory, it is there from the
    /// start, and costs nothing until it is touched.
    const ARENA: usize = PAGE;

    struct Guest(UnsafeCell<State>);

    struct State {
        free: Option<Free>,
        arena: [u8; ARENA],
    }

    #[global_allocator]
    static GUEST: Guest = Guest(UnsafeCell::new(State { free: None, arena: [0; ARENA] }));

    // SAFETY: a component has one thread.
    unsafe impl Sync for Guest {}

    impl Guest {
        #[allow(clippy::mut_from_ref, reason = "one thread, and no reference outlives its method")]
        fn free(&self) -> &mut Free {
            // SAFETY: there is one thread, and no method of the allocator is entered from within
            // another, so nothing else refers to the state.
            let state = unsafe { &mut *self.0.get() };
            let arena = state.arena.as_ptr() as usize;
            state.free.get_or_insert(Free { next: arena, end: arena + ARENA })
        }
    }

    // SAFETY: a piece is within the arena or within memory that this allocator alone asked for,
    // aligned as wanted, and never overlaps one that is in use, because `Free` hands out what lies
    // behind everything in use. A piece that is resized in place keeps its start.
    unsafe impl GlobalAlloc for Guest {
        unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
            let (size, align) = (layout.size(), layout.align());
            let free = self.free();
            if let Some(start) = free.take(size, align) {
                return start as *mut u8;
            }
            let Some(pages) = size.checked_add(align).map(|bytes| bytes.div_ceil(PAGE)) else {
                return null_mut();
            };
            match core::arch::wasm32::memory_grow(0, pages) {
                usize::MAX => null_mut(),
                before => {
                    free.add(before * PAGE, pages * PAGE);
                    free.take(size, align).map_or(null_mut(), |start| start as *mut u8)
                }
            }
        }

        unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
            self.free().put_back(start as usize, layout.size());
        }

        unsafe fn realloc(&self, start: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
            if self.free().resize(start as usize, layout.size(), new_size) {
                return start;
            }
            // SAFETY: the caller keeps `realloc`'s contract: `new_size` is not zero and fits a
            // layout, and `start` has `layout.size()` bytes. The new piece overlaps none.
            unsafe {
                let new = self.alloc(Layout::from_size_align_unchecked(new_size, layout.align()));
                if !new.is_null() {
                    new.copy_from_nonoverlapping(start, layout.size().min(new_size));
                }
                new
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Free;

    #[test]
    fn pieces_are_aligned_and_do_not_overlap() {
        let mut free = Free { next: 1, end: 100 };
        assert_eq!(free.take(3, 1), Some(1));
        assert_eq!(free.take(4, 4), Some(4));
        assert_eq!(free.take(1, 1), Some(8));
        assert_eq!(free.take(8, 16), Some(16));
        assert_eq!(free.take(76, 1), Some(24));
        assert_eq!(free.take(1, 1), None);
        assert_eq!(free.take(0, 1), Some(100));
        assert_eq!(free.take(usize::MAX, 1), None);
        assert_eq!(Free { next: usize::MAX, end: usize::MAX }.take(1, 16), None);
    }

    #[test]
    fn the_last_piece_can_be_put_back_and_resized() {
        let mut free = Free { next: 0, end: 100 };
        assert_eq!((free.take(10, 1), free.take(10, 1)), (Some(0), Some(10)));
        free.put_back(0, 10);
        assert_eq!(free.next, 20, "not the last");
        assert!(free.resize(10, 10, 90));
        assert!(!free.resize(10, 90, 91), "no room");
        assert!(!free.resize(0, 10, 11), "not the last");
        assert!(free.resize(0, 10, 5), "shorter is always possible");
        assert_eq!(free.next, 100);
        assert!(free.resize(10, 90, 1));
        free.put_back(10, 1);
        assert_eq!(free.next, 10);
    }

    #[test]
    fn memory_is_added_behind_or_elsewhere() {
        let mut free = Free { next: 90, end: 100 };
        free.add(100, 50);
        assert_eq!(free.take(60, 1), Some(90));
        free.add(200, 50);
        assert_eq!(free.take(50, 1), Some(200));
        assert_eq!(free.take(1, 1), None);
    }
}
