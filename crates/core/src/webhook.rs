//! Standard Webhooks signatures (<https://www.standardwebhooks.com>), scheme `v1`: HMAC-SHA-256
//! over id, timestamp and body, so that a merchant can verify with a library that its language
//! has today. It stands beside the RFC 9421 signature, which needs no shared secret.

use base64ct::{Base64, Encoding as _};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::time::Timestamp;

/// How far a timestamp may lie from the verifier's clock, as the specification's libraries have it.
pub const TOLERANCE_SECS: i64 = 300;

/// A shared secret, `whsec_` and 24 to 64 bytes in base64.
#[derive(Clone)]
pub struct Secret(Vec<u8>);

/// Why a callback is refused, or a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WebhookError {
    /// The text is no secret.
    #[error("not a webhook secret: whsec_ and 24 to 64 bytes in base64")]
    Secret,
    /// The timestamp is too far from now.
    #[error("webhook-timestamp lies more than five minutes from now")]
    Expired,
    /// No `v1` signature of the field fits.
    #[error("no v1 signature in webhook-signature fits")]
    Signature,
}

impl Secret {
    /// # Errors
    ///
    /// [`WebhookError::Secret`].
    pub fn parse(text: &str) -> Result<Self, WebhookError> {
        let encoded = text.strip_prefix("whsec_").ok_or(WebhookError::Secret)?;
        Self::from_bytes(Base64::decode_vec(encoded).map_err(|_| WebhookError::Secret)?)
    }

    /// # Errors
    ///
    /// [`WebhookError::Secret`] unless there are 24 to 64 bytes, not all the same.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, WebhookError> {
        let all_same = bytes.windows(2).all(|pair| pair[0] == pair[1]);
        if !(24..=64).contains(&bytes.len()) || all_same {
            return Err(WebhookError::Secret);
        }
        Ok(Self(bytes))
    }

    /// The secret as text, to hand to the merchant once.
    pub fn reveal(&self) -> String {
        format!("whsec_{}", Base64::encode_string(&self.0))
    }

    /// The value of `webhook-signature`.
    pub fn sign(&self, id: &str, at: Timestamp, body: &[u8]) -> String {
        format!(
            "v1,{}",
            Base64::encode_string(&self.mac(id, at.as_secs(), body).finalize().into_bytes())
        )
    }

    /// Checks the three `webhook-` fields over the body as received.
    ///
    /// # Errors
    ///
    /// [`WebhookError::Expired`], [`WebhookError::Signature`].
    pub fn verify(
        &self,
        id: &str,
        timestamp: &str,
        signatures: &str,
        body: &[u8],
        now: Timestamp,
    ) -> Result<(), WebhookError> {
        let secs: i64 = timestamp.parse().map_err(|_| WebhookError::Expired)?;
        if now.as_secs().saturating_sub(secs).checked_abs().is_none_or(|age| age > TOLERANCE_SECS) {
            return Err(WebhookError::Expired);
        }
        let fits = |signature: &str| {
            let bytes =
                signature.strip_prefix("v1,").and_then(|encoded| Base64::decode_vec(encoded).ok());
            // The comparison is hmac's, in constant time.
            bytes.is_some_and(|bytes| self.mac(id, secs, body).verify_slice(&bytes).is_ok())
        };
        if signatures.split(' ').any(fits) { Ok(()) } else { Err(WebhookError::Signature) }
    }

    fn mac(&self, id: &str, secs: i64, body: &[u8]) -> Hmac<Sha256> {
        // HMAC takes keys of any length (RFC 2104), so the error cannot occur.
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).unwrap_or_else(|_| unreachable!());
        mac.update(format!("{id}.{secs}.").as_bytes());
        mac.update(body);
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // The example of the specification's reference libraries.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const BODY: &[u8] = br#"{"test": 2432232314}"#;
    const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    const AT: Timestamp = Timestamp::from_secs(1_614_265_330);

    #[test]
    fn the_specification_s_example_holds() {
        let secret = Secret::parse(SECRET).unwrap();
        assert_eq!(secret.sign(ID, AT, BODY), SIGNATURE);
        assert_eq!(secret.reveal(), SECRET);
        assert_eq!(
            secret.verify(ID, "1614265330", &format!("v1a,AAAA v1,AAAA {SIGNATURE}"), BODY, AT),
            Ok(())
        );
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let secret = Secret::parse(SECRET).unwrap();
        for (id, timestamp, signature, body, error) in [
            ("msg_other", "1614265330", SIGNATURE, BODY, WebhookError::Signature),
            (ID, "1614265331", SIGNATURE, BODY, WebhookError::Signature),
            (ID, "1614265330", SIGNATURE, b"{}".as_slice(), WebhookError::Signature),
            (ID, "1614265330", "v1,", BODY, WebhookError::Signature),
            (ID, "1614265330", "", BODY, WebhookError::Signature),
            (ID, "1614265029", SIGNATURE, BODY, WebhookError::Expired),
            (ID, "1614265631", SIGNATURE, BODY, WebhookError::Expired),
            (ID, "-9223372036854775808", SIGNATURE, BODY, WebhookError::Expired),
            (ID, "soon", SIGNATURE, BODY, WebhookError::Expired),
        ] {
            assert_eq!(
                secret.verify(id, timestamp, signature, body, AT),
                Err(error),
                "{id} {timestamp} {signature}"
            );
        }
        for text in [
            "",
            "whsec_",
            "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "whsec_MfKQ9r8G",
        ] {
            assert!(Secret::parse(text).is_err(), "{text}");
        }
    }
}
