//! The keys of both sides, out of `keys/`, and what is done with them.

use base64ct::{Base64, Encoding as _};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::signature::{
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair, UnparsedPublicKey,
};

/// The APIv3 key of the simulated merchant.
pub const API_V3_KEY: &str = "simulated-api-v3-key-32-letters!";
/// The id of the simulated WeChat Pay's public key.
pub const PUBLIC_KEY_ID: &str = "PUB_KEY_ID_0119000000012026112900000000000001";
/// The serial numbers of the simulated platform's certificates.
pub const WECHAT_SERIALS: [&str; 2] =
    ["0D5E10EF55877E3CF6C33255C2E7DEFFF7E427EC", "F5EA10EF55877E3CF6C33255C2E7DEFFF7E42701"];
/// The serial number of the simulated merchant's certificate.
pub const MERCHANT_SERIAL: &str = "5F1C72E2A8931B72A2E13AF8DEE92471EB397115";

/// A file of `keys/`, by its name: what `lezai channel simulate` writes out.
pub const FILES: [(&str, &str); 18] = [
    ("wechat_merchant.pem", include_str!("../keys/wechat_merchant.pem")),
    ("wechat_merchant.crt", include_str!("../keys/wechat_merchant.crt")),
    ("wechat_platform.crt", include_str!("../keys/wechat_platform.crt")),
    ("wechat_platform_next.crt", include_str!("../keys/wechat_platform_next.crt")),
    ("wechat_public.pub", include_str!("../keys/wechat_public.pub")),
    ("wechat_api_v3_key", API_V3_KEY),
    ("alipay_app.pem", include_str!("../keys/alipay_app.pem")),
    ("alipay_app.crt", include_str!("../keys/alipay_app.crt")),
    ("alipay_app.pub", include_str!("../keys/alipay_app.pub")),
    ("alipay_platform.crt", include_str!("../keys/alipay_platform.crt")),
    ("alipay_platform_next.crt", include_str!("../keys/alipay_platform_next.crt")),
    ("alipay_platform.pub", include_str!("../keys/alipay_platform.pub")),
    ("alipay_root.crt", include_str!("../keys/alipay_root.crt")),
    ("wechat_public_key_id", PUBLIC_KEY_ID),
    ("unionpay_merchant.pem", UNIONPAY_MERCHANT),
    ("unionpay_merchant.crt", include_str!("../keys/unionpay_merchant.crt")),
    ("unionpay_middle.crt", include_str!("../keys/unionpay_middle.crt")),
    ("unionpay_root.crt", include_str!("../keys/unionpay_root.crt")),
];

/// The simulated WeChat Pay's private keys: two certificates', and the public key's.
pub const WECHAT_PRIVATE: [&str; 3] = [
    include_str!("../keys/wechat_platform.pem"),
    include_str!("../keys/wechat_platform_next.pem"),
    include_str!("../keys/wechat_public.pem"),
];
/// The merchant's private key.
pub const WECHAT_MERCHANT: &str = include_str!("../keys/wechat_merchant.pem");
/// The certificates that go with the first two.
pub const WECHAT_CERTIFICATES: [&str; 2] =
    [include_str!("../keys/wechat_platform.crt"), include_str!("../keys/wechat_platform_next.crt")];
/// The simulated Alipay's private keys.
pub const ALIPAY_PRIVATE: [&str; 2] =
    [include_str!("../keys/alipay_platform.pem"), include_str!("../keys/alipay_platform_next.pem")];
/// The names of the certificates that go with them.
pub const ALIPAY_NAMES: [&str; 2] =
    [include_str!("../keys/alipay_platform.sn"), include_str!("../keys/alipay_platform_next.sn")];
/// The application's private key.
pub const ALIPAY_APP: &str = include_str!("../keys/alipay_app.pem");
/// The name of the application's certificate.
pub const ALIPAY_APP_NAME: &str = include_str!("../keys/alipay_app.sn");
/// The name of the root.
pub const ALIPAY_ROOT_NAME: &str = include_str!("../keys/alipay_root.sn");

/// The merchant's private key at UnionPay.
pub const UNIONPAY_MERCHANT: &str = include_str!("../keys/unionpay_merchant.pem");
/// The serial number of its certificate, as a decimal.
pub const UNIONPAY_CERTIFICATE_ID: &str = "69903319369";
/// The simulated UnionPay's private keys.
pub const UNIONPAY_PRIVATE: [&str; 2] = [
    include_str!("../keys/unionpay_platform.pem"),
    include_str!("../keys/unionpay_platform_next.pem"),
];
/// The certificates that go with them.
pub const UNIONPAY_CERTIFICATES: [&str; 2] = [
    include_str!("../keys/unionpay_platform.crt"),
    include_str!("../keys/unionpay_platform_next.crt"),
];
/// A key, and a certificate for it that has UnionPay's name and is of another authority.
pub const UNIONPAY_FORGED: (&str, &str) =
    (include_str!("../keys/unionpay_forged.pem"), include_str!("../keys/unionpay_forged.crt"));

/// A private key.
pub struct Key(RsaKeyPair);

impl Key {
    /// Reads PKCS#8 in PEM.
    pub fn read(pem: &str) -> Option<Self> {
        let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
        let der = Base64::decode_vec(&body).ok()?;
        RsaKeyPair::from_pkcs8(&der).ok().map(Self)
    }

    /// Signs; base64.
    pub fn sign(&self, message: &[u8]) -> String {
        let mut signature = vec![0; self.0.public().modulus_len()];
        let signed = self.0.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature);
        signed.map(|()| Base64::encode_string(&signature)).unwrap_or_default()
    }

    /// Checks what the other half signed.
    pub fn verifies(&self, message: &[u8], signature: &str) -> bool {
        let Ok(signature) = Base64::decode_vec(signature) else { return false };
        let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, self.0.public().as_ref());
        key.verify(message, &signature).is_ok()
    }
}

/// AES-256-GCM under the APIv3 key: nonce and ciphertext as WeChat Pay writes them.
pub fn seal(plain: &[u8], beside: &str) -> (String, String) {
    let nonce = letters(12);
    let sealed = UnboundKey::new(&AES_256_GCM, API_V3_KEY.as_bytes()).ok().and_then(|key| {
        let bytes: [u8; 12] = nonce.as_bytes().try_into().ok()?;
        let mut text = plain.to_vec();
        let nonce = Nonce::assume_unique_for_key(bytes);
        let key = LessSafeKey::new(key);
        key.seal_in_place_append_tag(nonce, Aad::from(beside), &mut text).ok()?;
        Some(Base64::encode_string(&text))
    });
    (nonce, sealed.unwrap_or_default())
}

/// So many random letters and digits.
pub fn letters(length: usize) -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let mut bytes = vec![0; length];
    // Without randomness the text is all `a`, and a test fails.
    let _ = SystemRandom::new().fill(&mut bytes);
    bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect()
}
