//! Callbacks, encrypted and signed.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use super::orders::transaction;
use super::refunds::refund_json;
use super::replies::{bend, spoil};
use super::{MERCHANT, Order, PROVIDER, Wechat};
use crate::fault::What;
use crate::keys;
use crate::notify::Callback;
use crate::{Simulators, locked, time};

/// A callback before it is encrypted.
struct Told {
    url: String,
    public: bool,
    event: &'static str,
    summary: &'static str,
    kind: &'static str,
    content: Value,
}

impl Wechat {
    pub(super) fn tell_payment(&self, simulators: &Simulators, order: &Order) {
        let Some(url) = order.notify_url.clone() else { return };
        let (event, summary, kind) = ("TRANSACTION.SUCCESS", "支付成功", "transaction");
        let content = transaction(order);
        self.tell(simulators, Told { url, public: order.public, event, summary, kind, content });
    }

    pub(super) fn tell_refund(&self, simulators: &Simulators, number: &str) {
        let books = locked(&self.books);
        let Some(refund) = books.refunds.get(number) else { return };
        let Some(url) = refund.notify_url.clone() else { return };
        let event = match refund.status {
            "SUCCESS" => "REFUND.SUCCESS",
            "ABNORMAL" => "REFUND.ABNORMAL",
            _ => return,
        };
        let mut content = refund_json(&books, refund);
        let order = books.orders.get(&refund.order);
        let public = order.is_some_and(|order| order.public);
        let sub = order.and_then(|order| order.sub.clone());
        drop(books);
        if let Value::Object(members) = &mut content {
            let status = members.remove("status").unwrap_or_default();
            members.insert("refund_status".to_owned(), status);
            let merchant = if sub.is_some() { "sp_mchid" } else { "mchid" };
            members.insert(merchant.to_owned(), MERCHANT.into());
            if let Some(sub) = sub {
                members.insert("sub_mchid".to_owned(), sub.into());
            }
        }
        let (summary, kind) = ("退款通知", "refund");
        self.tell(simulators, Told { url, public, event, summary, kind, content });
    }

    fn tell(&self, simulators: &Simulators, told: Told) {
        let Told { url, public, event, summary, kind, mut content } = told;
        let fault = simulators.faults.take(PROVIDER, "callback");
        if fault == Some(What::Lost) {
            return;
        }
        spoil(&mut content, fault);
        if fault == Some(What::Lie) {
            bend(&mut content, "/amount/total", |total| total + 100);
        }
        let (nonce, ciphertext) = keys::seal(content.to_string().as_bytes(), kind);
        let body = json!({
            "id": keys::letters(32),
            "create_time": time::rfc3339(time::now()),
            "resource_type": "encrypt-resource",
            "event_type": event,
            "summary": summary,
            "resource": {
                "original_type": kind,
                "algorithm": "AEAD_AES_256_GCM",
                "ciphertext": ciphertext,
                "associated_data": kind,
                "nonce": nonce,
            },
        });
        let body = body.to_string().into_bytes();
        let told = self.told.fetch_add(1, Ordering::SeqCst);
        let public = if self.ramp.load(Ordering::SeqCst) { told.is_multiple_of(2) } else { public };
        let wanted = if public { keys::PUBLIC_KEY_ID } else { "" };
        let right = self.signed(wanted, &body, None);
        let first = self.signed(wanted, &body, fault);
        let copies = if fault == Some(What::Duplicate) { 3 } else { 1 };
        for _ in 0..copies {
            let (url, body, right, first) =
                (url.clone(), body.clone(), right.clone(), first.clone());
            let make = move |number: usize| Callback {
                url: url.clone(),
                headers: if number == 0 { first.clone() } else { right.clone() },
                body: body.clone(),
            };
            simulators.notify.send(make, |status, _| status == 200 || status == 204);
        }
    }
}
