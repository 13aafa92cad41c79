//! Orders, and codes at the counter.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    APP_ID, Done, MERCHANT, ORDER_NOT_EXIST, Order, PARAM_ERROR, Problem, SUB_MERCHANT, Wechat,
    check_known, text,
};
use crate::server::Incoming;
use crate::{locked, time};

impl Wechat {
    pub(super) fn prepay(&self, scene: &str, body: &Value, partner: bool, public: bool) -> Done {
        const KNOWN: [&str; 16] = [
            "appid",
            "mchid",
            "sp_appid",
            "sp_mchid",
            "sub_appid",
            "sub_mchid",
            "out_trade_no",
            "description",
            "notify_url",
            "amount",
            "time_expire",
            "payer",
            "scene_info",
            "attach",
            "goods_tag",
            "settle_info",
        ];
        check_known(body, &KNOWN)?;
        check_members(body, partner, true)?;
        let number = number_of(body)?;
        let total = amount_of(body)?;
        let notify_url =
            text(body, "notify_url").filter(|url| url.starts_with("http") && !url.contains('?'));
        let notify_url = notify_url.ok_or(PARAM_ERROR)?;
        let description =
            text(body, "description").filter(|it| (1..=127).contains(&it.chars().count()));
        let description = description.ok_or(PARAM_ERROR)?;
        let expires_at = match text(body, "time_expire") {
            None => None,
            Some(at) => Some(time::parse_rfc3339(at).ok_or(PARAM_ERROR)?),
        };
        match scene {
            "jsapi" => {
                let payer = body.get("payer").ok_or(PARAM_ERROR)?;
                let id =
                    ["openid", "sp_openid", "sub_openid"].iter().find_map(|name| text(payer, name));
                id.filter(|id| !id.is_empty()).ok_or(PARAM_ERROR)?;
            }
            "h5" => {
                let scene = body.get("scene_info").ok_or(PARAM_ERROR)?;
                text(scene, "payer_client_ip").ok_or(PARAM_ERROR)?;
                scene.pointer("/h5_info/type").and_then(Value::as_str).ok_or(PARAM_ERROR)?;
            }
            _ => {}
        }
        let mut books = locked(&self.books);
        books.made += 1;
        let prepay = format!("wx{}{:016}", time::compact(time::now()), books.made);
        if let Some(order) = books.orders.get_mut(number) {
            if order.request != *body {
                return Err(Problem(403, "OUT_TRADE_NO_USED", "商户订单号重复"));
            }
            return match order.state {
                "NOTPAY" => {
                    order.prepay.clone_from(&prepay);
                    Ok((200, prepaid(scene, &prepay)))
                }
                "CLOSED" => Err(Problem(400, "ORDER_CLOSED", "订单已关闭")),
                _ => Err(Problem(400, "ORDER_PAID", "该订单已支付")),
            };
        }
        let order = Order {
            number: number.to_owned(),
            sub: text(body, "sub_mchid").map(str::to_owned),
            appid: text(body, if partner { "sp_appid" } else { "appid" })
                .unwrap_or_default()
                .to_owned(),
            total,
            description: description.to_owned(),
            notify_url: Some(notify_url.to_owned()),
            trade_type: match scene {
                "native" => "NATIVE",
                "jsapi" => "JSAPI",
                "h5" => "MWEB",
                _ => "APP",
            },
            state: "NOTPAY",
            transaction: None,
            prepay: prepay.clone(),
            paid_at: None,
            expires_at,
            charges: 0,
            public,
            request: body.clone(),
        };
        books.orders.insert(number.to_owned(), order);
        Ok((200, prepaid(scene, &prepay)))
    }

    /// The last two digits of a code say what becomes of it: 02 asks for the password, 03 has too little,
    /// 04 is too old, 05 fails before and 06 after it was charged. Others are paid at once.
    pub(super) fn codepay(&self, body: &Value, partner: bool, public: bool) -> Done {
        check_members(body, partner, true)?;
        let number = number_of(body)?;
        let total = amount_of(body)?;
        let code = body.pointer("/payer/auth_code").and_then(Value::as_str).ok_or(PARAM_ERROR)?;
        body.pointer("/scene_info/store_info/id").and_then(Value::as_str).ok_or(PARAM_ERROR)?;
        if code.len() != 18 || !code.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Problem(400, "AUTH_CODE_INVALID", "付款码无效"));
        }
        let mut books = locked(&self.books);
        if let Some(order) = books.orders.get(number) {
            return match order.state {
                "USERPAYING" => Ok((202, json!({ "trade_state": "USERPAYING" }))),
                "SUCCESS" if order.request == *body => Ok((200, transaction(order))),
                "SUCCESS" => Err(Problem(400, "ORDER_PAID", "订单已支付")),
                "REVOKED" => Err(Problem(400, "ORDER_REVERSED", "订单已撤销")),
                _ => Err(Problem(403, "OUT_TRADE_NO_USED", "商户订单号重复")),
            };
        }
        books.made += 1;
        let made = books.made;
        let mut order = Order {
            number: number.to_owned(),
            sub: text(body, "sub_mchid").map(str::to_owned),
            appid: text(body, if partner { "sp_appid" } else { "appid" })
                .unwrap_or_default()
                .to_owned(),
            total,
            description: text(body, "description").unwrap_or_default().to_owned(),
            notify_url: None,
            trade_type: "MICROPAY",
            state: "USERPAYING",
            transaction: None,
            prepay: String::new(),
            paid_at: None,
            expires_at: None,
            charges: 0,
            public,
            request: body.clone(),
        };
        let done = match code.get(16..) {
            Some("02") => Ok((202, json!({ "trade_state": "USERPAYING" }))),
            Some("03") => {
                order.state = "PAYERROR";
                Err(Problem(403, "NOT_ENOUGH", "余额不足"))
            }
            Some("04") => return Err(Problem(400, "AUTH_CODE_EXPIRED", "付款码过期")),
            Some("05") => return Err(Problem(500, "SYSTEM_ERROR", "系统异常")),
            Some("06") => {
                charge(&mut order, made);
                Err(Problem(500, "SYSTEM_ERROR", "系统异常"))
            }
            _ => {
                charge(&mut order, made);
                Ok((200, transaction(&order)))
            }
        };
        books.orders.insert(number.to_owned(), order);
        done
    }

    pub(super) fn reverse(&self, number: &str) -> Done {
        let mut books = locked(&self.books);
        let order = books.orders.get_mut(number).ok_or(ORDER_NOT_EXIST)?;
        if order.trade_type != "MICROPAY" {
            return Err(Problem(400, "INVALID_REQUEST", "仅支持撤销付款码支付订单"));
        }
        order.state = "REVOKED";
        let (merchant, appid) = (MERCHANT, order.appid.clone());
        Ok((200, json!({ "appid": appid, "mchid": merchant, "out_trade_no": number })))
    }
}

pub(super) fn charge(order: &mut Order, made: u64) {
    let now = time::now();
    order.state = "SUCCESS";
    order.transaction = Some(format!("42000{}{made:015}", time::compact(now)));
    order.paid_at = Some(now);
    order.charges += 1;
}

pub(super) fn prepaid(scene: &str, prepay: &str) -> Value {
    match scene {
        "native" => {
            json!({ "code_url": format!("weixin://wxpay/bizpayurl?pr={}", prepay.get(2..).unwrap_or_default()) })
        }
        "h5" => {
            json!({ "h5_url": format!("https://wx.tenpay.com/cgi-bin/mmpayweb-bin/checkmweb?prepay_id={prepay}&package=1") })
        }
        _ => json!({ "prepay_id": prepay }),
    }
}

pub(super) fn transaction(order: &Order) -> Value {
    let mut told = json!({
        "out_trade_no": order.number,
        "trade_type": order.trade_type,
        "trade_state": order.state,
        "trade_state_desc": match order.state {
            "SUCCESS" => "支付成功",
            "REFUND" => "转入退款",
            "CLOSED" => "订单已关闭",
            "NOTPAY" => "订单未支付",
            "USERPAYING" => "用户支付中",
            "REVOKED" => "已撤销",
            _ => "支付失败",
        },
        "amount": { "total": order.total, "payer_total": order.total, "currency": "CNY", "payer_currency": "CNY" },
    });
    let Value::Object(members) = &mut told else { return told };
    let mut add = |name: &str, value: Value| members.insert(name.to_owned(), value);
    match &order.sub {
        None => {
            add("appid", order.appid.clone().into());
            add("mchid", MERCHANT.into());
        }
        Some(sub) => {
            add("sp_appid", order.appid.clone().into());
            add("sp_mchid", MERCHANT.into());
            add("sub_mchid", sub.clone().into());
        }
    }
    if let (Some(id), Some(at)) = (&order.transaction, order.paid_at) {
        add("transaction_id", id.clone().into());
        add("success_time", time::rfc3339(at).into());
        add("bank_type", "OTHERS".into());
        add("payer", json!({ "openid": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o" }));
    }
    told
}

pub(super) fn check_members(body: &Value, partner: bool, with_app: bool) -> Result<(), Problem> {
    let is = |name: &str, value: &str| text(body, name) == Some(value);
    let fits = if partner {
        is("sp_mchid", MERCHANT)
            && is("sub_mchid", SUB_MERCHANT)
            && (!with_app || is("sp_appid", APP_ID))
    } else {
        is("mchid", MERCHANT) && (!with_app || is("appid", APP_ID))
    };
    if fits {
        Ok(())
    } else {
        Err(Problem(400, "APPID_MCHID_NOT_MATCH", "appid 与 mchid 不匹配"))
    }
}

pub(super) fn check_merchant(
    request: &Incoming,
    order: &Order,
    partner: bool,
) -> Result<(), Problem> {
    let query: BTreeMap<String, String> =
        form_urlencoded::parse(request.query().as_bytes()).into_owned().collect();
    let is = |name: &str, value: Option<&str>| query.get(name).map(String::as_str) == value;
    let fits = if partner {
        is("sp_mchid", Some(MERCHANT)) && is("sub_mchid", order.sub.as_deref())
    } else {
        is("mchid", Some(MERCHANT)) && order.sub.is_none()
    };
    if fits { Ok(()) } else { Err(PARAM_ERROR) }
}

pub(super) fn number_of(body: &Value) -> Result<&str, Problem> {
    let fits = |number: &&str| {
        (6..=32).contains(&number.len())
            && number.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-|*".contains(&byte))
    };
    text(body, "out_trade_no").filter(fits).ok_or(PARAM_ERROR)
}

pub(super) fn amount_of(body: &Value) -> Result<i64, Problem> {
    let currency = body.pointer("/amount/currency").and_then(Value::as_str).unwrap_or("CNY");
    let total = body.pointer("/amount/total").and_then(Value::as_i64).filter(|total| *total > 0);
    total.filter(|_| currency == "CNY").ok_or(PARAM_ERROR)
}
