//! The simulated wallet's page for a mandate: the shopper agrees to be debited, or does not. No script.

use axum::response::Response;
use lezai_channels::channel::MandateStatus;
use lezai_channels::sandbox::{MandateAct, WalletMandate};
use lezai_core::id::MandateId;
use maud::{Markup, html};

use super::wallet::{Language, amount, framed};

/// The acts that the page offers, and how its buttons are called.
const ACTS: [(MandateAct, &str); 3] = [
    (MandateAct::Agree, "agree"),
    (MandateAct::Decline, "decline"),
    (MandateAct::Revoke, "revoke"),
];

/// The act with this name.
pub(super) fn act(word: &str) -> Option<MandateAct> {
    ACTS.iter().find(|(_, it)| *it == word).map(|(act, _)| *act)
}

/// The page for a mandate as it stands.
pub(super) fn page(id: &MandateId, mandate: &WalletMandate, language: Language) -> Response {
    let is_open = mandate.standing == MandateStatus::Pending && !mandate.is_over;
    let title = language.pick("Automatic payments", "自动扣款");
    let body = html! {
        h1 { (title) }
        @if !is_open { (result(mandate, language)) }
        section.payment aria-label=(language.pick("What you agree to", "授权内容")) {
            p.merchant { (mandate.merchant_name) }
            p.amount { (amount(mandate.max_amount, language)) }
            p.description { (language.pick("at most, each time", "每次最多")) }
            p.description { (mandate.description) }
        }
        @if is_open {
            (button(id, "agree", "approve", language.pick("Agree", "同意")))
            (button(id, "decline", "decline", language.pick("Decline", "拒绝")))
        } @else {
            @if let MandateStatus::Active { .. } = mandate.standing {
                (button(id, "revoke", "decline", language.pick("Take it back", "解除授权")))
            }
            @if let Some(url) = &mandate.return_url {
                p { a.back href=(url) { (language.pick("Back to the shop", "返回商家")) } }
            }
        }
    };
    framed(title, &body, language)
}

fn button(id: &MandateId, act: &str, class: &str, word: &str) -> Markup {
    html! {
        form method="post" action={ "/sandbox/mandates/" (id) "/page/" (act) } {
            button class=(class) type="submit" { (word) }
        }
    }
}

fn result(mandate: &WalletMandate, language: Language) -> Markup {
    let (class, word) = match &mandate.standing {
        MandateStatus::Active { .. } => ("paid", language.pick("You agreed", "已授权")),
        MandateStatus::Declined { .. } => ("declined", language.pick("Declined", "已拒绝")),
        MandateStatus::Revoked => ("declined", language.pick("Taken back", "已解除")),
        MandateStatus::Pending | MandateStatus::Unknown => {
            ("declined", language.pick("The time to agree is over", "授权已过期"))
        }
    };
    html! {
        p.result.(class) role="status" { (word) }
        @if let MandateStatus::Declined { code } = &mandate.standing {
            p.description { code { (code) } }
        }
    }
}

#[cfg(test)]
mod tests {
    use lezai_core::money::{Currency, Money};
    use lezai_core::time::Timestamp;

    use super::*;

    #[tokio::test]
    async fn the_shopper_reads_the_bound_and_what_became_of_it() {
        let at = Timestamp::from_secs(1_795_000_000);
        let active = || MandateStatus::Active { channel_ref: "W1".to_owned() };
        for (standing, is_over, english, chinese) in [
            (MandateStatus::Pending, false, "Agree</button>", "同意</button>"),
            (MandateStatus::Pending, true, "The time to agree is over", "授权已过期"),
            (active(), false, "Take it back</button>", "解除授权</button>"),
            (MandateStatus::Revoked, false, "Taken back", "已解除"),
        ] {
            let mandate = WalletMandate {
                max_amount: Money::new(5000, Currency::from_code("CNY").unwrap()).unwrap(),
                merchant_name: "Tea <House>".to_owned(),
                description: "Tea of the month".to_owned(),
                return_url: Some("https://shop.example/".to_owned()),
                expires_at: at,
                standing,
                is_over,
            };
            for (language, word) in [(Language::English, english), (Language::Chinese, chinese)] {
                let response = page(&MandateId::new(at, [1; 10]), &mandate, language);
                let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
                let text = String::from_utf8(body.to_vec()).unwrap();
                assert!(text.contains(word) && text.contains("50.00"), "{text}");
                assert!(text.contains("Tea &lt;House&gt;"), "{text}");
            }
        }
    }
}
