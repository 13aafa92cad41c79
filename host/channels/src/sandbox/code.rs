//! Codes of the simulated wallet, as a till scans them: 18 digits that begin with 99. The last two say what becomes of
//! a code; with the others, the amount says what the wallet makes of the payment.

use crate::channel::{MethodKind, PAYER_MISSING, PaymentRequest};

/// The outcome of a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// It is charged at once, or the payment needs none.
    Charged,
    /// 02: the shopper must enter the password, on the wallet's page.
    Waits,
}

impl Ending {
    /// The outcome of a request's code; the word of a refusal if there is none.
    pub(super) fn of(request: &PaymentRequest) -> Result<Self, &'static str> {
        if request.kind != MethodKind::Code {
            return Ok(Self::Waits);
        }
        let code = request.code.as_deref().ok_or(PAYER_MISSING)?;
        if !is_ours(code) {
            return Err("code_invalid");
        }
        match &code[16..] {
            "02" => Ok(Self::Waits),
            "03" => Err("insufficient_funds"),
            "04" => Err("code_expired"),
            _ => Ok(Self::Charged),
        }
    }
}

/// Whether a code is the simulated wallet's.
pub(super) fn is_ours(code: &str) -> bool {
    code.len() == 18 && code.starts_with("99") && code.bytes().all(|byte| byte.is_ascii_digit())
}
