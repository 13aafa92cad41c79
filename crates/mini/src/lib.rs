//! The core's face for mini-programs: a module that imports nothing and exports a memory and three
//! functions. What the bytes mean is [`lezai_core::call`]; this crate only moves them.
//!
//! ```text
//! alloc(length) -> pointer           0 if the length is 0 or above MAX_CALL
//! call(pointer, length) -> pointer   to the answer: its length as a little-endian u32, and its bytes
//! free(pointer, length)              of a call, or of an answer with the 4 bytes before it; wipes it
//! ```
//!
//! A call may hold a secret key and an answer follows from it, so memory is wiped when it is given
//! back. A module that trapped is to be thrown away.

use lezai_core::call;

/// The answer to a call, with its length before it.
pub fn answer(call: &[u8]) -> Vec<u8> {
    let answer = call::answer(call);
    let mut out = Vec::with_capacity(4 + answer.len());
    call::push(&mut out, &answer);
    out
}

/// Natively, `free` and `alloc` are names of the system's, so the module alone has these.
#[cfg(target_family = "wasm")]
mod exports {
    use std::alloc::Layout;

    use lezai_core::call::MAX_CALL;
    use zeroize::Zeroize as _;

    #[unsafe(export_name = "alloc")]
    extern "C" fn alloc(length: usize) -> *mut u8 {
        match Layout::array::<u8>(length) {
            // SAFETY: the layout's size is not zero.
            Ok(layout) if (1..=MAX_CALL).contains(&length) => unsafe {
                std::alloc::alloc_zeroed(layout)
            },
            _ => std::ptr::null_mut(),
        }
    }

    #[unsafe(export_name = "call")]
    unsafe extern "C" fn call(pointer: *const u8, length: usize) -> *mut u8 {
        // SAFETY: the host gives what `alloc` gave it, and its length; the memory was written by
        // `alloc`, and nobody else runs here meanwhile.
        let call = if pointer.is_null() {
            &[]
        } else {
            unsafe { std::slice::from_raw_parts(pointer, length) }
        };
        let answer = super::answer(call).into_boxed_slice();
        Box::into_raw(answer).cast()
    }

    #[unsafe(export_name = "free")]
    unsafe extern "C" fn free(pointer: *mut u8, length: usize) {
        if pointer.is_null() || length == 0 {
            return;
        }
        // SAFETY: what `alloc` and `call` gave is `length` bytes in the layout of a boxed slice.
        let mut memory =
            unsafe { Box::from_raw(std::ptr::slice_from_raw_parts_mut(pointer, length)) };
        memory.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_says_how_long_it_is() {
        let out = answer(b"");
        let (length, rest) = out.split_first_chunk::<4>().unwrap();
        assert_eq!(u32::from_le_bytes(*length) as usize, rest.len());
        assert_eq!(rest, call::answer(b""));
    }
}
