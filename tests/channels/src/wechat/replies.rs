//! Answers, certificates and bills, signed or bent.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Done, PARAM_ERROR, Wechat};
use crate::fault::What;
use crate::keys;
use crate::server::{Incoming, Outgoing};
use crate::{bill, locked, time};

impl Wechat {
    pub(super) fn certificates(&self) -> Value {
        let rotated = *locked(&self.current) > 0;
        let known = if rotated { 2 } else { 1 };
        let list: Vec<Value> = keys::WECHAT_CERTIFICATES
            .iter()
            .zip(keys::WECHAT_SERIALS)
            .take(known)
            .map(|(pem, serial)| {
                let (nonce, ciphertext) = keys::seal(pem.as_bytes(), "certificate");
                json!({
                    "serial_no": serial,
                    "effective_time": "2026-11-29T00:00:00+08:00",
                    "expire_time": "2056-11-21T00:00:00+08:00",
                    "encrypt_certificate": {
                        "algorithm": "AEAD_AES_256_GCM",
                        "nonce": nonce,
                        "associated_data": "certificate",
                        "ciphertext": ciphertext,
                    },
                })
            })
            .collect();
        json!({ "data": list })
    }

    pub(super) fn bill(&self, request: &Incoming) -> Done {
        let query: BTreeMap<String, String> =
            form_urlencoded::parse(request.query().as_bytes()).into_owned().collect();
        let day = query.get("bill_date").ok_or(PARAM_ERROR)?;
        let kind = request.path().rsplit('/').next().unwrap_or_default();
        let token = format!("{kind}-{day}");
        let hash =
            ring::digest::digest(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY, &self.bill_file(&token));
        let hash: String = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        let host = request.header("host").unwrap_or_default();
        let url = format!("http://{host}/v3/billdownload/file/{token}?token={}", keys::letters(24));
        Ok((200, json!({ "hash_type": "SHA1", "hash_value": hash, "download_url": url })))
    }

    pub(super) fn bill_file(&self, token: &str) -> Vec<u8> {
        let (kind, day) = token.split_once('-').unwrap_or_default();
        let books = locked(&self.books);
        let mut lines = Vec::new();
        for order in books.orders.values() {
            if order.paid_at.map(time::day).as_deref() == Some(day) {
                lines.push(bill::Line::payment(
                    order.paid_at,
                    &order.number,
                    order.transaction.as_deref(),
                    order.total,
                ));
            }
        }
        for refund in books.refunds.values() {
            if refund.done_at.map(time::day).as_deref() == Some(day) {
                let order = books.orders.get(&refund.order);
                let id = order.and_then(|order| order.transaction.as_deref());
                let total = order.map_or(0, |order| order.total);
                lines.push(bill::Line::refund(
                    refund.done_at,
                    &refund.order,
                    id,
                    total,
                    &refund.number,
                    &refund.id,
                    refund.amount,
                ));
            }
        }
        match kind {
            "fundflowbill" => bill::wechat_funds(&lines),
            _ => bill::wechat(&lines),
        }
    }

    pub(super) fn answer(
        &self,
        request: &Incoming,
        status: u16,
        mut body: Value,
        fault: Option<What>,
    ) -> Outgoing {
        spoil(&mut body, fault);
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let wanted = request.header("wechatpay-serial").unwrap_or_default();
        let headers = self.signed(wanted, &body, fault);
        Outgoing::Reply { status, headers, body }
    }

    /// The header of an answer or callback, signed with the key that is wanted, else with the current
    /// certificate's.
    pub(super) fn signed(
        &self,
        wanted: &str,
        body: &[u8],
        fault: Option<What>,
    ) -> Vec<(&'static str, String)> {
        let mut headers = vec![
            ("Content-Type", "application/json; charset=utf-8".to_owned()),
            ("Request-ID", keys::letters(24)),
        ];
        if fault == Some(What::Unsigned) {
            return headers;
        }
        let current = *locked(&self.current);
        let (index, serial) = match wanted {
            keys::PUBLIC_KEY_ID => (2, keys::PUBLIC_KEY_ID),
            _ => (current, keys::WECHAT_SERIALS[current]),
        };
        let index = if fault == Some(What::WrongSignature) { (index + 1) % 3 } else { index };
        let serial = if fault == Some(What::UnknownKey) {
            "7777777777777777777777777777777777777777"
        } else {
            serial
        };
        let at = if fault == Some(What::Stale) { time::now() - 3_600 } else { time::now() };
        let nonce = keys::letters(32);
        let mut text = format!("{at}\n{nonce}\n").into_bytes();
        text.extend_from_slice(body);
        text.push(b'\n');
        let mut signature = self.platform.get(index).map(|key| key.sign(&text)).unwrap_or_default();
        if fault == Some(What::SignTest) {
            signature.replace_range(..19, "WECHATPAY/SIGNTEST/");
        }
        headers.push(("Wechatpay-Timestamp", at.to_string()));
        headers.push(("Wechatpay-Nonce", nonce));
        headers.push(("Wechatpay-Signature", signature));
        headers.push(("Wechatpay-Serial", serial.to_owned()));
        headers.push(("Wechatpay-Signature-Type", "WECHATPAY2-SHA256-RSA2048".to_owned()));
        headers
    }
}

pub(super) fn spoil(body: &mut Value, fault: Option<What>) {
    match fault {
        Some(What::WrongAmount) => {
            bend(body, "/amount/total", |total| total + 1);
            bend(body, "/amount/refund", |refund| refund + 1);
        }
        Some(What::WrongNumber) => {
            replace(body, "/out_trade_no", "99999999999999999999999999999999");
            replace(body, "/out_refund_no", "99999999999999999999999999999999");
        }
        Some(What::WrongMerchant) => {
            replace(body, "/mchid", "1900000002");
            replace(body, "/sp_mchid", "1900000002");
        }
        _ => {}
    }
}

pub(super) fn bend(body: &mut Value, pointer: &str, change: fn(i64) -> i64) {
    if let Some(value) = body.pointer_mut(pointer)
        && let Some(number) = value.as_i64()
    {
        *value = change(number).into();
    }
}

pub(super) fn replace(body: &mut Value, pointer: &str, text: &str) {
    if let Some(value) = body.pointer_mut(pointer) {
        *value = text.into();
    }
}
