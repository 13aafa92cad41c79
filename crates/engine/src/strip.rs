//! Removes what running a plugin does not need, and what thousands of loaded plugins would each carry:
//! custom sections, such as the names of functions, before it is compiled, and the table of symbols
//! after. Both together are a quarter of a small plugin's machine code.

use std::borrow::Cow;

use wasmparser::{BinaryReader, BinaryReaderError};

/// The first bytes of a module and of a component, with the version.
const HEADER: usize = 8;
/// A custom section, in both.
const CUSTOM: u8 = 0;
/// A module, in a component.
const MODULE: u8 = 1;

/// The component without its custom sections and those of its modules. Nested components have no
/// modules: `admission` refuses them.
pub(crate) fn component(bytes: &[u8]) -> Result<Vec<u8>, BinaryReaderError> {
    sections(bytes, |id, content| {
        Ok(if id == MODULE {
            Cow::Owned(sections(content, |_, content| Ok(Cow::Borrowed(content)))?)
        } else {
            Cow::Borrowed(content)
        })
    })
}

/// All sections but custom ones, each as `change` has it.
fn sections<'a>(
    bytes: &'a [u8],
    change: impl Fn(u8, &'a [u8]) -> Result<Cow<'a, [u8]>, BinaryReaderError>,
) -> Result<Vec<u8>, BinaryReaderError> {
    let mut reader = BinaryReader::new(bytes, 0);
    let mut kept = reader.read_bytes(HEADER)?.to_vec();
    while !reader.eof() {
        let id = reader.read_u8()?;
        let mut content = reader.read_reader()?;
        let content = content.read_bytes(content.bytes_remaining())?;
        if id == CUSTOM {
            continue;
        }
        let content = change(id, content)?;
        kept.push(id);
        length(&mut kept, content.len());
        kept.extend_from_slice(&content);
    }
    Ok(kept)
}

/// Machine code, an ELF file of wasmtime's, without its symbols: they are for debuggers. Nothing else is
/// changed, and nothing at all if the file is not as wasmtime makes it today.
pub(crate) fn code(elf: Vec<u8>) -> Vec<u8> {
    without_symbols(&elf).unwrap_or(elf)
}

/// Of an ELF file of 64 bits, little-endian: <https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html>
/// and the chapters after.
fn without_symbols(elf: &[u8]) -> Option<Vec<u8>> {
    const MAGIC: [u8; 6] = [0x7f, b'E', b'L', b'F', 2, 1];
    /// In the file's header: where the sections' headers are, the length of one, how many there are,
    /// and which is of the section that has their names.
    const SECTIONS: usize = 0x28;
    const SECTION_LENGTH: usize = 0x3a;
    const SECTION_COUNT: usize = 0x3c;
    const NAMES: usize = 0x3e;
    /// In a section's header: its kind, where it is, its length, and the section that belongs to it.
    const KIND: usize = 4;
    const OFFSET: usize = 24;
    const LENGTH: usize = 32;
    const LINK: usize = 40;
    const HEADER: usize = 64;
    /// A kind of section.
    const SYMBOLS: usize = 2;

    if !elf.starts_with(&MAGIC) || usize::from(half(elf, SECTION_LENGTH)?) != HEADER {
        return None;
    }
    let headers =
        elf.get(long(elf, SECTIONS)?..)?.get(..HEADER * usize::from(half(elf, SECTION_COUNT)?))?;
    let header = |index: usize| headers.get(index * HEADER..)?.get(..HEADER);
    let all = 0..headers.len() / HEADER;
    let symbols =
        all.clone().find(|it| header(*it).and_then(|it| word(it, KIND)) == Some(SYMBOLS))?;
    let texts = word(header(symbols)?, LINK)?;
    let names = usize::from(half(elf, NAMES)?);
    // They come last, with the sections' names behind them.
    let end = long(header(symbols)?, OFFSET)?;
    for index in all.filter(|it| ![symbols, texts, names].contains(it)) {
        let header = header(index)?;
        if long(header, OFFSET)?.checked_add(long(header, LENGTH)?)? > end {
            return None;
        }
    }
    let (at, length) = (long(header(names)?, OFFSET)?, long(header(names)?, LENGTH)?);
    let mut kept = elf.get(..end)?.to_vec();
    kept.extend_from_slice(elf.get(at..)?.get(..length)?);
    kept.resize(kept.len().next_multiple_of(8), 0);
    let mut headers = headers.to_vec();
    for gone in [symbols, texts] {
        // A header of zeros is of no section, so that the others keep their numbers.
        headers.get_mut(gone * HEADER..)?.get_mut(..HEADER)?.fill(0);
    }
    put(&mut headers, names * HEADER + OFFSET, end)?;
    let sections = kept.len();
    put(&mut kept, SECTIONS, sections)?;
    kept.extend(headers);
    Some(kept)
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn word(bytes: &[u8], at: usize) -> Option<usize> {
    usize::try_from(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?)).ok()
}

fn long(bytes: &[u8], at: usize) -> Option<usize> {
    usize::try_from(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?)).ok()
}

fn put(bytes: &mut [u8], at: usize, number: usize) -> Option<()> {
    *bytes.get_mut(at..)?.first_chunk_mut()? = u64::try_from(number).ok()?.to_le_bytes();
    Some(())
}

/// A length as WebAssembly writes it: seven bits a byte, the lowest first (LEB128).
fn length(bytes: &mut Vec<u8>, mut length: usize) {
    while length >= 0x80 {
        bytes.push(u8::try_from(length & 0x7f).unwrap_or_default() | 0x80);
        length >>= 7;
    }
    bytes.push(u8::try_from(length).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_and_nothing_else() {
        let long = "n".repeat(300);
        let named = wat::parse_str(format!(
            r#"(component $outer (@custom "note" "x")
                (core module $m (func ${long} (result i32) i32.const 7) (func $g (export "g") (result i32) call ${long}) (@custom "note" "y"))
                (core instance $i (instantiate $m)))"#
        ))
        .unwrap();
        let bare = wat::parse_str(
            r#"(component (core module (func (result i32) i32.const 7) (func (export "g") (result i32) call 0))
                (core instance (instantiate 0)))"#,
        )
        .unwrap();
        assert!(named.len() > bare.len() + 300);
        assert_eq!(component(&named).unwrap(), bare);
        assert_eq!(component(&bare).unwrap(), bare);
    }

    #[test]
    fn symbols_go_and_code_stays() {
        let engine = wasmtime::Engine::new(&crate::code_settings(false)).unwrap();
        let text = r#"(component (core module $m (func (export "f") (result i32) i32.const 7))
            (core instance $i (instantiate $m))
            (func (export "f") (result s32) (canon lift (core func $i "f"))))"#;
        let whole = engine.precompile_component(&wat::parse_str(text).unwrap()).unwrap();
        let kept = code(whole.clone());
        let names = |it: &[u8]| it.windows(8).filter(|it| it == b"wasm[0]:").count();
        assert!(names(&whole) > 0 && names(&kept) == 0);
        assert!(kept.len() + 200 < whole.len(), "{} of {}", kept.len(), whole.len());
        // Once more there is nothing to be taken away, and what is no such file stays as it is.
        assert_eq!(code(kept.clone()), kept);
        for end in 0..whole.len() {
            let cut = whole[..end].to_vec();
            assert_eq!(code(cut.clone()), cut, "{end} of {} bytes", whole.len());
        }
    }

    #[test]
    fn what_is_cut_off_is_an_error() {
        let whole = wat::parse_str("(component (core module (func)))").unwrap();
        for end in 0..whole.len() {
            // It may end where a section does.
            if let Ok(kept) = component(&whole[..end]) {
                assert_eq!(kept, whole[..end]);
            }
        }
        assert!(component(&whole[..whole.len() - 1]).is_err());
    }
}
