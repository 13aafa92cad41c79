//! The root keys of a store, which can be changed while it is open; without any, what is written stays as it is.

use std::sync::{Arc, LazyLock};

use arc_swap::ArcSwapOption;

use super::{Roots, SealError, is_sealed};

static NONE: LazyLock<Arc<Vault>> = LazyLock::new(Arc::default);

/// The root keys of a store.
#[derive(Default)]
pub struct Vault(ArcSwapOption<Roots>);

impl Vault {
    /// Seals under the first of these.
    pub fn new(roots: Roots) -> Arc<Self> {
        Arc::new(Self(ArcSwapOption::from_pointee(roots)))
    }

    /// Nothing is sealed.
    pub fn none() -> Arc<Self> {
        Arc::clone(&NONE)
    }

    /// The root keys as of now.
    pub fn roots(&self) -> Option<Arc<Roots>> {
        self.0.load_full()
    }

    /// Other root keys from now on: what is sealed under one of those before must be among them until everything
    /// is sealed anew.
    pub fn replace(&self, roots: Roots) {
        self.0.store(Some(Arc::new(roots)));
    }

    /// The text to be kept in place of a value; none without root keys.
    ///
    /// # Errors
    ///
    /// [`SealError`].
    pub fn seal(&self, context: &str, plain: &[u8]) -> Result<Option<String>, SealError> {
        let Some(roots) = self.roots() else { return Ok(None) };
        roots.seal(context, plain).map(Some)
    }

    /// The value that was sealed for this context.
    ///
    /// # Errors
    ///
    /// [`SealError`].
    pub fn open(&self, context: &str, sealed: &str) -> Result<Vec<u8>, SealError> {
        self.roots().ok_or(SealError::NoRoot)?.open(context, sealed)
    }

    /// The value sealed under the current root key, if it is not yet. Bytes that are no text are never a sealed value.
    ///
    /// # Errors
    ///
    /// [`SealError`].
    pub fn renew(&self, context: &str, value: &[u8]) -> Result<Option<String>, SealError> {
        let Some(roots) = self.roots() else { return Ok(None) };
        match std::str::from_utf8(value) {
            Ok(text) if is_sealed(text) => roots.rewrap(context, text),
            _ => roots.seal(context, value).map(Some),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::new_root;
    use super::*;

    #[test]
    fn whatever_was_written_in_clear_is_sealed_afterwards() {
        let (old, new) = (new_root().unwrap(), new_root().unwrap());
        // The second is how a gzip file begins, which is no UTF-8.
        for plain in [&b"planted"[..], b"\x1f\x8b\x08\x00planted", b""] {
            let vault = Vault::default();
            assert_eq!(vault.renew("here", plain).unwrap(), None, "without a root key");
            vault.replace(Roots::parse(&old).unwrap());
            let sealed = vault.renew("here", plain).unwrap().unwrap();
            assert!(is_sealed(&sealed) && !sealed.contains("planted"));
            assert_eq!(vault.renew("here", sealed.as_bytes()).unwrap(), None, "it is already");
            vault.replace(Roots::parse(&format!("{new}\n{old}")).unwrap());
            let anew = vault.renew("here", sealed.as_bytes()).unwrap().unwrap();
            vault.replace(Roots::parse(&new).unwrap());
            assert_eq!(vault.open("here", &anew).unwrap(), plain);
        }
    }
}
