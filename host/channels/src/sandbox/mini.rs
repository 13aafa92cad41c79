//! The sandbox's credentials for mini-programs: each platform's own shape, and nothing that its
//! real cashier would take.
//!
//! All of it follows from the attempt's id, so that a repeat is the same, and names the attempt, so that
//! whoever plays the platform can find it.

use base64ct::{Base64, Encoding as _};
use lezai_core::digest::sha256_hex;
use lezai_core::id::AttemptId;
use lezai_core::order::Credential;

/// As WeChat Pay API v3 signs it, but for the signature, which is none: nobody holds a key here.
pub(super) fn wechat(attempt: &AttemptId) -> Credential {
    let time_stamp = attempt.made_at().as_secs().to_string();
    let package = format!("prepay_id={attempt}");
    let digest = sha256_hex(format!("{time_stamp}\n{package}\n").as_bytes());
    Credential::WechatJsapi {
        app_id: "wx0000000000sandbox".to_owned(),
        pay_sign: Base64::encode_string(format!("sandbox {digest}").as_bytes()),
        nonce_str: digest[..32].to_owned(),
        sign_type: "RSA".to_owned(),
        time_stamp,
        package,
    }
}

pub(super) fn alipay(attempt: &AttemptId) -> Credential {
    Credential::AlipayMini { trade_no: attempt.to_string() }
}

pub(super) fn douyin(attempt: &AttemptId) -> Credential {
    let digest = sha256_hex(format!("order_token {attempt}").as_bytes());
    Credential::DouyinMini {
        order_id: attempt.to_string(),
        order_token: Base64::encode_string(digest.as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use lezai_core::time::Timestamp;

    use super::*;

    #[test]
    fn a_repeat_is_the_same_and_another_attempt_is_not() {
        let attempt = |n| AttemptId::new(Timestamp::from_secs(1_795_000_000), [n; 10]);
        for of in [wechat, alipay, douyin] {
            assert_eq!(of(&attempt(1)), of(&attempt(1)));
            assert_ne!(of(&attempt(1)), of(&attempt(2)));
        }
    }

    #[test]
    fn wechat_s_bounds_hold() {
        let attempt = AttemptId::new(Timestamp::from_secs(1_795_000_000), [1; 10]);
        let Credential::WechatJsapi { time_stamp, nonce_str, package, .. } = wechat(&attempt)
        else {
            panic!("another credential");
        };
        assert_eq!((time_stamp.as_str(), nonce_str.len()), ("1795000000", 32));
        assert_eq!(package, format!("prepay_id={attempt}"));
    }
}
