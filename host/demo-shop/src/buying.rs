//! How an order comes to be: stored here first, then asked for at the gateway, with the same bytes
//! and the same key until there is an answer.

use std::time::Duration;

use lezai_core::money::Money;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::watch;

use lezai_base::clock;
use lezai_base::entropy;
use lezai_client::{Answer, ClientError, Retry, Trust};

use super::Shop;
use super::catalogue::{self, Language};
use super::store::{Begun, StoreError};

/// More of one thing nobody buys here.
const MAX_QUANTITY: u8 = 10;
/// How long the shopper has to pay, in seconds.
const EXPIRES_IN: u32 = 900;
/// How often the gateway is asked while the shopper waits, …
const TRIES: u32 = 2;
/// … and how long after a try that had no answer.
const PAUSE: Duration = Duration::from_millis(500);
/// How often orders that never got an answer are asked for again, …
const FINISH_EVERY: Duration = Duration::from_secs(30);
/// … once their shopper's own request must be over.
const FINISH_AFTER_SECS: i64 = 30;
/// So many of them in one go, one after the other.
const FINISH_AT_ONCE: u32 = 20;
/// An order is given up after a day: by then it has long expired, and its key is forgotten.
const FINISH_WITHIN_SECS: i64 = 86_400;

/// The values that the shopper's page needs to pay.
pub(super) struct Payable {
    /// The shop's number.
    pub(super) number: String,
    /// The checkout session.
    pub(super) session: String,
    /// The secret that opens it, once.
    pub(super) client_secret: String,
    /// The gateway's own page for it.
    pub(super) url: String,
}

/// Why there is nothing to pay.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotBought {
    /// There is no such product.
    #[error("the shop does not sell that")]
    NoSuchProduct,
    /// None, or too many.
    #[error("one to {MAX_QUANTITY} can be bought at once")]
    Quantity,
    /// The gateway will not take the order; the shop has closed it.
    #[error("the payment service refuses the order: {0}")]
    Refused(String),
    /// The gateway did not answer; the order stays, and is asked for again later.
    #[error("the payment service does not answer: {0}")]
    Unanswered(String),
    /// The shop's own file.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The gateway's response to the request for an order.
enum Reply {
    /// The order is there.
    Placed(PlacedOrder),
    /// It will never be.
    Refused(String),
    /// Unknown: ask again, the same way.
    Unknown(String),
}

/// The part of the gateway's order that the shop reads.
#[derive(Debug, Deserialize)]
struct PlacedOrder {
    id: String,
    merchant_order_id: String,
    amount: i64,
    currency: String,
    checkout: Option<PlacedCheckout>,
}

#[derive(Debug, Deserialize)]
struct PlacedCheckout {
    url: String,
    session: String,
    client_secret: Option<String>,
}

/// The mini-program that a shopper buys in.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum App {
    Wechat,
    Alipay,
    Douyin,
}

impl App {
    /// The one method that works there.
    fn method(self) -> &'static str {
        match self {
            Self::Wechat => "wechat_jsapi",
            Self::Alipay => "alipay_mini",
            Self::Douyin => "douyin_mini",
        }
    }
}

/// Sells so many of a product, on the shop's page or in a mini-program.
pub(super) async fn buy(
    shop: &Shop,
    product: &str,
    quantity: u8,
    app: Option<App>,
    language: Language,
) -> Result<Payable, NotBought> {
    let product = catalogue::find(product).ok_or(NotBought::NoSuchProduct)?;
    if !(1..=MAX_QUANTITY).contains(&quantity) {
        return Err(NotBought::Quantity);
    }
    let amount = product.price_of(quantity).ok_or(NotBought::Quantity)?;
    let number = new_number();
    let begun = Begun {
        product: product.id.clone(),
        amount,
        // Random, not the number: a key names a request, and a shop may have several about one order.
        idempotency_key: hex(&entropy::bytes::<16>()),
        request: request(
            &shop.public_url,
            &number,
            product.name_in(language),
            amount,
            quantity,
            app,
        ),
        created_at: clock::now(),
        number,
    };
    shop.store.insert(begun.clone()).await?;
    match place(shop, &begun, TRIES).await?.checkout {
        Some(PlacedCheckout { url, session, client_secret: Some(client_secret) }) => {
            Ok(Payable { number: begun.number, session, client_secret, url })
        }
        _ => Err(NotBought::Unanswered("its answer has no checkout".to_owned())),
    }
}

/// Asks again for orders that never got an answer: those of before a crash, at the start, and
/// those whose shopper saw the gateway fail. Nobody waits for their pages any more, but the shop
/// must know what the gateway holds for it.
pub(super) async fn finish_what_was_begun(shop: &Shop, mut stop: watch::Receiver<bool>) {
    loop {
        let now = clock::now();
        let begun = now.plus_secs(-FINISH_WITHIN_SECS)..now.plus_secs(-FINISH_AFTER_SECS);
        match shop.store.unanswered(begun, FINISH_AT_ONCE).await {
            Ok(orders) => {
                for begun in orders {
                    if *stop.borrow() {
                        return;
                    }
                    match place(shop, &begun, 1).await {
                        Ok(_) => tracing::info!(
                            order = begun.number,
                            "order finished that was begun before"
                        ),
                        Err(reason) => {
                            tracing::warn!(order = begun.number, %reason, "order that was begun before is not finished")
                        }
                    }
                }
            }
            Err(error) => tracing::error!(%error, "the shop's database failed"),
        }
        tokio::select! {
            () = tokio::time::sleep(FINISH_EVERY) => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
    }
}

/// Asks the gateway for an order that is stored, and stores what it says.
async fn place(shop: &Shop, begun: &Begun, tries: u32) -> Result<PlacedOrder, NotBought> {
    let mut tried = 0;
    loop {
        tried += 1;
        let (body, key) = (begun.request.clone(), begun.idempotency_key.as_str());
        let reply = match read(
            shop.client.request("POST", "/v1/orders", Some(body), Some(key)).await,
            begun,
        ) {
            Some(reply) => reply,
            None => {
                let query = format!("/v1/orders?merchant_order_id={}", begun.number);
                read_found(shop.client.request("GET", &query, None, None).await, begun)
            }
        };
        match reply {
            Reply::Placed(placed) => {
                shop.store.placed(begun.number.clone(), placed.id.clone()).await?;
                return Ok(placed);
            }
            Reply::Refused(why) => {
                shop.store.refused(begun.number.clone()).await?;
                return Err(NotBought::Refused(why));
            }
            Reply::Unknown(why) if tried >= tries => return Err(NotBought::Unanswered(why)),
            Reply::Unknown(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

/// The meaning of the response to the order request. Only the gateway's own word ends the asking.
///
/// `None` if the order was made in an earlier try whose answer the gateway keeps no longer.
fn read(answer: Result<Answer, ClientError>, begun: &Begun) -> Option<Reply> {
    let answer = match trusted(answer) {
        Ok(answer) => answer,
        Err(why) => return Some(Reply::Unknown(why)),
    };
    if answer.is_success() {
        return Some(match serde_json::from_slice(&answer.body) {
            Ok(placed) => fitting(placed, begun),
            Err(error) => Reply::Unknown(format!("its answer is no order: {error}")),
        });
    }
    match answer.problem() {
        Some(problem) if problem.code == "merchant_order_id_taken" => None,
        // It is the shop's key that the gateway does not know or take; the order may stand.
        Some(problem) if answer.status == 401 => Some(Reply::Unknown(problem.code)),
        Some(problem) if problem.retry == Retry::Never => Some(Reply::Refused(problem.code)),
        Some(problem) => Some(Reply::Unknown(problem.code)),
        None => Some(Reply::Unknown(format!("status {}", answer.status))),
    }
}

/// The meaning of the response to the order query.
fn read_found(answer: Result<Answer, ClientError>, begun: &Begun) -> Reply {
    #[derive(Deserialize)]
    struct List {
        data: Vec<PlacedOrder>,
    }
    let answer = match trusted(answer) {
        Ok(answer) if answer.is_success() => answer,
        Ok(answer) => return Reply::Unknown(format!("status {}", answer.status)),
        Err(why) => return Reply::Unknown(why),
    };
    match serde_json::from_slice::<List>(&answer.body)
        .ok()
        .and_then(|list| list.data.into_iter().next())
    {
        Some(placed) => fitting(placed, begun),
        None => Reply::Unknown("the order it made before is not there".to_owned()),
    }
}

fn trusted(answer: Result<Answer, ClientError>) -> Result<Answer, String> {
    let answer = answer.map_err(|error| error.to_string())?;
    match &answer.trust {
        Trust::Verified => Ok(answer),
        Trust::Refused(why) => Err(why.to_string()),
        Trust::Unchecked => Err("its answer was not checked".to_owned()),
    }
}

fn fitting(placed: PlacedOrder, begun: &Begun) -> Reply {
    let fits = placed.merchant_order_id == begun.number
        && placed.amount == begun.amount.minor()
        && placed.currency == begun.amount.currency().code();
    if fits {
        Reply::Placed(placed)
    } else {
        Reply::Unknown("its answer is about another order".to_owned())
    }
}

/// The bytes that are stored, sent, and sent again.
fn request(
    public_url: &str,
    number: &str,
    name: &str,
    amount: Money,
    quantity: u8,
    app: Option<App>,
) -> Vec<u8> {
    let description = if quantity == 1 { name.to_owned() } else { format!("{quantity} × {name}") };
    let mut request = json!({
        "merchant_order_id": number,
        "amount": amount.minor(),
        "currency": amount.currency().code(),
        "description": description,
        "notify_url": format!("{public_url}/callbacks"),
        "return_url": format!("{public_url}/orders.html?order={number}"),
        "expires_in": EXPIRES_IN,
    });
    if let Some(app) = app {
        request["methods"] = json!([app.method()]);
    }
    request.to_string().into_bytes()
}

/// Long enough that nobody guesses another shopper's.
fn new_number() -> String {
    format!("S-{}", hex(&entropy::bytes::<8>()).to_uppercase())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use lezai_core::money::Currency;
    use lezai_core::time::Timestamp;

    use lezai_client::Distrust;
    use lezai_core::signature::SignatureError;

    use super::*;

    fn begun() -> Begun {
        Begun {
            number: "S-1".to_owned(),
            product: "jasmine-tea".to_owned(),
            amount: Money::new(12800, Currency::from_code("CNY").unwrap()).unwrap(),
            idempotency_key: "k".to_owned(),
            request: Vec::new(),
            created_at: Timestamp::from_ms(0),
        }
    }

    fn check(status: u16, trust: Trust, body: &str, expected: &str) {
        let answer = Answer { status, fields: Vec::new(), body: body.as_bytes().to_vec(), trust };
        let reply = match read(Ok(answer), &begun()) {
            Some(Reply::Placed(placed)) => format!("placed {}", placed.id),
            Some(Reply::Refused(why)) => format!("refused {why}"),
            Some(Reply::Unknown(_)) => "unknown".to_owned(),
            None => "made before".to_owned(),
        };
        assert_eq!(reply, expected, "{status} {body}");
    }

    #[test]
    fn only_the_gateway_s_own_word_ends_the_asking() {
        let order =
            r#"{"id":"ord_1","merchant_order_id":"S-1","amount":12800,"currency":"CNY","fee":77}"#;
        let problem =
            |code, retry| format!(r#"{{"code":"{code}","detail":"…","retry":"{retry}"}}"#);
        let forged = || Trust::Refused(Distrust::Signature(SignatureError::Expired));
        check(201, Trust::Verified, order, "placed ord_1");
        check(201, forged(), order, "unknown");
        check(201, Trust::Unchecked, order, "unknown");
        check(201, Trust::Verified, &order.replace("12800", "1"), "unknown");
        check(201, Trust::Verified, &order.replace("S-1", "S-2"), "unknown");
        check(201, Trust::Verified, "{}", "unknown");
        check(403, Trust::Verified, &problem("risk_denied", "never"), "refused risk_denied");
        check(403, forged(), &problem("risk_denied", "never"), "unknown");
        check(401, Trust::Verified, &problem("key_unknown", "never"), "unknown");
        check(
            409,
            Trust::Verified,
            &problem("merchant_order_id_taken", "query_first"),
            "made before",
        );
        check(503, Trust::Verified, &problem("overloaded", "later"), "unknown");
        check(500, Trust::Verified, "<html>", "unknown");
    }

    #[test]
    fn numbers_are_the_gateway_s_kind_and_differ() {
        let (one, other) = (new_number(), new_number());
        assert_ne!(one, other);
        assert!(
            one.len() == 18 && one.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'),
            "{one}"
        );
    }
}
