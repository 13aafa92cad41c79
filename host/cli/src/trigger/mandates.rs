//! The steps to the events of mandates and debits.

use serde_json::{Value, json};

use super::play::{DAY_SECS, LATER_SECS, Play, random};

/// The fate of a mandate.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fate {
    /// The shopper agrees.
    Agreed,
    /// They do not.
    Declined,
    /// They agree, and the merchant takes it back.
    Revoked,
    /// They do not decide in time.
    Expired,
    /// They agree, and this much is debited.
    Debited(i64),
}

/// The most of each debit: none of the sandbox's magic amounts.
const MAX_AMOUNT: i64 = 20_000;

impl Play {
    /// A mandate, and what becomes of it.
    pub(super) async fn mandate(&self, event: &str, fate: Fate) -> Result<bool, String> {
        let end = self.end_of(event).await?;
        let expires_at = self.now().await?.plus_secs(30 * 86_400);
        let body = json!({
            "merchant_mandate_id": format!("T-{}", random()), "description": "lezai trigger",
            "max_amount": MAX_AMOUNT, "currency": "CNY",
            "expires_at": lezai_wire::time::rfc3339(expires_at),
        });
        let made = self.post("/v1/mandates", &body).await?;
        let id = made["id"].as_str().ok_or("the gateway gave the mandate no id")?.to_owned();
        say!("mandate    {id} of at most {MAX_AMOUNT} CNY at once");
        let act = match fate {
            Fate::Declined => Some("decline"),
            Fate::Agreed | Fate::Revoked | Fate::Debited(_) => Some("agree"),
            Fate::Expired => None,
        };
        if let Some(act) = act {
            let path = format!("/sandbox/mandates/{id}/{act}");
            let mandate = self.unsigned(&path, &json!({})).await?;
            say!("{act:<10} {}", mandate["status"].as_str().unwrap_or("-"));
        }
        let is_it = |it: &Value| it["data"]["mandate"]["id"] == id.as_str();
        match fate {
            Fate::Debited(amount) => self.debit(event, &id, amount).await,
            Fate::Agreed | Fate::Declined => {
                let event = self.comes(event, end, LATER_SECS, is_it).await?;
                self.delivered(&event).await
            }
            Fate::Revoked => {
                let path = format!("/v1/mandates/{id}/revoke");
                let mandate = self.post(&path, &json!({})).await?;
                say!("revoke     {}", mandate["status"].as_str().unwrap_or("-"));
                let event = self.comes(event, end, LATER_SECS, is_it).await?;
                self.delivered(&event).await
            }
            Fate::Expired => {
                let event = self.comes(event, end, DAY_SECS, is_it).await?;
                self.delivered(&event).await
            }
        }
    }

    /// A debit, and the event that its amount leads to.
    async fn debit(&self, event: &str, mandate: &str, amount: i64) -> Result<bool, String> {
        let mut body = json!({
            "merchant_order_id": format!("T-{}", random()), "amount": amount, "currency": "CNY",
            "description": "lezai trigger",
        });
        if let Some(url) = self.notify_url() {
            body["notify_url"] = json!(url);
        }
        let order = self.post(&format!("/v1/mandates/{mandate}/debits"), &body).await?;
        let id = order["id"].as_str().ok_or("the gateway gave the order no id")?.to_owned();
        say!("debit      {id} over {amount} CNY, {}", order["status"].as_str().unwrap_or("-"));
        let event = self.event(&format!("order_id={id}&type={event}")).await?;
        self.delivered(&event).await
    }
}
