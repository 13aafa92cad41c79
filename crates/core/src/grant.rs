//! A grant: the gateway's signed word on what one page may pay.
//!
//! It binds one key of a page to one order, one amount and a few minutes. It is a JWS in compact
//! form (RFC 7515) with ES256 whose `cnf` names the key (RFC 7800), so that other tools can read
//! it; nothing else of JWS is taken.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use serde::{Deserialize, Serialize};

use crate::id::{MerchantId, OrderId, SessionId};
use crate::key::{Sign, Verify};
use crate::money::Currency;
use crate::time::Timestamp;

/// The longest a grant may last, in seconds.
pub const MAX_LIFE_SECS: i64 = 900;
/// A grant of ours is far below this; the bound keeps a stranger's text short.
const MAX_LENGTH: usize = 8192;

/// The contents of a grant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// The gateway's public address.
    pub iss: String,
    /// The checkout session.
    pub session: SessionId,
    /// The order.
    pub order: OrderId,
    /// The merchant that is paid.
    pub merchant: MerchantId,
    /// Minor units of `currency`.
    pub amount: i64,
    /// The currency.
    pub currency: Currency,
    /// The methods that may be chosen.
    pub methods: Vec<String>,
    /// The origin of the page that it is made for; empty if it named none.
    pub origin: String,
    /// The page's key.
    pub cnf: Confirmation,
    /// When it was made, in seconds since the epoch.
    pub iat: i64,
    /// When it ends, in seconds since the epoch.
    pub exp: i64,
}

/// The key that must sign what the grant allows (RFC 7800, section 3.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Confirmation {
    /// Its thumbprint (RFC 7638).
    pub jkt: String,
}

/// Why a grant is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GrantError {
    /// The text is no grant.
    #[error("not a grant: a compact JWS with ES256 of type lezai-grant+jwt is needed")]
    Malformed,
    /// Another key signed it, or it was changed.
    #[error("the grant was not signed by this gateway")]
    Signature,
    /// It has ended, or it lasts longer than any grant may.
    #[error("the grant has ended")]
    Expired,
}

/// The JWS header, before and after the key's thumbprint.
const HEADER: (&[u8], &[u8]) = (br#"{"alg":"ES256","kid":""#, br#"","typ":"lezai-grant+jwt"}"#);

/// Whether a grant made at `iat` that ends at `exp` is good at `now`.
///
/// # Errors
///
/// [`GrantError::Expired`]: it has ended, or it lasts longer than any grant may.
pub fn check_life(iat: i64, exp: i64, now: Timestamp) -> Result<(), GrantError> {
    let life = exp.saturating_sub(iat);
    if exp <= now.as_secs() || !(0..=MAX_LIFE_SECS).contains(&life) {
        return Err(GrantError::Expired);
    }
    Ok(())
}

impl Grant {
    /// The grant as compact JWS, signed by the gateway.
    ///
    /// # Errors
    ///
    /// [`GrantError::Malformed`], should JSON refuse; it has no known reason to.
    pub fn sign(&self, key: &dyn Sign) -> Result<String, GrantError> {
        let kid = key.verifying_key().thumbprint();
        let header = [HEADER.0, kid.as_bytes(), HEADER.1].concat();
        let payload = serde_json::to_vec(self).map_err(|_| GrantError::Malformed)?;
        let part = |json: &[u8]| BASE64URL.encode(json);
        let signed = format!("{}.{}", part(&header), part(&payload));
        let signature = BASE64URL.encode(key.sign(signed.as_bytes()));
        Ok(format!("{signed}.{signature}"))
    }

    /// Reads a grant that the gateway signed and that has not ended.
    ///
    /// # Errors
    ///
    /// See [`GrantError`].
    pub fn verify(jws: &str, key: &dyn Verify, now: Timestamp) -> Result<Self, GrantError> {
        let payload = Unverified::parse(jws)?.verify(key)?;
        let grant: Self = serde_json::from_str(&payload).map_err(|_| GrantError::Malformed)?;
        check_life(grant.iat, grant.exp, now)?;
        Ok(grant)
    }
}

/// A grant whose signature nobody has checked yet. Only [`Unverified::verify`] gives what it says.
#[derive(Clone, Debug)]
pub struct Unverified {
    signed: String,
    signature: Vec<u8>,
}

impl Unverified {
    /// Takes a grant apart, and believes none of it.
    ///
    /// # Errors
    ///
    /// [`GrantError::Malformed`].
    pub fn parse(jws: &str) -> Result<Self, GrantError> {
        if jws.len() > MAX_LENGTH {
            return Err(GrantError::Malformed);
        }
        let (signed, signature) = jws.rsplit_once('.').ok_or(GrantError::Malformed)?;
        let (header, _payload) = signed.split_once('.').ok_or(GrantError::Malformed)?;
        // Byte for byte as `sign` writes it, around the key's name: no other header is ours.
        let header = decode(header)?;
        let kid = header.strip_prefix(HEADER.0).and_then(|rest| rest.strip_suffix(HEADER.1));
        let is_name =
            |kid: &[u8]| kid.iter().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(b));
        if !kid.is_some_and(is_name) {
            return Err(GrantError::Malformed);
        }
        Ok(Self { signed: signed.to_owned(), signature: decode(signature)? })
    }

    /// The bytes that must have been signed.
    pub fn message(&self) -> &[u8] {
        self.signed.as_bytes()
    }

    /// The signature that the grant carries: whatever its length is.
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }

    /// The JSON of a grant that the gateway signed, for a page, whose browser reads it. Whether it
    /// has ended is [`check_life`]'s to say.
    ///
    /// # Errors
    ///
    /// [`GrantError::Signature`]; [`GrantError::Malformed`], should the gateway have signed no text.
    pub fn verify(self, key: &dyn Verify) -> Result<String, GrantError> {
        key.verify(self.message(), &self.signature).map_err(|_| GrantError::Signature)?;
        let (_header, payload) = self.signed.split_once('.').ok_or(GrantError::Malformed)?;
        String::from_utf8(decode(payload)?).map_err(|_| GrantError::Malformed)
    }
}

fn decode(part: &str) -> Result<Vec<u8>, GrantError> {
    BASE64URL.decode(part).map_err(|_| GrantError::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::SigningKey;

    const NOW: Timestamp = Timestamp::from_secs(1_795_000_000);

    fn key(seed: u8) -> SigningKey {
        SigningKey::from_entropy(&std::array::from_fn(|i| u8::try_from(i).unwrap() + seed)).unwrap()
    }

    fn grant() -> Grant {
        Grant {
            iss: "https://pay.example".to_owned(),
            session: SessionId::new(NOW, [1; 10]),
            order: OrderId::new(NOW, [2; 10]),
            merchant: MerchantId::parse("m_demo").unwrap(),
            amount: 12800,
            currency: Currency::from_code("CNY").unwrap(),
            methods: vec!["wallet_qr".to_owned()],
            origin: "https://shop.example".to_owned(),
            cnf: Confirmation { jkt: key(9).verifying_key().thumbprint() },
            iat: NOW.as_secs(),
            exp: NOW.as_secs() + 900,
        }
    }

    #[test]
    fn a_grant_reads_back() {
        let jws = grant().sign(&key(1)).unwrap();
        assert_eq!(Grant::verify(&jws, &key(1).verifying_key(), NOW), Ok(grant()));
    }

    #[test]
    fn a_grant_is_good_for_its_key_its_words_and_its_time() {
        let jws = grant().sign(&key(1)).unwrap();
        let dearer = Grant { amount: 12801, ..grant() }.sign(&key(2)).unwrap();
        let (payload, signature) =
            (dearer.split('.').nth(1).unwrap(), jws.rsplit('.').next().unwrap());
        let swapped = format!("{}.{payload}.{signature}", jws.split('.').next().unwrap());
        let endless = Grant { exp: NOW.as_secs() + 901, ..grant() }.sign(&key(1)).unwrap();
        let none = jws.replace(&BASE64URL.encode(b"{\"alg\":\"ES256\"")[..16], "eyJhbGciOiJub25l");
        for (jws, now, error) in [
            (&dearer, NOW, GrantError::Signature),
            (&swapped, NOW, GrantError::Signature),
            (&jws, NOW.plus_secs(900), GrantError::Expired),
            (&endless, NOW, GrantError::Expired),
            (&none, NOW, GrantError::Malformed),
            (&"a.b".to_owned(), NOW, GrantError::Malformed),
            (&"..".to_owned(), NOW, GrantError::Malformed),
            (&String::new(), NOW, GrantError::Malformed),
        ] {
            assert_eq!(Grant::verify(jws, &key(1).verifying_key(), now), Err(error), "{jws}");
        }
    }
}
