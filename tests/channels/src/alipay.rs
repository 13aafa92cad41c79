//! Alipay: the gateway, version 2, over books of its own.
//!
//! It is strict where Alipay is: a wrong signature, a time that is off, a character set that is not named
//! in the query, an unknown method and a repeat with other amounts are refused with Alipay's own codes.

use std::collections::BTreeMap;
use std::sync::Mutex;

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::fault::What;
use crate::keys::{self, Key};
use crate::notify::Callback;
use crate::server::{Incoming, Outgoing};
use crate::{Simulators, bill, locked, time};

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

    fn refund(
        &self,
        simulators: &Simulators,
        content: &Value,
        fault: Option<What>,
    ) -> Result<(&'static str, Value), Problem> {
        let amount =
            fen(content.get("refund_amount")).filter(|amount| *amount > 0).ok_or(INVALID)?;
        let mut books = locked(&self.books);
        let trade = find(&books, content)?.clone();
        let number = text(content, "out_request_no").unwrap_or(&trade.number);
        let key = key_of(&trade.number, number);
        let told = |books: &Books, change: &str| {
            let sum: i64 = done(books, &trade.number).map(|refund| refund.amount).sum();
            json!({
                "trade_no": trade.trade_no, "out_trade_no": trade.number, "buyer_logon_id": "159****5620",
                "fund_change": change, "refund_fee": yuan(sum), "send_back_fee": yuan(amount),
            })
        };
        if let Some(before) = books.refunds.get(&key) {
            if before.amount != amount {
                return Err(business("ACQ.DISCORDANT_REPEAT_REQUEST", "请求信息不一致"));
            }
            return Ok(("10000", told(&books, "N")));
        }
        match trade.status {
            "TRADE_SUCCESS" => {}
            "TRADE_FINISHED" => return Err(business("ACQ.TRADE_HAS_FINISHED", "交易已完结")),
            _ => return Err(business("ACQ.TRADE_STATUS_ERROR", "交易状态不合法")),
        }
        if fault == Some(What::NotEnough) {
            return Err(business("ACQ.SELLER_BALANCE_NOT_ENOUGH", "卖家余额不足"));
        }
        let before: i64 =
            books.refunds.values().filter(|it| it.trade == trade.number).map(|it| it.amount).sum();
        if before + amount > trade.total {
            return Err(business("ACQ.REFUND_AMT_NOT_EQUAL_TOTAL", "退款金额超限"));
        }
        let waits = fault == Some(What::Processing);
        let done_at = (!waits).then(time::now);
        let refund =
            Refund { number: number.to_owned(), trade: trade.number.clone(), amount, done_at };
        books.refunds.insert(key, refund.clone());
        self.finish(&mut books, &trade.number);
        let told = told(&books, if waits { "N" } else { "Y" });
        let trade = books.trades.get(&trade.number).cloned();
        drop(books);
        if let Some(trade) = trade.filter(|_| !waits) {
            self.tell(simulators, &trade, Some(&refund));
        }
        Ok(("10000", told))
    }

    /// A trade whose money went back whole is closed.
    fn finish(&self, books: &mut Books, number: &str) {
        let sum: i64 = done(books, number).map(|refund| refund.amount).sum();
        if let Some(trade) = books.trades.get_mut(number)
            && sum == trade.total
        {
            trade.status = "TRADE_CLOSED";
        }
    }

    /// A refund that was under way is done now.
    ///
    /// # Errors
    ///
    /// There is no such refund.
    pub fn finish_refund(&self, simulators: &Simulators, number: &str) -> Result<(), String> {
        let mut books = locked(&self.books);
        let refund = books.refunds.values_mut().find(|refund| refund.number == number);
        let refund = refund.ok_or("no such refund")?;
        refund.done_at = Some(time::now());
        let refund = refund.clone();
        self.finish(&mut books, &refund.trade);
        let trade = books.trades.get(&refund.trade).cloned().ok_or("no such trade")?;
        drop(books);
        self.tell(simulators, &trade, Some(&refund));
        Ok(())
    }

    fn page(&self, parameters: &Parameters) -> Outgoing {
        let content = parameters.get("biz_content").map(String::as_str).unwrap_or_default();
        let content: Value = serde_json::from_str(content).unwrap_or_default();
        match self.order(&content, parameters.get("notify_url").cloned(), "CODE", false) {
            Ok(trade) => {
                let page = format!(
                    "<!doctype html><title>支付宝</title><p>{}<p>{}",
                    trade.number,
                    yuan(trade.total)
                );
                Outgoing::text(200, "text/html; charset=utf-8", page)
            }
            Err(problem) => {
                Outgoing::text(200, "text/html; charset=utf-8", format!("<p>{}", problem.sub))
            }
        }
    }

    /// The shopper scans the code, or opens the page: now a trade exists.
    ///
    /// # Errors
    ///
    /// There is nothing to scan.
    pub fn scan(&self, number: &str) -> Result<(), String> {
        let mut books = locked(&self.books);
        let trade = books.trades.get_mut(number).ok_or("no such trade")?;
        if trade.status != "CODE" {
            return Err(format!("the trade is {}", trade.status));
        }
        trade.status = "WAIT_BUYER_PAY";
        Ok(())
    }

    /// The shopper pays.
    ///
    /// # Errors
    ///
    /// Nothing is there to be paid.
    pub fn pay(&self, simulators: &Simulators, number: &str) -> Result<(), String> {
        let mut books = locked(&self.books);
        let trade = books.trades.get_mut(number).ok_or("no such trade")?;
        if !matches!(trade.status, "CODE" | "WAIT_BUYER_PAY") {
            return Err(format!("the trade is {}", trade.status));
        }
        if trade.expires_at.is_some_and(|at| at < time::now()) {
            return Err("the trade's time is over".to_owned());
        }
        charge(trade);
        let trade = trade.clone();
        drop(books);
        self.tell(simulators, &trade, None);
        Ok(())
    }

    /// The shopper gives up, or the trade's time is over: it is closed.
    ///
    /// # Errors
    ///
    /// There is no such trade.
    pub fn decline(&self, number: &str) -> Result<(), String> {
        let mut books = locked(&self.books);
        let trade = books.trades.get_mut(number).ok_or("no such trade")?;
        if trade.status != "WAIT_BUYER_PAY" {
            return Err(format!("the trade is {}", trade.status));
        }
        trade.status = "TRADE_CLOSED";
        Ok(())
    }

    /// The time for refunds is over.
    ///
    /// # Errors
    ///
    /// There is no such trade.
    pub fn end(&self, simulators: &Simulators, number: &str) -> Result<(), String> {
        let mut books = locked(&self.books);
        let trade = books.trades.get_mut(number).ok_or("no such trade")?;
        trade.status = "TRADE_FINISHED";
        let trade = trade.clone();
        drop(books);
        self.tell(simulators, &trade, None);
        Ok(())
    }

    fn tell(&self, simulators: &Simulators, trade: &Trade, refund: Option<&Refund>) {
        let Some(url) = trade.notify_url.clone() else { return };
        let fault = simulators.faults.take(PROVIDER, "callback");
        if fault == Some(What::Lost) {
            return;
        }
        let now = time::now();
        let mut form = Parameters::new();
        let mut add = |name: &str, value: String| form.insert(name.to_owned(), value);
        let total = match fault {
            Some(What::WrongAmount) => trade.total + 1,
            Some(What::Lie) => trade.total + 100,
            _ => trade.total,
        };
        add("gmt_create", time::beijing(now));
        add("charset", "utf-8".to_owned());
        add("seller_email", "simulated@example.com".to_owned());
        add("subject", trade.subject.clone());
        add("buyer_id", "2088102534368455".to_owned());
        add("invoice_amount", yuan(total));
        add("notify_id", format!("{}{}", time::compact(now), keys::letters(26)));
        add(
            "fund_bill_list",
            format!(r#"[{{"amount":"{}","fundChannel":"ALIPAYACCOUNT"}}]"#, yuan(total)),
        );
        add("notify_type", "trade_status_sync".to_owned());
        add("trade_status", trade.status.to_owned());
        add("receipt_amount", yuan(total));
        add("buyer_pay_amount", yuan(total));
        add("app_id", APP_ID.to_owned());
        let seller = if fault == Some(What::WrongMerchant) { "2088000000000000" } else { SELLER };
        add("seller_id", seller.to_owned());
        if let Some(at) = trade.paid_at {
            add("gmt_payment", time::beijing(at));
        }
        add("notify_time", time::beijing(now));
        add("version", "1.0".to_owned());
        let number = if fault == Some(What::WrongNumber) {
            "99999999999999999999999999999999"
        } else {
            &trade.number
        };
        add("out_trade_no", number.to_owned());
        add("total_amount", yuan(total));
        add("trade_no", trade.trade_no.clone());
        add("auth_app_id", APP_ID.to_owned());
        add("buyer_logon_id", "159****5620".to_owned());
        add("point_amount", "0.00".to_owned());
        if let Some(refund) = refund {
            let sum: i64 = done(&locked(&self.books), &trade.number).map(|it| it.amount).sum();
            add("refund_fee", yuan(sum));
            add("gmt_refund", time::beijing(now));
            add("out_biz_no", refund.number.clone());
        }
        let right = self.signed_form(&form, None);
        let first = self.signed_form(&form, fault);
        let copies = if fault == Some(What::Duplicate) { 3 } else { 1 };
        for _ in 0..copies {
            let (url, right, first) = (url.clone(), right.clone(), first.clone());
            let make = move |number: usize| Callback {
                url: url.clone(),
                headers: vec![(
                    "Content-Type",
                    "application/x-www-form-urlencoded; charset=utf-8".to_owned(),
                )],
                body: if number == 0 { first.clone() } else { right.clone() },
            };
            simulators.notify.send(make, |status, body| status == 200 && body == b"success");
        }
    }

    fn signed_form(&self, form: &Parameters, fault: Option<What>) -> Vec<u8> {
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

    fn error(&self, method: &str, problem: &Problem, certificates: bool) -> Outgoing {
        let node = format!("{}_response", method.replace('.', "_"));
        self.signed(&node, &error_json(problem), certificates, None)
    }

    fn gateway_error(&self, problem: &Problem, certificates: bool) -> Outgoing {
        self.signed("error_response", &error_json(problem), certificates, None)
    }

    fn answer(
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

/// The file of a bill.
pub fn download(simulators: &Simulators, request: &Incoming) -> Outgoing {
    let path = request.path().trim_start_matches("/_bills/").trim_end_matches(".zip");
    let (kind, day) = path.split_once('/').unwrap_or_default();
    let mut lines = lines_of(&locked(&simulators.alipay.books), day);
    let cut = match simulators.faults.take(PROVIDER, "bill_file") {
        Some(What::CutBefore) => return Outgoing::Cut,
        Some(What::Garbage) => return Outgoing::text(200, "text/html", "<html>502</html>"),
        Some(What::Refused) => return Outgoing::text(403, "text/html", "<html>403</html>"),
        Some(What::Never) => return Outgoing::Never,
        Some(What::Truncated) => Some(bill::Cut::Zip),
        Some(What::TruncatedInside) => Some(bill::Cut::Text),
        Some(What::WrongDay) => {
            lines.iter_mut().for_each(|line| line.move_by(-2 * 86_400));
            None
        }
        _ => None,
    };
    let bill = match kind {
        "signcustomer" => bill::alipay_funds(day, &lines, cut),
        _ => bill::alipay(day, &lines, cut),
    };
    Outgoing::text(200, "application/zip", bill)
}

/// All that moved on a day, in Beijing.
fn lines_of(books: &Books, day: &str) -> Vec<bill::Line> {
    let is_of = |at: Option<i64>| at.map(time::day).as_deref() == Some(day);
    let paid = books
        .trades
        .values()
        .filter(|it| is_of(it.paid_at))
        .map(|it| bill::Line::payment(it.paid_at, &it.number, Some(&it.trade_no), it.total));
    let refunded = books.refunds.values().filter(|it| is_of(it.done_at)).filter_map(|it| {
        let trade = books.trades.get(&it.trade)?;
        Some(bill::Line::refund(
            it.done_at,
            &trade.number,
            Some(&trade.trade_no),
            trade.total,
            &it.number,
            &it.number,
            it.amount,
        ))
    });
    paid.chain(refunded).collect()
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

fn query_json(_books: &Books, trade: &Trade) -> Value {
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

fn pay_json(trade: &Trade) -> Value {
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

fn yuan(fen: i64) -> String {
    format!("{}.{:02}", fen / 100, fen % 100)
}

/// Yuan, as a text or a number, with at most two decimals.
fn fen(value: Option<&Value>) -> Option<i64> {
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

fn text<'v>(body: &'v Value, name: &str) -> Option<&'v str> {
    body.get(name).and_then(Value::as_str)
}
