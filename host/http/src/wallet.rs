//! The simulated wallet's page: what a shopper's own wallet would show on their phone. No script.

use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use lezai_core::id::AttemptId;
use lezai_core::instalments::{Plan, Quote};
use lezai_core::money::Money;
use maud::{DOCTYPE, Markup, html};
use url::Url;

use lezai_channels::channel::AttemptStatus;
use lezai_channels::sandbox::{Outcome, SHOPPER_DECLINED, WalletPayment};

/// Its style sheet.
pub(super) const STYLE: &str = include_str!("wallet.css");

const POLICY: &str = "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The shopper who paid goes back to the shop by themselves after these seconds.
const BACK_AFTER_SECS: u32 = 3;

/// The language that the page speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Language {
    English,
    Chinese,
}

impl Language {
    /// The one that `Accept-Language` names first.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let wanted = headers
            .get(header::ACCEPT_LANGUAGE)
            .and_then(|it| it.to_str().ok())
            .unwrap_or_default();
        if wanted.trim_start().to_ascii_lowercase().starts_with("zh") {
            Self::Chinese
        } else {
            Self::English
        }
    }

    pub(super) fn pick(self, english: &'static str, chinese: &'static str) -> &'static str {
        match self {
            Self::English => english,
            Self::Chinese => chinese,
        }
    }
}

/// The page for a payment as it stands.
pub(super) fn page(attempt: &AttemptId, payment: &WalletPayment, language: Language) -> Response {
    let decided = payment.agreed || payment.standing != AttemptStatus::Pending;
    let asks = !decided && !payment.code_is_over;
    let title = format!(
        "{} · {}",
        amount(payment.amount, language),
        language.pick("Sandbox wallet", "沙箱钱包")
    );
    let body = html! {
        h1 { (language.pick("Payment", "付款")) }
        @if !asks { (result(payment, language)) }
        section.payment aria-label=(language.pick("What is paid", "付款内容")) {
            p.merchant { (payment.merchant_name) }
            p.amount { (amount(payment.amount, language)) }
            p.description { (payment.description) }
            @if let Some(plan) = payment.instalments { (parts(plan, payment.amount, language)) }
        }
        (payer(payment, language))
        @if asks { (choice(attempt, language)) } @else { (way_back(payment, decided, language)) }
    };
    let mut response = framed(&title, &body, language);
    // Not by the form's own redirect, which its policy keeps on this site.
    if let Some(value) = payment.return_url.as_deref().filter(|_| decided).and_then(refresh) {
        response.headers_mut().insert(HeaderName::from_static("refresh"), value);
    }
    response
}

/// A page of the wallet's, with what all of them have.
pub(super) fn framed(title: &str, body: &Markup, language: Language) -> Response {
    let markup = html! {
        (DOCTYPE)
        html lang=(language.pick("en", "zh-CN")) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="robots" content="noindex";
                title { (title) }
                link rel="icon" href="data:,";
                link rel="stylesheet" href="/sandbox/wallet.css";
            }
            body {
                header {
                    p.wallet { (mark()) (language.pick("Wallet", "钱包")) }
                    p.badge { (language.pick("Sandbox", "沙箱")) }
                }
                main { (body) }
                footer {
                    p { (language.pick(
                        "No money moves here. This page stands in for the shopper's wallet.",
                        "这里没有真实资金，本页模拟付款人的钱包。",
                    )) }
                }
            }
        }
    };
    let mut response = axum::response::Html(markup.into_string()).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    // With it a form's request names the page that it comes from, also to browsers that say it in
    // `Origin` alone; other websites are told nothing.
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    response
}

/// Back to the shop by itself. A header is ASCII, so the address is as it is sent: browsers read
/// other bytes as another alphabet's.
fn refresh(url: &str) -> Option<HeaderValue> {
    let url = Url::parse(url).ok()?;
    let value = format!("{BACK_AFTER_SECS}; url={url}");
    value.is_ascii().then(|| HeaderValue::from_str(&value).ok()).flatten()
}

/// The wallet's own mark.
fn mark() -> Markup {
    html! {
        svg viewBox="0 0 24 24" aria-hidden="true" {
            path d="M4 8.5V17a2.5 2.5 0 0 0 2.5 2.5h11A2.5 2.5 0 0 0 20 17v-6.5A2.5 2.5 0 0 0 17.5 8H5.5a1.75 1.75 0 0 1 0-3.500H16.500M16 13.750h.010" {}
        }
    }
}

/// The payer and the source of the money. Both are made up, as all here.
fn payer(payment: &WalletPayment, language: Language) -> Markup {
    let source = match payment.instalments {
        Some(_) => language.pick("Monthly credit", "分期额度"),
        None => language.pick("Balance", "账户余额"),
    };
    html! {
        dl {
            div {
                dt { (language.pick("Payer", "付款人")) }
                dd { (language.pick("Lin Xiaoyu", "林小雨")) }
            }
            div {
                dt { (language.pick("Pay with", "付款方式")) }
                dd { (source) }
            }
        }
    }
}

/// The monthly parts that they agree to pay, as the core has them.
fn parts(plan: Plan, whole: Money, language: Language) -> Markup {
    let Some(Quote { fee, total, first, each }) = plan.quote(whole) else { return html! {} };
    html! {
        p.description { (plan.count()) " × " (amount(each, language)) }
        @if first != each {
            p.description { (language.pick("First month: ", "首期：")) (amount(first, language)) }
        }
        p.description {
            (language.pick("Fee: ", "手续费：")) (amount(fee, language)) " · "
            (language.pick("In total: ", "总计：")) (amount(total, language))
        }
    }
}

fn choice(attempt: &AttemptId, language: Language) -> Markup {
    html! {
        form method="post" action={ "/sandbox/wallet/" (attempt) "/approve" } {
            button.approve type="submit" { (language.pick("Pay", "确认付款")) }
        }
        form method="post" action={ "/sandbox/wallet/" (attempt) "/decline" } {
            button.decline type="submit" { (language.pick("Decline", "拒绝")) }
        }
        details {
            summary { (language.pick("Simulate another outcome", "模拟其他结果")) }
            form method="post" {
                @for (outcome, english, chinese) in OUTCOMES {
                    button type="submit" formaction={ "/sandbox/wallet/" (attempt) "/simulate/" (outcome.word()) } {
                        (language.pick(english, chinese))
                    }
                }
            }
        }
    }
}

/// The outcomes that the wallet can be told, and how the buttons are called.
const OUTCOMES: [(Outcome, &str, &str); 5] = [
    (Outcome::InsufficientFunds, "Not enough money", "余额不足"),
    (Outcome::LimitExceeded, "Above the limit", "超出限额"),
    (Outcome::AccountFrozen, "Account locked", "账户冻结"),
    (Outcome::NetworkFailure, "Wallet out of reach", "网络故障"),
    (Outcome::Late, "Paid, but late", "延迟到账"),
];

/// Where it goes on once there is nothing to decide here.
fn way_back(payment: &WalletPayment, decided: bool, language: Language) -> Markup {
    html! {
        @if let Some(url) = payment.return_url.as_ref().filter(|_| decided) {
            p.note { (language.pick("Going back to the shop in 3 seconds…", "3 秒后自动返回商家…")) }
            p { a.back href=(url) { (language.pick("Back to the shop", "返回商家")) } }
        } @else if decided {
            p.note { (language.pick("You can put the phone away; the shop's page goes on by itself.", "可以放下手机了，商家页面会自动继续。")) }
        } @else {
            p.note { (language.pick("Scan a new one on the shop's page.", "请在商家页面刷新后重新扫码。")) }
        }
    }
}

fn result(payment: &WalletPayment, language: Language) -> Markup {
    let refunded = payment.refunded.minor() > 0;
    if payment.code_is_over {
        return html! {
            (picture(CROSS))
            p.result.declined role="status" { (language.pick("This code has expired", "二维码已失效")) }
        };
    }
    let (class, word) = match &payment.standing {
        AttemptStatus::Paid { .. } if payment.refunded == payment.amount => {
            ("paid", language.pick("Refunded", "已全额退款"))
        }
        AttemptStatus::Paid { .. } if refunded => {
            ("paid", language.pick("Partly refunded", "已部分退款"))
        }
        AttemptStatus::Paid { .. } => ("paid", language.pick("Paid", "已付款")),
        AttemptStatus::Authorized { .. } => {
            ("paid", language.pick("Authorised: the amount is set aside", "已授权，金额已预留"))
        }
        AttemptStatus::Declined { code } if code == SHOPPER_DECLINED => {
            ("declined", language.pick("Declined", "已拒绝"))
        }
        AttemptStatus::Declined { .. } => {
            ("declined", language.pick("The payment failed", "付款失败"))
        }
        AttemptStatus::DebitReturned { .. } => {
            ("declined", language.pick("The bank took the debit back", "银行已撤回这笔扣款"))
        }
        AttemptStatus::Returned => {
            ("declined", language.pick("The money was returned", "款项已退回"))
        }
        AttemptStatus::Pending => ("pending", language.pick("Being processed", "处理中")),
        AttemptStatus::Cancelled | AttemptStatus::Unknown | AttemptStatus::Refused { .. } => {
            ("declined", language.pick("This payment was called off", "这笔付款已取消"))
        }
    };
    let moved = match &payment.standing {
        AttemptStatus::Paid { amount, .. } | AttemptStatus::Authorized { amount, .. } => {
            Some(*amount)
        }
        _ => None,
    };
    let stroke = match class {
        "paid" => TICK,
        "declined" => CROSS,
        _ => HANDS,
    };
    html! {
        (picture(stroke))
        p.result.(class) role="status" { (word) }
        @if let AttemptStatus::Declined { code } = &payment.standing && code != SHOPPER_DECLINED {
            p.description { code { (code) } }
        }
        @if let Some(moved) = moved.filter(|it| *it != payment.amount) {
            p.description { (language.pick("Taken: ", "实际金额：")) (amount(moved, language)) }
        }
        @if refunded {
            p.description { (language.pick("Refunded: ", "已退款：")) (amount(payment.refunded, language)) }
        }
    }
}

/// The drawing in the picture above a result.
const TICK: &str = "M15 25.5 21.5 32 34 17.5";
const CROSS: &str = "M17 17 31 31M31 17 17 31";
const HANDS: &str = "M24 14v10.5l7 4";

/// A disc with a stroke in it that draws itself, unless less motion is asked for.
fn picture(stroke: &str) -> Markup {
    html! {
        svg.picture viewBox="0 0 48 48" aria-hidden="true" {
            path.disc d="M24 2a22 22 0 1 1 0 44 22 22 0 0 1 0-44z" {}
            path.stroke pathLength="1" d=(stroke) {}
        }
    }
}

/// The amount with its currency's sign, such as `¥128.00` in Chinese, and never two currencies under one sign; with as
/// many decimals as ISO 4217 says.
pub(super) fn amount(money: Money, language: Language) -> String {
    let (code, exponent) = (money.currency().code(), usize::from(money.currency().exponent()));
    let digits = format!("{:0>width$}", money.minor(), width = exponent + 1);
    let (whole, fraction) = digits.split_at(digits.len() - exponent);
    let mut grouped = String::new();
    for (n, digit) in whole.chars().enumerate() {
        if n > 0 && (whole.len() - n).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let point = if fraction.is_empty() { "" } else { "." };
    let sign = match (code, language) {
        ("CNY", Language::Chinese) | ("JPY", Language::English) => "¥",
        ("CNY", Language::English) => "CN¥",
        ("JPY", Language::Chinese) => "JP¥",
        ("USD", Language::English) => "$",
        ("USD", Language::Chinese) => "US$",
        ("EUR", _) => "€",
        ("GBP", _) => "£",
        ("HKD", _) => "HK$",
        // Without one that all know, its code, which does not break off.
        _ => return format!("{code}\u{a0}{grouped}{point}{fraction}"),
    };
    format!("{sign}{grouped}{point}{fraction}")
}

#[cfg(test)]
mod tests {
    use lezai_core::money::Currency;

    use super::*;

    #[test]
    fn amounts_have_their_currency_s_sign_and_decimals() {
        for (minor, code, english, chinese) in [
            (12_800, "CNY", "CN¥128.00", "¥128.00"),
            (5, "CNY", "CN¥0.05", "¥0.05"),
            (0, "CNY", "CN¥0.00", "¥0.00"),
            (123_456_789, "USD", "$1,234,567.89", "US$1,234,567.89"),
            (1500, "JPY", "¥1,500", "JP¥1,500"),
            (150_000, "BHD", "BHD\u{a0}150.000", "BHD\u{a0}150.000"),
        ] {
            let money = Money::new(minor, Currency::from_code(code).unwrap()).unwrap();
            assert_eq!(amount(money, Language::English), english);
            assert_eq!(amount(money, Language::Chinese), chinese);
        }
    }

    #[test]
    fn the_shopper_reads_the_status_in_their_language() {
        let cny = |minor| Money::new(minor, Currency::from_code("CNY").unwrap()).unwrap();
        let channel_ref = || "sbx_1".to_owned();
        let paid = |minor| AttemptStatus::Paid { amount: cny(minor), channel_ref: channel_ref() };
        let authorised =
            AttemptStatus::Authorized { amount: cny(12800), channel_ref: channel_ref() };
        let declined = |code: &str| AttemptStatus::Declined { code: code.to_owned() };
        for (standing, refunded, english, chinese) in [
            (AttemptStatus::Pending, 0, "Being processed", "处理中"),
            (authorised, 0, "Authorised: the amount is set aside", "已授权，金额已预留"),
            (paid(12800), 0, "Paid", "已付款"),
            (paid(5000), 0, "Taken: CN¥50.00", "实际金额：¥50.00"),
            (paid(12800), 500, "Refunded: CN¥5.00", "已退款：¥5.00"),
            (paid(12800), 12800, ">Refunded<", "已全额退款"),
            (declined("shopper_declined"), 0, "Declined", "已拒绝"),
            (declined("insufficient_funds"), 0, "insufficient_funds", "付款失败"),
            (AttemptStatus::Returned, 0, "The money was returned", "款项已退回"),
            (AttemptStatus::Cancelled, 0, "This payment was called off", "这笔付款已取消"),
        ] {
            let payment = WalletPayment {
                amount: cny(12800),
                merchant_name: "Demo".to_owned(),
                description: "Tea".to_owned(),
                return_url: None,
                standing,
                agreed: true,
                refunded: cny(refunded),
                code_is_over: false,
                instalments: None,
            };
            for (language, word) in [(Language::English, english), (Language::Chinese, chinese)] {
                let markup = result(&payment, language).into_string();
                assert!(markup.contains(word), "{word}: {markup}");
            }
        }
    }

    #[test]
    fn the_way_back_is_ascii() {
        for (url, value) in [
            ("https://shop.example/a?b#c", Some("3; url=https://shop.example/a?b#c")),
            ("https://例え.jp/茶", Some("3; url=https://xn--r8jz45g.jp/%E8%8C%B6")),
            ("no address", None),
        ] {
            let found = refresh(url);
            assert_eq!(found.as_ref().map(|it| it.to_str().unwrap()), value, "{url}");
        }
    }

    #[test]
    fn what_a_merchant_wrote_is_text() {
        let payment = WalletPayment {
            amount: Money::new(1, Currency::from_code("CNY").unwrap()).unwrap(),
            merchant_name: "<script>".to_owned(),
            description: "\"><img onerror=x>".to_owned(),
            return_url: Some("https://shop.example/?a=\"><script>".to_owned()),
            standing: AttemptStatus::Pending,
            agreed: false,
            refunded: Money::zero(Currency::from_code("CNY").unwrap()),
            code_is_over: false,
            instalments: None,
        };
        for standing in [AttemptStatus::Pending, AttemptStatus::Cancelled] {
            let markup = result(&WalletPayment { standing, ..payment.clone() }, Language::English)
                .into_string();
            assert!(!markup.contains("<script>") && !markup.contains("<img"), "{markup}");
        }
    }
}
