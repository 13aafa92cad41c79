//! Secrets at rest. What is sealed has a key of its own, made for it alone, and that key is wrapped by the root
//! key, which lies elsewhere: whoever has a copy of the data folder reads none of it. A new root key wraps the
//! same keys anew; what they seal is not touched.
//!
//! AES-256-GCM, by `ring`. What a text is for (its *context*, such as `merchant/m_live_tea/webhook_secret`) is
//! authenticated with it, so that one record's secret cannot be put into another's place.

#![forbid(unsafe_code)]

mod vault;

use std::fmt;

use base64ct::{Base64, Base64UrlUnpadded, Encoding as _};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::{digest, hmac};

pub use vault::Vault;

/// Of a root key and of every other.
const KEY_LEN: usize = 32;
/// The prefix of a sealed text.
const PREFIX: &str = "sealed:v1:";
/// The prefix of a root key in its file.
const ROOT_PREFIX: &str = "lezai-root-v1:";
/// Root keys in one file: the current one, and those before, until all is wrapped anew.
const ROOTS_MAX: usize = 8;

/// Why something is not sealed or opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The text is no sealed one, or it was cut off.
    #[error("what is stored is not a sealed text")]
    Malformed,
    /// No root key at hand wrapped its key.
    #[error("it is sealed under the root key {0}, which is not at hand")]
    OtherRoot(String),
    /// It is sealed, and there is no root key.
    #[error("it is sealed: name the root key (LEZAI_SECRETS_ROOT_KEY_FILE)")]
    NoRoot,
    /// It was changed, or belongs to another place.
    #[error("what is sealed was changed, or belongs elsewhere")]
    Refused,
    /// The file of root keys is none.
    #[error("{0}")]
    Roots(&'static str),
    /// The system gives no random bytes.
    #[error("the system gives no random bytes")]
    Entropy,
}

/// The root keys: the first wraps, and all unwrap.
pub struct Roots(Vec<Root>);

struct Root {
    id: String,
    key: LessSafeKey,
}

impl fmt::Debug for Roots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids: Vec<&str> = self.0.iter().map(|it| it.id.as_str()).collect();
        write!(f, "Roots({})", ids.join(", "))
    }
}

impl Roots {
    /// Reads a file of root keys: one a line, the current one first. Empty lines, and those that begin with
    /// `#`, are left out.
    ///
    /// # Errors
    ///
    /// [`SealError::Roots`].
    pub fn parse(text: &str) -> Result<Self, SealError> {
        let lines = text.lines().map(str::trim).filter(|it| !it.is_empty() && !it.starts_with('#'));
        let roots = lines.map(root).collect::<Result<Vec<Root>, SealError>>()?;
        match roots.len() {
            0 => Err(SealError::Roots("there is no root key in it")),
            1..=ROOTS_MAX => Ok(Self(roots)),
            _ => Err(SealError::Roots("there are more than 8 root keys in it")),
        }
    }

    /// The id of the key that wraps.
    pub fn current(&self) -> &str {
        self.0.first().map_or("", |it| &it.id)
    }

    /// The ids of all of them.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|it| it.id.as_str())
    }

    /// Seals a text for its context, under a key of its own.
    ///
    /// # Errors
    ///
    /// [`SealError::Entropy`].
    pub fn seal(&self, context: &str, plain: &[u8]) -> Result<String, SealError> {
        let root = self.0.first().ok_or(SealError::Malformed)?;
        let secret = random::<KEY_LEN>()?;
        let wrapped = encrypt(&root.key, context, &secret)?;
        let sealed = encrypt(&key(&secret)?, context, plain)?;
        let [wrapped, sealed] = [wrapped, sealed].map(|it| Base64UrlUnpadded::encode_string(&it));
        Ok(format!("{PREFIX}{}:{wrapped}:{sealed}", root.id))
    }

    /// Opens what was sealed for this context.
    ///
    /// # Errors
    ///
    /// [`SealError`].
    pub fn open(&self, context: &str, sealed: &str) -> Result<Vec<u8>, SealError> {
        let Parts { root, wrapped, sealed } = parts(sealed)?;
        let secret = decrypt(&self.named(root)?.key, context, wrapped)?;
        decrypt(&key(&secret)?, context, sealed)
    }

    /// The value sealed for this context, with its key wrapped by the current root key; none if it is already.
    ///
    /// # Errors
    ///
    /// [`SealError`].
    pub fn rewrap(&self, context: &str, sealed: &str) -> Result<Option<String>, SealError> {
        let Parts { root, wrapped, sealed } = parts(sealed)?;
        let current = self.0.first().ok_or(SealError::Malformed)?;
        if root == current.id {
            return Ok(None);
        }
        let secret = decrypt(&self.named(root)?.key, context, wrapped)?;
        let wrapped = Base64UrlUnpadded::encode_string(&encrypt(&current.key, context, &secret)?);
        Ok(Some(format!("{PREFIX}{}:{wrapped}:{sealed}", current.id)))
    }

    fn named(&self, id: &str) -> Result<&Root, SealError> {
        let found = self.0.iter().find(|it| it.id == id);
        found.ok_or_else(|| SealError::OtherRoot(id.to_owned()))
    }
}

/// A new root key, as it stands in a file.
///
/// # Errors
///
/// [`SealError::Entropy`].
pub fn new_root() -> Result<String, SealError> {
    Ok(format!("{ROOT_PREFIX}{}", Base64::encode_string(&random::<KEY_LEN>()?)))
}

/// A new key for [`digest_under`], as it is kept.
///
/// # Errors
///
/// [`SealError::Entropy`].
pub fn new_digest_key() -> Result<String, SealError> {
    Ok(Base64::encode_string(&random::<KEY_LEN>()?))
}

/// The digest that a value is found by while the value itself is sealed: HMAC-SHA-256 in hexadecimal digits. There are
/// few enough account numbers to try them all, so that a digest without a key would say which one it is of.
pub fn digest_under(key: &str, value: &[u8]) -> String {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes()), value);
    tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether a text is a sealed one.
pub fn is_sealed(text: &str) -> bool {
    text.starts_with(PREFIX)
}

struct Parts<'t> {
    root: &'t str,
    wrapped: &'t str,
    sealed: &'t str,
}

fn parts(text: &str) -> Result<Parts<'_>, SealError> {
    let mut parts = text.strip_prefix(PREFIX).ok_or(SealError::Malformed)?.split(':');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(root), Some(wrapped), Some(sealed), None) => Ok(Parts { root, wrapped, sealed }),
        _ => Err(SealError::Malformed),
    }
}

fn root(line: &str) -> Result<Root, SealError> {
    const FORM: &str =
        "a root key is `lezai-root-v1:` and 32 bytes in Base64; `lezai secrets new-root` makes one";
    let text = line.strip_prefix(ROOT_PREFIX).ok_or(SealError::Roots(FORM))?;
    let secret = Base64::decode_vec(text).map_err(|_| SealError::Roots(FORM))?;
    let named = [b"lezai root key id", secret.as_slice()].concat();
    let digest = digest::digest(&digest::SHA256, &named);
    let id = digest.as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    Ok(Root { id, key: key(&secret).map_err(|_| SealError::Roots(FORM))? })
}

fn key(secret: &[u8]) -> Result<LessSafeKey, SealError> {
    let key = UnboundKey::new(&AES_256_GCM, secret).map_err(|_| SealError::Malformed)?;
    Ok(LessSafeKey::new(key))
}

fn encrypt(key: &LessSafeKey, context: &str, plain: &[u8]) -> Result<Vec<u8>, SealError> {
    let nonce = random::<NONCE_LEN>()?;
    let mut text = plain.to_vec();
    let done = key.seal_in_place_append_tag(
        Nonce::assume_unique_for_key(nonce),
        Aad::from(context.as_bytes()),
        &mut text,
    );
    done.map_err(|_| SealError::Refused)?;
    Ok([&nonce[..], &text].concat())
}

fn decrypt(key: &LessSafeKey, context: &str, text: &str) -> Result<Vec<u8>, SealError> {
    let bytes = Base64UrlUnpadded::decode_vec(text).map_err(|_| SealError::Malformed)?;
    let (nonce, text) = bytes.split_first_chunk::<NONCE_LEN>().ok_or(SealError::Malformed)?;
    let mut text = text.to_vec();
    let nonce = Nonce::assume_unique_for_key(*nonce);
    let plain = key.open_in_place(nonce, Aad::from(context.as_bytes()), &mut text);
    let length = plain.map_err(|_| SealError::Refused)?.len();
    text.truncate(length);
    Ok(text)
}

fn random<const N: usize>() -> Result<[u8; N], SealError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| SealError::Entropy)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: &str = "merchant/m_live_tea/webhook_secret";

    #[test]
    fn what_is_sealed_opens_at_its_place_and_nowhere_else() {
        let roots = Roots::parse(&new_root().unwrap()).unwrap();
        for plain in [&b""[..], b"whsec_planted", &[0; 100_000]] {
            let sealed = roots.seal(HERE, plain).unwrap();
            assert!(is_sealed(&sealed) && !sealed.contains("planted"));
            assert_eq!(roots.open(HERE, &sealed).unwrap(), plain);
            assert_ne!(roots.seal(HERE, plain).unwrap(), sealed, "each has a key of its own");
            let elsewhere = roots.open("merchant/m_live_rice/webhook_secret", &sealed);
            assert_eq!(elsewhere, Err(SealError::Refused));
        }
    }

    #[test]
    fn a_digest_is_of_its_value_and_its_key() {
        let (key, other) = (new_digest_key().unwrap(), new_digest_key().unwrap());
        assert_ne!(key, other);
        let digest = digest_under(&key, b"6222020200112233445");
        assert_eq!(digest, digest_under(&key, b"6222020200112233445"));
        assert_ne!(digest, digest_under(&key, b"6222020200112233446"));
        assert_ne!(digest, digest_under(&other, b"6222020200112233445"));
        // RFC 4231, test case 2.
        let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(digest_under("Jefe", b"what do ya want for nothing?"), expected);
    }

    #[test]
    fn whatever_is_changed_is_refused() {
        let roots = Roots::parse(&new_root().unwrap()).unwrap();
        let sealed = roots.seal(HERE, b"whsec_planted").unwrap();
        for at in 0..sealed.len() {
            let mut changed = sealed.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert!(roots.open(HERE, &changed).is_err(), "{at}");
            assert!(roots.open(HERE, &sealed[..at]).is_err(), "{at}");
        }
        // Parts of two do not make a third.
        let other = roots.seal(HERE, b"whsec_other").unwrap();
        let (wrapped, text) =
            (sealed.rsplit_once(':').unwrap().0, other.rsplit_once(':').unwrap().1);
        assert_eq!(roots.open(HERE, &format!("{wrapped}:{text}")), Err(SealError::Refused));
    }

    #[test]
    fn a_root_key_is_changed_and_then_forgotten() {
        let (old, new) = (new_root().unwrap(), new_root().unwrap());
        let before = Roots::parse(&old).unwrap();
        let sealed = before.seal(HERE, b"whsec_planted").unwrap();
        let both = Roots::parse(&format!("# since today\n{new}\n\n{old}\n")).unwrap();
        assert_eq!(both.open(HERE, &sealed).unwrap(), b"whsec_planted");
        let anew = both.rewrap(HERE, &sealed).unwrap().unwrap();
        assert_eq!(both.rewrap(HERE, &anew).unwrap(), None);
        assert_eq!(both.rewrap("elsewhere", &sealed), Err(SealError::Refused));
        let after = Roots::parse(&new).unwrap();
        assert_eq!(after.open(HERE, &anew).unwrap(), b"whsec_planted");
        let id = before.current().to_owned();
        assert_eq!(after.open(HERE, &sealed), Err(SealError::OtherRoot(id)));
        // The sealed bytes are the same; their key alone is wrapped anew.
        assert_eq!(sealed.rsplit_once(':').unwrap().1, anew.rsplit_once(':').unwrap().1);
    }

    #[test]
    fn a_file_of_root_keys_is_read_strictly() {
        let good = new_root().unwrap();
        assert_eq!(Roots::parse(&format!("{good}\n")).unwrap().ids().count(), 1);
        let nine = [good.as_str(); 9].join("\n");
        for text in [
            "",
            "# nothing\n",
            "lezai-root-v1:",
            "lezai-root-v1:AAAA",
            &good.replace("v1", "v2"),
            &format!("{good}=="),
            &nine,
        ] {
            assert!(matches!(Roots::parse(text), Err(SealError::Roots(_))), "{text}");
        }
        assert!(!format!("{:?}", Roots::parse(&good).unwrap()).contains(&good[16..]));
    }
}
