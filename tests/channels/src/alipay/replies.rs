//! Answers, signed as Alipay signs them, and their JSON.

use serde_json::{Map, Value, json};

use crate::fault::What;
use crate::keys::{self, Key};
use crate::server::Outgoing;
use crate::{locked, time};

use super::{Alipay, Books, Parameters, Problem, Trade};

impl Alipay {
    pub(super) fn signed_form(&self, form: &Parameters, fault: Option<What>) -> Vec<u8> {
        let text: Vec<String> =
            form.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let current = *locked(&self.current);
        let key = self.key(current, fault);
        let signature = key.map(|key| key.sign(text.join("&").as_bytes()));
        let mut out = form_urlencoded::Serializer::new(String::new());
        out.extend_pairs(form).append_pair("sign_type", "RSA2");
        if fault != Some(What::Unsigned) {
            out.append_pair("sign", &signature.unwrap_or_default());
        }
        out.finish().into_bytes()
    }

    /// Alipay's key, or for a wrong signature the shop's own.
    fn key(&self, current: usize, fault: Option<What>) -> Option<&Key> {
        if fault == Some(What::WrongSignature) { self.app.as_ref() } else { self.own.get(current) }
    }

    pub(super) fn error(&self, method: &str, problem: &Problem, certificates: bool) -> Outgoing {
        let node = format!("{}_response", method.replace('.', "_"));
        self.signed(&node, &error_json(problem), certificates, None)
    }

    pub(super) fn gateway_error(&self, problem: &Problem, certificates: bool) -> Outgoing {
        self.signed("error_response", &error_json(problem), certificates, None)
    }

    pub(super) fn answer(
        &self,
        method: &str,
        code: &str,
        mut body: Value,
        certificates: bool,
        fault: Option<What>,
    ) -> Outgoing {
        match fault {
            Some(What::WrongAmount) => {
                for name in ["total_amount", "refund_amount"] {
                    if let Some(value) = body.get_mut(name) {
                        *value = yuan(fen(Some(value)).unwrap_or_default() + 1).into();
                    }
                }
            }
            Some(What::WrongNumber) => {
                if let Some(value) = body.get_mut("out_trade_no") {
                    *value = "99999999999999999999999999999999".into();
                }
            }
            _ => {}
        }
        let mut told = Map::new();
        told.insert("code".into(), code.into());
        told.insert(
            "msg".into(),
            if code == "10003" { "order success pay inprocess" } else { "Success" }.into(),
        );
        if let Value::Object(members) = body {
            told.extend(members);
        }
        let node = format!("{}_response", method.replace('.', "_"));
        self.signed(&node, &Value::Object(told), certificates, fault)
    }

    fn signed(
        &self,
        node: &str,
        told: &Value,
        certificates: bool,
        fault: Option<What>,
    ) -> Outgoing {
        // As Alipay writes it: with slashes escaped, and `"sign"` in a text of the shop's is no signature.
        let told = told.to_string().replace('/', "\\/");
        let current = if certificates { *locked(&self.current) } else { 0 };
        let sign =
            self.key(current, fault).map(|key| key.sign(told.as_bytes())).unwrap_or_default();
        let mut body = format!("{{\"{node}\":{told}");
        if certificates {
            let name = if fault == Some(What::UnknownKey) {
                "0123456789abcdef0123456789abcdef"
            } else {
                keys::ALIPAY_NAMES[current]
            };
            body.push_str(&format!(",\"alipay_cert_sn\":\"{name}\""));
        }
        if fault != Some(What::Unsigned) {
            body.push_str(&format!(",\"sign\":\"{sign}\""));
        }
        body.push('}');
        Outgoing::text(200, "text/html;charset=utf-8", body)
    }
}

fn error_json(problem: &Problem) -> Value {
    let msg = match problem.code {
        "40004" => "Business Failed",
        "40006" => "Insufficient Permissions",
        "40003" => "Insufficient Conditions",
        _ => "Invalid Arguments",
    };
    json!({ "code": problem.code, "msg": msg, "sub_code": problem.sub, "sub_msg": problem.message })
}

pub(super) fn query_json(_books: &Books, trade: &Trade) -> Value {
    let mut told = json!({
        "trade_no": trade.trade_no,
        "out_trade_no": trade.number,
        "buyer_logon_id": "159****5620",
        "trade_status": trade.status,
        "total_amount": yuan(trade.total),
        "buyer_user_id": "2088102534368455",
    });
    if let (Value::Object(members), Some(at)) = (&mut told, trade.paid_at) {
        members.insert("send_pay_date".into(), time::beijing(at).into());
        members.insert("receipt_amount".into(), yuan(trade.total).into());
    }
    told
}

pub(super) fn pay_json(trade: &Trade) -> Value {
    let mut told = json!({
        "trade_no": trade.trade_no,
        "out_trade_no": trade.number,
        "buyer_logon_id": "159****5620",
        "total_amount": yuan(trade.total),
    });
    if let (Value::Object(members), Some(at)) = (&mut told, trade.paid_at) {
        members.insert("gmt_payment".into(), time::beijing(at).into());
        members.insert("receipt_amount".into(), yuan(trade.total).into());
    }
    told
}

pub(super) fn yuan(fen: i64) -> String {
    format!("{}.{:02}", fen / 100, fen % 100)
}

/// Yuan, as a text or a number, with at most two decimals.
pub(super) fn fen(value: Option<&Value>) -> Option<i64> {
    let text = match value? {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    let (whole, part) = text.split_once('.').unwrap_or((&text, ""));
    let part = format!("{part:0<2}");
    if part.len() != 2 || whole.is_empty() {
        return None;
    }
    Some(whole.parse::<i64>().ok()? * 100 + part.parse::<i64>().ok()?)
}
