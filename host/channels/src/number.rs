//! Our numbers at the providers.
//!
//! `att_` and 32 digits are 36 characters, and WeChat Pay takes 32 at most. So a provider gets the 32
//! hexadecimal digits alone, which fit every provider's alphabet.

use lezai_core::id::{AttemptId, BadId, DifferenceId, PayoutId, RefundId};

const DIGITS: usize = 32;

/// The number of a payment at a provider.
pub fn of_attempt(attempt: &AttemptId) -> String {
    digits(attempt.as_str()).to_owned()
}

/// The number of a refund at a provider.
pub fn of_refund(refund: &RefundId) -> String {
    digits(refund.as_str()).to_owned()
}

/// The number of a payout at a provider.
pub fn of_payout(payout: &PayoutId) -> String {
    digits(payout.as_str()).to_owned()
}

/// The refund by which the payment that a difference is about goes back: one for each difference, whatever happens.
///
/// # Errors
///
/// [`BadId`], which no id of a difference gives.
pub fn of_return(difference: &DifferenceId) -> Result<RefundId, BadId> {
    RefundId::parse(&format!("rfd_{}", digits(difference.as_str())))
}

/// The attempt whose number this is.
pub fn to_attempt(number: &str) -> Option<AttemptId> {
    AttemptId::parse(&format!("att_{number}")).ok()
}

/// The refund whose number this is.
pub fn to_refund(number: &str) -> Option<RefundId> {
    RefundId::parse(&format!("rfd_{number}")).ok()
}

/// The digits of an id, without its prefix.
pub(crate) fn digits(id: &str) -> &str {
    let at = id.len().saturating_sub(DIGITS);
    id.get(at..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_32_digits_and_leads_back() {
        let id = "0193710e2f4a1b2c3d4e5f60718293a4";
        let attempt = AttemptId::parse(&format!("att_{id}")).unwrap();
        assert_eq!(of_attempt(&attempt), id);
        assert_eq!(to_attempt(id), Some(attempt));
        let refund = RefundId::parse(&format!("rfd_{id}")).unwrap();
        assert_eq!(of_refund(&refund), id);
        assert_eq!(to_refund(id), Some(refund.clone()));
        let difference = DifferenceId::parse(&format!("dif_{id}")).unwrap();
        assert_eq!(of_return(&difference), Ok(refund));
        for wrong in ["", "0193710E2F4A1B2C3D4E5F60718293A4", "0193", &format!("att_{id}")] {
            assert_eq!(to_attempt(wrong), None, "{wrong}");
        }
    }
}
