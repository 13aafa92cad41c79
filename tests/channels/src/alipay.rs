//! Alipay: the gateway, version 2, over books of its own.
//!
//! It is strict where Alipay is: a wrong signature, a time that is off, a character set that is not named
//! in the query, an unknown method and a repeat with other amounts are refused with Alipay's own codes.

mod bills;
mod refunds;
mod replies;
mod wallet;

use std::collections::BTreeMap;
use std::sync::Mutex;

use serde::Serialize;
use serde_json::{Value, json};

use crate::fault::What;
use crate::keys::{self, Key};
use crate::server::{Incoming, Outgoing};
use crate::{Simulators, locked, time};
use replies::{fen, pay_json, query_json, yuan};

pub use bills::download;
use bills::lines_of;

/// The simulated application.
pub const APP_ID: &str = "2014072300007148";
/// The merchant's account.
pub const SELLER: &str = "2088531891668739";

const PROVIDER: &str = "alipay";

/// Alipay's state.
pub struct Alipay {
    books: Mutex<Books>,
    own: Vec<Key>,
    app: Option<Key>,
    /// Which certificate signs.
    current: Mutex<usize>,
}

impl Default for Alipay {
    fn default() -> Self {
        Self {
            books: Mutex::default(),
            own: keys::ALIPAY_PRIVATE.iter().filter_map(|pem| Key::read(pem)).collect(),
            app: Key::read(keys::ALIPAY_APP),
            current: Mutex::new(0),
        }
    }
}

/// All trades and refunds.
#[derive(Debug, Default, Serialize)]
pub struct Books {
    trades: BTreeMap<String, Trade>,
    refunds: BTreeMap<String, Refund>,
    made: u64,
}

/// A trade, or a QR code or a page that may become one.
#[derive(Clone, Debug, Serialize)]
pub struct Trade {
    number: String,
    total: i64,
    subject: String,
    /// `CODE` while nobody scanned it: then no trade exists.
    status: &'static str,
    trade_no: String,
    notify_url: Option<String>,
    paid_at: Option<i64>,
    expires_at: Option<i64>,
    bar_code: bool,
    /// How often money was taken. More than once is a bug of ours.
    charges: u32,
}

/// A refund.
#[derive(Clone, Debug, Serialize)]
pub struct Refund {
    number: String,
    trade: String,
    amount: i64,
    done_at: Option<i64>,
}

struct Problem {
    code: &'static str,
    sub: &'static str,
    message: &'static str,
}

const fn business(sub: &'static str, message: &'static str) -> Problem {
    Problem { code: "40004", sub, message }
}

type Parameters = BTreeMap<String, String>;

/// Answers a request to the gateway.
pub fn handle(simulators: &Simulators, request: &Incoming) -> Outgoing {
    let alipay = &simulators.alipay;
    let query = form_urlencoded::parse(request.query().as_bytes());
    let in_query: Parameters = query.into_owned().collect();
    let mut parameters = in_query.clone();
    let form = request.header("content-type").is_some_and(|it| it.contains("form-urlencoded"));
    if form {
        parameters.extend(form_urlencoded::parse(&request.body).into_owned());
    }
    let get = |name: &str| parameters.get(name).cloned().unwrap_or_default();
    let method = get("method");
    let call = call_of(&method);
    let fault = simulators.faults.take(PROVIDER, call);
    let certificates = !get("app_cert_sn").is_empty();
    let refuse = |problem: &Problem| alipay.error(&method, problem, certificates);
    match fault {
        Some(What::CutBefore) => return Outgoing::Cut,
        Some(What::ErrorBefore) => return refuse(&SYSTEM_ERROR),
        Some(What::Garbage) => return Outgoing::text(200, "text/html", "<html>502</html>"),
        Some(What::Never) => return Outgoing::Never,
        Some(What::NotYet) => return refuse(&NO_BILL),
        Some(What::Busy) => {
            let message = "应用调用次数超限";
            return refuse(&Problem { code: "40003", sub: "isv.app-call-limited", message });
        }
        Some(What::Refused) => {
            let message = "ISV权限不足";
            return refuse(&Problem {
                code: "40006",
                sub: "isv.insufficient-isv-permissions",
                message,
            });
        }
        _ => {}
    }
    // The character set is looked for in the query, or beside the content type; else it is GBK.
    let in_type =
        request.header("content-type").is_some_and(|it| it.to_ascii_lowercase().contains("utf-8"));
    let named =
        in_query.get("charset").is_some_and(|it| it.eq_ignore_ascii_case("utf-8")) || in_type;
    if let Err(problem) = alipay.check(&parameters, named) {
        return alipay.gateway_error(&problem, certificates);
    }
    if matches!(method.as_str(), "alipay.trade.page.pay" | "alipay.trade.wap.pay") {
        return alipay.page(&parameters);
    }
    let host = request.header("host").unwrap_or_default();
    let done = match call {
        "bill" => alipay.bill(&parameters, host),
        _ => alipay.perform(simulators, &method, &parameters, fault),
    };
    match (fault, done) {
        (Some(What::CutAfter), _) => Outgoing::Cut,
        (Some(What::ErrorAfter), _) => refuse(&SYSTEM_ERROR),
        (_, Ok((code, body))) => alipay.answer(&method, code, body, certificates, fault),
        (_, Err(problem)) => refuse(&problem),
    }
}

fn call_of(method: &str) -> &'static str {
    match method {
        "alipay.trade.precreate"
        | "alipay.trade.create"
        | "alipay.trade.page.pay"
        | "alipay.trade.wap.pay" => "prepay",
        "alipay.trade.pay" => "codepay",
        "alipay.trade.close" => "close",
        "alipay.trade.cancel" => "reverse",
        "alipay.trade.refund" => "refund",
        "alipay.trade.fastpay.refund.query" => "query_refund",
        "alipay.data.dataservice.bill.downloadurl.query" => "bill",
        _ => "query",
    }
}

const SYSTEM_ERROR: Problem = business("ACQ.SYSTEM_ERROR", "系统错误");
const NOT_EXIST: Problem = business("ACQ.TRADE_NOT_EXIST", "交易不存在");
const NO_BILL: Problem = business("isp.bill_not_exist", "账单不存在");
const INVALID: Problem = business("ACQ.INVALID_PARAMETER", "参数无效");

impl Alipay {
    /// The certificate that comes signs from now on.
    pub fn rotate(&self) {
        *locked(&self.current) = 1;
    }

    /// The books, as JSON.
    pub fn books(&self) -> Value {
        serde_json::to_value(&*locked(&self.books)).unwrap_or_default()
    }

    fn check(&self, parameters: &Parameters, charset_named: bool) -> Result<(), Problem> {
        let get = |name: &str| parameters.get(name).map(String::as_str).unwrap_or_default();
        let invalid = |sub, message| Err(Problem { code: "40002", sub, message });
        if get("app_id") != APP_ID {
            return invalid("isv.invalid-app-id", "无效的AppID参数");
        }
        if get("sign_type") != "RSA2" || get("version") != "1.0" {
            return invalid("isv.invalid-signature-type", "无效的签名类型");
        }
        if !charset_named {
            return invalid("isv.invalid-charset", "字符集错误");
        }
        let at = time::parse_beijing(get("timestamp")).unwrap_or_default();
        if at.abs_diff(time::now()) > 900 {
            return invalid("isv.invalid-timestamp", "非法的时间戳参数");
        }
        let named = get("app_cert_sn");
        if !named.is_empty()
            && (named != keys::ALIPAY_APP_NAME
                || get("alipay_root_cert_sn") != keys::ALIPAY_ROOT_NAME)
        {
            return invalid("isv.invalid-app-cert-sn", "应用证书SN错误");
        }
        let signed: Vec<String> = parameters
            .iter()
            .filter(|(name, value)| *name != "sign" && !value.is_empty())
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let text = signed.join("&");
        if !self.app.as_ref().is_some_and(|key| key.verifies(text.as_bytes(), get("sign"))) {
            return invalid("isv.invalid-signature", "验签出错");
        }
        Ok(())
    }

    fn perform(
        &self,
        simulators: &Simulators,
        method: &str,
        parameters: &Parameters,
        fault: Option<What>,
    ) -> Result<(&'static str, Value), Problem> {
        let content = parameters.get("biz_content").map(String::as_str).unwrap_or_default();
        let content: Value = serde_json::from_str(content).map_err(|_| INVALID)?;
        let notify_url = parameters.get("notify_url").filter(|url| !url.is_empty()).cloned();
        match method {
            "alipay.trade.precreate" => {
                let trade = self.order(&content, notify_url, "CODE", false)?;
                let qr = format!("https://qr.alipay.com/bax{}", keys::letters(17));
                Ok(("10000", json!({ "out_trade_no": trade.number, "qr_code": qr })))
            }
            "alipay.trade.create" => {
                let buyer = text(&content, "buyer_open_id").or_else(|| text(&content, "buyer_id"));
                buyer.filter(|id| !id.is_empty()).ok_or(INVALID)?;
                let trade = self.order(&content, notify_url, "WAIT_BUYER_PAY", false)?;
                Ok(("10000", json!({ "out_trade_no": trade.number, "trade_no": trade.trade_no })))
            }
            "alipay.trade.pay" => self.pay_code(&content, notify_url),
            "alipay.trade.query" => {
                let books = locked(&self.books);
                let trade = find(&books, &content)?;
                Ok(("10000", query_json(&books, trade)))
            }
            "alipay.trade.close" => self.close(simulators, &content),
            "alipay.trade.cancel" => self.cancel(&content),
            "alipay.trade.refund" => self.refund(simulators, &content, fault),
            "alipay.trade.fastpay.refund.query" => {
                let books = locked(&self.books);
                let trade = find(&books, &content)?;
                let number = text(&content, "out_request_no").ok_or(INVALID)?;
                let refund = books.refunds.get(&key_of(&trade.number, number));
                let mut told = json!({ "out_trade_no": trade.number, "trade_no": trade.trade_no });
                if let (Value::Object(members), Some(refund)) = (&mut told, refund)
                    && refund.done_at.is_some()
                {
                    members.insert("out_request_no".into(), refund.number.clone().into());
                    members.insert("refund_amount".into(), yuan(refund.amount).into());
                    members.insert("total_amount".into(), yuan(trade.total).into());
                    members.insert("refund_status".into(), "REFUND_SUCCESS".into());
                }
                Ok(("10000", told))
            }
            _ => {
                Err(Problem {
                    code: "40002", sub: "isv.invalid-method", message: "不存在的方法名"
                })
            }
        }
    }

    /// The address of a bill, on the host that was asked. Of a day without movements there is none.
    fn bill(&self, parameters: &Parameters, host: &str) -> Result<(&'static str, Value), Problem> {
        let content = parameters.get("biz_content").map(String::as_str).unwrap_or_default();
        let content: Value = serde_json::from_str(content).map_err(|_| INVALID)?;
        let arguments =
            Problem { code: "40004", sub: "isv.invalid_arguments", message: "入参不合法" };
        let (Some(kind @ ("trade" | "signcustomer")), Some(day)) =
            (text(&content, "bill_type"), text(&content, "bill_date"))
        else {
            return Err(arguments);
        };
        if lines_of(&locked(&self.books), day).is_empty() {
            return Err(NO_BILL);
        }
        Ok((
            "10000",
            json!({ "bill_download_url": format!("http://{host}/_bills/{kind}/{day}.zip") }),
        ))
    }

    fn order(
        &self,
        content: &Value,
        notify_url: Option<String>,
        status: &'static str,
        bar_code: bool,
    ) -> Result<Trade, Problem> {
        let number = text(content, "out_trade_no").filter(|number| {
            (1..=64).contains(&number.len())
                && number.bytes().all(|byte| byte == b'_' || byte.is_ascii_alphanumeric())
        });
        let number = number.ok_or(INVALID)?;
        let subject =
            text(content, "subject").filter(|it| !it.is_empty() && !it.contains(['/', '=', '&']));
        let subject = subject.ok_or(INVALID)?;
        let total = fen(content.get("total_amount")).filter(|total| *total > 0).ok_or(INVALID)?;
        let expires_at = match text(content, "time_expire") {
            None => None,
            Some(at) => Some(time::parse_beijing(at).ok_or(INVALID)?),
        };
        let mut books = locked(&self.books);
        if let Some(before) = books.trades.get(number) {
            return match before.status {
                _ if before.total != total => {
                    Err(business("ACQ.CONTEXT_INCONSISTENT", "交易信息被篡改"))
                }
                "TRADE_SUCCESS" | "TRADE_FINISHED" => {
                    Err(business("ACQ.TRADE_HAS_SUCCESS", "交易已被支付"))
                }
                "TRADE_CLOSED" => Err(business("ACQ.TRADE_HAS_CLOSE", "交易已经关闭")),
                _ => Ok(before.clone()),
            };
        }
        books.made += 1;
        let trade = Trade {
            number: number.to_owned(),
            total,
            subject: subject.to_owned(),
            status,
            trade_no: format!("{}2200144451{:010}", time::compact(time::now()), books.made),
            notify_url,
            paid_at: None,
            expires_at,
            bar_code,
            charges: 0,
        };
        books.trades.insert(number.to_owned(), trade.clone());
        Ok(trade)
    }

    /// The last two digits of a code say what becomes of it, as at WeChat Pay.
    fn pay_code(
        &self,
        content: &Value,
        notify_url: Option<String>,
    ) -> Result<(&'static str, Value), Problem> {
        let code = text(content, "auth_code")
            .filter(|code| (16..=64).contains(&code.len()))
            .ok_or(INVALID)?;
        if !matches!(text(content, "scene"), Some("bar_code" | "security_code")) {
            return Err(INVALID);
        }
        let ending = code.get(code.len() - 2..).unwrap_or_default();
        match ending {
            "03" => return Err(business("ACQ.BUYER_BALANCE_NOT_ENOUGH", "买家余额不足")),
            "04" => {
                return Err(business(
                    "ACQ.PAYMENT_AUTH_CODE_INVALID",
                    "支付失败，获取顾客账户信息失败",
                ));
            }
            "05" => return Err(SYSTEM_ERROR),
            _ => {}
        }
        let trade = self.order(content, notify_url, "WAIT_BUYER_PAY", true)?;
        let mut books = locked(&self.books);
        let trade = books.trades.get_mut(&trade.number).ok_or(NOT_EXIST)?;
        if ending == "02" {
            return Ok(("10003", pay_json(trade)));
        }
        charge(trade);
        let told = pay_json(trade);
        if ending == "06" { Err(SYSTEM_ERROR) } else { Ok(("10000", told)) }
    }

    fn close(
        &self,
        simulators: &Simulators,
        content: &Value,
    ) -> Result<(&'static str, Value), Problem> {
        let mut books = locked(&self.books);
        let number = find(&books, content)?.number.clone();
        let trade = books.trades.get_mut(&number).ok_or(NOT_EXIST)?;
        if trade.status != "WAIT_BUYER_PAY" {
            let message = "交易状态异常，非待支付状态下不支持关单";
            return Err(business("ACQ.REASON_TRADE_STATUS_INVALID", message));
        }
        trade.status = "TRADE_CLOSED";
        let trade = trade.clone();
        drop(books);
        self.tell(simulators, &trade, None);
        Ok(("10000", json!({ "out_trade_no": number, "trade_no": trade.trade_no })))
    }

    fn cancel(&self, content: &Value) -> Result<(&'static str, Value), Problem> {
        let number = text(content, "out_trade_no").ok_or(INVALID)?;
        let mut books = locked(&self.books);
        let Some(trade) = books.trades.get_mut(number).filter(|trade| trade.status != "CODE")
        else {
            // Nothing was there, and Alipay says 10000 all the same.
            return Ok(("10000", json!({ "out_trade_no": number, "retry_flag": "N" })));
        };
        let action = match trade.status {
            "TRADE_SUCCESS" => Some("refund"),
            "WAIT_BUYER_PAY" => Some("close"),
            _ => None,
        };
        trade.status = "TRADE_CLOSED";
        let trade_no = trade.trade_no.clone();
        Ok((
            "10000",
            json!({ "out_trade_no": number, "trade_no": trade_no, "retry_flag": "N", "action": action }),
        ))
    }
}

fn charge(trade: &mut Trade) {
    trade.status = "TRADE_SUCCESS";
    trade.paid_at = Some(time::now());
    trade.charges += 1;
}

fn done<'b>(books: &'b Books, trade: &'b str) -> impl Iterator<Item = &'b Refund> {
    books.refunds.values().filter(move |refund| refund.trade == trade && refund.done_at.is_some())
}

fn key_of(trade: &str, refund: &str) -> String {
    format!("{trade} {refund}")
}

fn find<'b>(books: &'b Books, content: &Value) -> Result<&'b Trade, Problem> {
    let found = match (text(content, "out_trade_no"), text(content, "trade_no")) {
        (Some(number), _) => books.trades.get(number),
        (None, Some(id)) => books.trades.values().find(|trade| trade.trade_no == id),
        _ => return Err(INVALID),
    };
    // A code that nobody scanned is no trade.
    found.filter(|trade| trade.status != "CODE").ok_or(NOT_EXIST)
}

fn text<'v>(body: &'v Value, name: &str) -> Option<&'v str> {
    body.get(name).and_then(Value::as_str)
}
