//! WeChat Pay: APIv3 over books of its own.
//!
//! It is strict where WeChat Pay is: a wrong signature, an unknown serial number, a time that is five
//! minutes off, a member that is missing or too long, a repeat with other parameters are refused with
//! WeChat Pay's own codes.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde::Serialize;
use serde_json::{Value, json};

use crate::fault::What;
use crate::keys::{self, Key};
use crate::notify::Callback;
use crate::server::{Incoming, Outgoing};
use crate::{Simulators, bill, locked, time};

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

/// A callback before it is encrypted.
struct Told {
    url: String,
    public: bool,
    event: &'static str,
    summary: &'static str,
    kind: &'static str,
    content: Value,
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

    fn prepay(&self, scene: &str, body: &Value, partner: bool, public: bool) -> Done {
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
    fn codepay(&self, body: &Value, partner: bool, public: bool) -> Done {
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

    fn reverse(&self, number: &str) -> Done {
        let mut books = locked(&self.books);
        let order = books.orders.get_mut(number).ok_or(ORDER_NOT_EXIST)?;
        if order.trade_type != "MICROPAY" {
            return Err(Problem(400, "INVALID_REQUEST", "仅支持撤销付款码支付订单"));
        }
        order.state = "REVOKED";
        let (merchant, appid) = (MERCHANT, order.appid.clone());
        Ok((200, json!({ "appid": appid, "mchid": merchant, "out_trade_no": number })))
    }

    fn refund(&self, simulators: &Simulators, body: &Value, fault: Option<What>) -> Done {
        const KNOWN: [&str; 9] = [
            "sub_mchid",
            "transaction_id",
            "out_trade_no",
            "out_refund_no",
            "reason",
            "notify_url",
            "funds_account",
            "amount",
            "goods_detail",
        ];
        check_known(body, &KNOWN)?;
        let number = text(body, "out_refund_no").filter(|it| (1..=64).contains(&it.len()));
        let number = number.ok_or(PARAM_ERROR)?;
        let amount = |name: &str| body.pointer(&format!("/amount/{name}")).and_then(Value::as_i64);
        let (refund, total) = (amount("refund"), amount("total"));
        let (Some(refund), Some(total)) = (refund.filter(|it| *it > 0), total) else {
            return Err(PARAM_ERROR);
        };
        if body.pointer("/amount/currency").and_then(Value::as_str) != Some("CNY") {
            return Err(PARAM_ERROR);
        }
        let mut books = locked(&self.books);
        books.made += 1;
        let made = books.made;
        let order = match (text(body, "out_trade_no"), text(body, "transaction_id")) {
            (Some(number), _) => books.orders.get(number),
            (None, Some(id)) => {
                books.orders.values().find(|it| it.transaction.as_deref() == Some(id))
            }
            _ => return Err(PARAM_ERROR),
        };
        let order = order.cloned().ok_or(RESOURCE_NOT_EXISTS)?;
        if order.sub.as_deref() != text(body, "sub_mchid") {
            return Err(PARAM_ERROR);
        }
        if !matches!(order.state, "SUCCESS" | "REFUND") {
            return Err(Problem(400, "INVALID_REQUEST", "订单未支付，不能退款"));
        }
        if total != order.total {
            return Err(Problem(400, "INVALID_REQUEST", "订单金额或退款金额与之前请求不一致"));
        }
        if let Some(before) = books.refunds.get(number) {
            if before.order != order.number || before.amount != refund {
                return Err(Problem(400, "INVALID_REQUEST", "订单金额或退款金额与之前请求不一致"));
            }
            return Ok((200, refund_json(&books, before)));
        }
        if fault == Some(What::NotEnough) {
            return Err(Problem(403, "NOT_ENOUGH", "基本账户余额不足，请充值后重新发起"));
        }
        let of_order = || {
            books.refunds.values().filter(|it| it.order == order.number && it.status != "CLOSED")
        };
        let before: i64 = of_order().map(|it| it.amount).sum();
        if before + refund > order.total {
            return Err(Problem(400, "INVALID_REQUEST", "申请退款金额大于订单可退金额"));
        }
        if of_order().count() >= 50 {
            return Err(Problem(400, "INVALID_REQUEST", "一笔订单最多支持50次部分退款"));
        }
        let status = match fault {
            Some(What::Processing) => "PROCESSING",
            Some(What::Abnormal) => "ABNORMAL",
            _ => "SUCCESS",
        };
        let made_at = time::now();
        let entry = Refund {
            number: number.to_owned(),
            id: format!("503{}{made:015}", time::compact(made_at)),
            order: order.number.clone(),
            amount: refund,
            status,
            notify_url: text(body, "notify_url").map(str::to_owned).or(order.notify_url),
            made_at,
            done_at: (status == "SUCCESS").then_some(made_at),
        };
        if let Some(order) = books.orders.get_mut(&order.number) {
            order.state = "REFUND";
        }
        books.refunds.insert(number.to_owned(), entry.clone());
        let told = refund_json(&books, &entry);
        drop(books);
        self.tell_refund(simulators, number);
        Ok((200, told))
    }

    /// A refund that was under way is done now.
    ///
    /// # Errors
    ///
    /// There is no such refund.
    pub fn finish_refund(&self, simulators: &Simulators, number: &str) -> Result<(), String> {
        let mut books = locked(&self.books);
        let refund = books.refunds.get_mut(number).ok_or("no such refund")?;
        refund.status = "SUCCESS";
        refund.done_at = Some(time::now());
        drop(books);
        self.tell_refund(simulators, number);
        Ok(())
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

    fn tell_payment(&self, simulators: &Simulators, order: &Order) {
        let Some(url) = order.notify_url.clone() else { return };
        let (event, summary, kind) = ("TRANSACTION.SUCCESS", "支付成功", "transaction");
        let content = transaction(order);
        self.tell(simulators, Told { url, public: order.public, event, summary, kind, content });
    }

    fn tell_refund(&self, simulators: &Simulators, number: &str) {
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

    fn certificates(&self) -> Value {
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

    fn bill(&self, request: &Incoming) -> Done {
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

    fn bill_file(&self, token: &str) -> Vec<u8> {
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

    fn answer(
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
    fn signed(
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

const PARAM_ERROR: Problem = Problem(400, "PARAM_ERROR", "参数错误");
const ORDER_NOT_EXIST: Problem = Problem(404, "ORDER_NOT_EXIST", "订单不存在");
const RESOURCE_NOT_EXISTS: Problem = Problem(404, "RESOURCE_NOT_EXISTS", "查询的资源不存在");

fn charge(order: &mut Order, made: u64) {
    let now = time::now();
    order.state = "SUCCESS";
    order.transaction = Some(format!("42000{}{made:015}", time::compact(now)));
    order.paid_at = Some(now);
    order.charges += 1;
}

fn spoil(body: &mut Value, fault: Option<What>) {
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

fn bend(body: &mut Value, pointer: &str, change: fn(i64) -> i64) {
    if let Some(value) = body.pointer_mut(pointer)
        && let Some(number) = value.as_i64()
    {
        *value = change(number).into();
    }
}

fn replace(body: &mut Value, pointer: &str, text: &str) {
    if let Some(value) = body.pointer_mut(pointer) {
        *value = text.into();
    }
}

fn prepaid(scene: &str, prepay: &str) -> Value {
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

fn transaction(order: &Order) -> Value {
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

fn refund_json(books: &Books, refund: &Refund) -> Value {
    let order = books.orders.get(&refund.order);
    let total = order.map_or(0, |order| order.total);
    let mut told = json!({
        "refund_id": refund.id,
        "out_refund_no": refund.number,
        "transaction_id": order.and_then(|order| order.transaction.clone()),
        "out_trade_no": refund.order,
        "channel": "ORIGINAL",
        "user_received_account": "支付用户零钱",
        "create_time": time::rfc3339(refund.made_at),
        "status": refund.status,
        "funds_account": "AVAILABLE",
        "amount": {
            "total": total, "refund": refund.amount, "payer_total": total, "payer_refund": refund.amount,
            "settlement_refund": refund.amount, "settlement_total": total, "discount_refund": 0,
            "currency": "CNY",
        },
    });
    if let (Value::Object(members), Some(at)) = (&mut told, refund.done_at) {
        members.insert("success_time".to_owned(), time::rfc3339(at).into());
    }
    told
}

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

fn check_members(body: &Value, partner: bool, with_app: bool) -> Result<(), Problem> {
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

fn check_merchant(request: &Incoming, order: &Order, partner: bool) -> Result<(), Problem> {
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

fn number_of(body: &Value) -> Result<&str, Problem> {
    let fits = |number: &&str| {
        (6..=32).contains(&number.len())
            && number.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-|*".contains(&byte))
    };
    text(body, "out_trade_no").filter(fits).ok_or(PARAM_ERROR)
}

fn amount_of(body: &Value) -> Result<i64, Problem> {
    let currency = body.pointer("/amount/currency").and_then(Value::as_str).unwrap_or("CNY");
    let total = body.pointer("/amount/total").and_then(Value::as_i64).filter(|total| *total > 0);
    total.filter(|_| currency == "CNY").ok_or(PARAM_ERROR)
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
