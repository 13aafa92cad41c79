//! WeChat Pay: APIv3 over books of its own.
//!
//! It is strict where WeChat Pay is: a wrong signature, an unknown serial number, a time that is five
//! minutes off, a member that is missing or too long, a repeat with other parameters are refused with
//! WeChat Pay's own codes.

mod callbacks;
mod orders;
mod refunds;
mod replies;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde::Serialize;
use serde_json::{Value, json};

use self::orders::{charge, check_members, check_merchant, transaction};
use self::refunds::refund_json;
use crate::fault::What;
use crate::keys::{self, Key};
use crate::server::{Incoming, Outgoing};
use crate::{Simulators, locked, time};

/// The simulated merchant.
pub const MERCHANT: &str = "1900000001";
/// Its application.
pub const APP_ID: &str = "wx8888888888888888";
/// A merchant that 1900000001, as a service provider, acts for.
pub const SUB_MERCHANT: &str = "1900000109";

const PROVIDER: &str = "wechat";

/// WeChat Pay's state.
pub struct Wechat {
    books: Mutex<Books>,
    platform: Vec<Key>,
    merchant: Option<Key>,
    /// Which certificate signs: the first, or the second once it was rotated.
    current: Mutex<usize>,
    /// While a merchant moves to the public key: callbacks are signed with either, in turns.
    ramp: AtomicBool,
    told: AtomicUsize,
}

impl Default for Wechat {
    fn default() -> Self {
        Self {
            books: Mutex::default(),
            platform: keys::WECHAT_PRIVATE.iter().filter_map(|pem| Key::read(pem)).collect(),
            merchant: Key::read(keys::WECHAT_MERCHANT),
            current: Mutex::new(0),
            ramp: AtomicBool::new(false),
            told: AtomicUsize::new(0),
        }
    }
}

/// All orders and refunds.
#[derive(Debug, Default, Serialize)]
pub struct Books {
    orders: BTreeMap<String, Order>,
    refunds: BTreeMap<String, Refund>,
    made: u64,
}

/// An order.
#[derive(Clone, Debug, Serialize)]
pub struct Order {
    number: String,
    sub: Option<String>,
    appid: String,
    total: i64,
    description: String,
    notify_url: Option<String>,
    trade_type: &'static str,
    state: &'static str,
    transaction: Option<String>,
    prepay: String,
    paid_at: Option<i64>,
    expires_at: Option<i64>,
    /// How often money was taken. More than once is a bug of ours.
    charges: u32,
    /// Whether its merchant asked for the public key's signature.
    public: bool,
    /// The request that a repeat must equal.
    #[serde(skip)]
    request: Value,
}

/// A refund.
#[derive(Clone, Debug, Serialize)]
pub struct Refund {
    number: String,
    id: String,
    order: String,
    amount: i64,
    status: &'static str,
    notify_url: Option<String>,
    made_at: i64,
    done_at: Option<i64>,
}

/// An error as WeChat Pay answers it.
struct Problem(u16, &'static str, &'static str);

type Done = Result<(u16, Value), Problem>;

/// Answers a request under `/v3/`.
pub fn handle(simulators: &Simulators, request: &Incoming) -> Outgoing {
    let wechat = &simulators.wechat;
    let path = request.path();
    if let Some(token) = path.strip_prefix("/v3/billdownload/file/") {
        return match wechat.check_signature(request) {
            Ok(()) => Outgoing::text(200, "text/plain", wechat.bill_file(token)),
            Err(problem) => problem.answer(),
        };
    }
    let call = call_of(&request.method, path);
    let fault = simulators.faults.take(PROVIDER, call);
    match fault {
        Some(What::CutBefore) => return Outgoing::Cut,
        Some(What::ErrorBefore) => {
            return Problem(500, "SYSTEM_ERROR", "系统异常，请稍后重试").answer();
        }
        Some(What::Busy) => return Problem(429, "FREQUENCY_LIMITED", "频率超限").answer(),
        Some(What::Refused) => return Problem(403, "NO_AUTH", "商户无权限").answer(),
        Some(What::Garbage) => return Outgoing::text(200, "text/html", "<html>502</html>"),
        _ => {}
    }
    if let Err(problem) = wechat.check_signature(request) {
        return problem.answer();
    }
    let done = wechat.perform(simulators, request, call, fault);
    match fault {
        Some(What::CutAfter) => Outgoing::Cut,
        Some(What::ErrorAfter) => Problem(500, "SYSTEM_ERROR", "系统异常，请稍后重试").answer(),
        _ => match done {
            Ok((status, body)) => wechat.answer(request, status, body, fault),
            Err(problem) => problem.answer(),
        },
    }
}

fn call_of(method: &str, path: &str) -> &'static str {
    match (method, path) {
        (_, "/v3/certificates") => "certificates",
        ("POST", path) if path.ends_with("/close") => "close",
        ("POST", path) if path.ends_with("/reverse") => "reverse",
        ("POST", path) if path.ends_with("/codepay") => "codepay",
        ("POST", "/v3/refund/domestic/refunds") => "refund",
        ("GET", path) if path.starts_with("/v3/refund/") => "query_refund",
        ("GET", path) if path.starts_with("/v3/bill/") => "bill",
        ("POST", _) => "prepay",
        _ => "query",
    }
}

impl Problem {
    fn answer(&self) -> Outgoing {
        let Self(status, code, message) = self;
        let body = json!({ "code": code, "message": message }).to_string();
        Outgoing::text(*status, "application/json; charset=utf-8", body)
    }
}

impl Wechat {
    /// The certificate that comes signs from now on, as WeChat Pay does when one is renewed.
    pub fn rotate(&self) {
        *locked(&self.current) = 1;
    }

    /// From now on callbacks are signed with the public key and with a certificate in turns, as in the
    /// days in which WeChat Pay moves a merchant.
    pub fn ramp(&self) {
        self.ramp.store(true, Ordering::SeqCst);
    }

    /// The books, as JSON.
    pub fn books(&self) -> Value {
        serde_json::to_value(&*locked(&self.books)).unwrap_or_default()
    }

    fn check_signature(&self, request: &Incoming) -> Result<(), Problem> {
        let wrong = |message| Err(Problem(401, "SIGN_ERROR", message));
        let Some(header) = request.header("authorization") else {
            return wrong("Authorization 缺失");
        };
        let Some(list) = header.strip_prefix("WECHATPAY2-SHA256-RSA2048 ") else {
            return wrong("Authorization 认证类型错误");
        };
        let parts: BTreeMap<&str, &str> = list
            .split(',')
            .filter_map(|part| part.trim().split_once('='))
            .map(|(name, value)| (name, value.trim_matches('"')))
            .collect();
        let part = |name| parts.get(name).copied().unwrap_or_default();
        if parts.len() != 5 || part("mchid") != MERCHANT {
            return wrong("商户号错误");
        }
        if part("serial_no") != keys::MERCHANT_SERIAL {
            return wrong("商户证书序列号有误");
        }
        let at: i64 = part("timestamp").parse().unwrap_or_default();
        if at.abs_diff(time::now()) > 300 {
            return wrong("Authorization 时间戳错误");
        }
        let (method, target) = (&request.method, &request.target);
        let mut text = format!("{method}\n{target}\n{at}\n{}\n", part("nonce_str")).into_bytes();
        text.extend_from_slice(&request.body);
        text.push(b'\n');
        let signature = part("signature");
        if !self.merchant.as_ref().is_some_and(|key| key.verifies(&text, signature)) {
            return wrong("签名错误");
        }
        let accept = request.header("accept").unwrap_or_default();
        if !accept.is_empty() && !accept.contains("json") && !accept.contains("*/*") {
            return Err(Problem(406, "PARAM_ERROR", "Accept 必须为 application/json"));
        }
        if request.header("user-agent").is_none() {
            return Err(Problem(400, "PARAM_ERROR", "User-Agent 缺失"));
        }
        Ok(())
    }

    fn perform(
        &self,
        simulators: &Simulators,
        request: &Incoming,
        call: &str,
        fault: Option<What>,
    ) -> Done {
        let path = request.path();
        let rest = path
            .strip_prefix("/v3/pay/partner/transactions/")
            .or_else(|| path.strip_prefix("/v3/pay/transactions/"));
        let partner = path.starts_with("/v3/pay/partner/");
        let public = request.header("wechatpay-serial") == Some(keys::PUBLIC_KEY_ID);
        let segments: Vec<&str> = rest.unwrap_or_default().split('/').collect();
        match (call, &segments[..]) {
            ("certificates", _) => Ok((200, self.certificates())),
            ("bill", _) => self.bill(request),
            ("refund", _) => self.refund(simulators, &json_body(request)?, fault),
            ("query_refund", _) => {
                let number = path.rsplit('/').next().unwrap_or_default();
                let books = locked(&self.books);
                let refund = books.refunds.get(&decoded(number)).ok_or(RESOURCE_NOT_EXISTS)?;
                Ok((200, refund_json(&books, refund)))
            }
            ("query", ["id", id]) => {
                let books = locked(&self.books);
                let found =
                    books.orders.values().find(|order| order.transaction.as_deref() == Some(*id));
                let order = found.ok_or(ORDER_NOT_EXIST)?;
                check_merchant(request, order, partner)?;
                Ok((200, transaction(order)))
            }
            ("query", ["out-trade-no", number]) => {
                let books = locked(&self.books);
                let order = books.orders.get(&decoded(number)).ok_or(ORDER_NOT_EXIST)?;
                check_merchant(request, order, partner)?;
                Ok((200, transaction(order)))
            }
            ("close", ["out-trade-no", number, "close"]) => {
                check_members(&json_body(request)?, partner, false)?;
                let mut books = locked(&self.books);
                let order = books.orders.get_mut(&decoded(number)).ok_or(ORDER_NOT_EXIST)?;
                match order.state {
                    "SUCCESS" | "REFUND" => Err(Problem(400, "ORDER_PAID", "订单已支付")),
                    _ => {
                        order.state = "CLOSED";
                        Ok((204, Value::Null))
                    }
                }
            }
            ("reverse", ["out-trade-no", number, "reverse"]) => {
                check_members(&json_body(request)?, partner, true)?;
                self.reverse(&decoded(number))
            }
            ("codepay", ["codepay"]) => self.codepay(&json_body(request)?, partner, public),
            ("prepay", [scene @ ("native" | "jsapi" | "h5" | "app")]) => {
                self.prepay(scene, &json_body(request)?, partner, public)
            }
            _ => Err(Problem(404, "RESOURCE_NOT_EXISTS", "请求路径不存在")),
        }
    }

    /// The shopper pays.
    ///
    /// # Errors
    ///
    /// Nothing is there to be paid.
    pub fn pay(&self, simulators: &Simulators, number: &str) -> Result<(), String> {
        let mut books = locked(&self.books);
        books.made += 1;
        let made = books.made;
        let order = books.orders.get_mut(number).ok_or("no such order")?;
        if !matches!(order.state, "NOTPAY" | "USERPAYING") {
            return Err(format!("the order is {}", order.state));
        }
        if order.expires_at.is_some_and(|at| at < time::now()) {
            return Err("the order's time is over".to_owned());
        }
        charge(order, made);
        let order = order.clone();
        drop(books);
        self.tell_payment(simulators, &order);
        Ok(())
    }

    /// Tells of a payment at another address than its order's, rightly signed: as whoever was told of it could.
    ///
    /// # Errors
    ///
    /// There is no such order.
    pub fn tell_at(&self, simulators: &Simulators, number: &str, url: &str) -> Result<(), String> {
        let order = locked(&self.books).orders.get(number).cloned().ok_or("no such order")?;
        self.tell_payment(simulators, &Order { notify_url: Some(url.to_owned()), ..order });
        Ok(())
    }

    /// The shopper gives up entering the password.
    ///
    /// # Errors
    ///
    /// Nobody is asked for it.
    pub fn decline(&self, number: &str) -> Result<(), String> {
        let mut books = locked(&self.books);
        let order = books.orders.get_mut(number).ok_or("no such order")?;
        if order.state != "USERPAYING" {
            return Err(format!("the order is {}", order.state));
        }
        order.state = "PAYERROR";
        Ok(())
    }
}

const PARAM_ERROR: Problem = Problem(400, "PARAM_ERROR", "参数错误");
const ORDER_NOT_EXIST: Problem = Problem(404, "ORDER_NOT_EXIST", "订单不存在");
const RESOURCE_NOT_EXISTS: Problem = Problem(404, "RESOURCE_NOT_EXISTS", "查询的资源不存在");

fn json_body(request: &Incoming) -> Result<Value, Problem> {
    let is_json = request.header("content-type").is_some_and(|it| it.contains("json"));
    let body = serde_json::from_slice(&request.body).ok().filter(|body: &Value| body.is_object());
    body.filter(|_| is_json).ok_or(Problem(400, "PARAM_ERROR", "请求体不是 JSON"))
}

fn check_known(body: &Value, known: &[&str]) -> Result<(), Problem> {
    let members = body.as_object().ok_or(PARAM_ERROR)?;
    if members.keys().all(|name| known.contains(&name.as_str())) {
        Ok(())
    } else {
        Err(PARAM_ERROR)
    }
}

fn text<'v>(body: &'v Value, name: &str) -> Option<&'v str> {
    body.get(name).and_then(Value::as_str)
}

fn decoded(segment: &str) -> String {
    let form = segment.replace('+', "%2B");
    form_urlencoded::parse(form.as_bytes())
        .next()
        .map(|(name, _)| name.into_owned())
        .unwrap_or_default()
}
