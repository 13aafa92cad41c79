//! UnionPay: its gateway, version 5.1.0, over books of its own.
//!
//! It is strict where UnionPay is: a wrong signature, certificate or merchant, a number with other characters than
//! letters and digits, a time that is a day off and a number that was used are refused with UnionPay's own codes. A
//! payment is known by its number and the time that it was sent with; a QR code's text is told once.

use std::collections::BTreeMap;
use std::sync::Mutex;

use ring::digest::{SHA256, digest};
use serde::Serialize;
use serde_json::Value;

use crate::fault::What;
use crate::keys::{self, Key};
use crate::notify::Callback;
use crate::server::{Incoming, Outgoing};
use crate::{Simulators, locked, time};

/// The simulated merchant.
pub const MERCHANT: &str = "777290058110048";

mod file;
mod page;

const PROVIDER: &str = "unionpay";
const DAY_SECS: u64 = 86_400;

/// UnionPay's state.
pub struct Unionpay {
    books: Mutex<Books>,
    own: Vec<Key>,
    forged: Option<Key>,
    merchant: Option<Key>,
    /// Which certificate signs.
    current: Mutex<usize>,
}

impl Default for Unionpay {
    fn default() -> Self {
        Self {
            books: Mutex::default(),
            own: keys::UNIONPAY_PRIVATE.iter().filter_map(|pem| Key::read(pem)).collect(),
            forged: Key::read(keys::UNIONPAY_FORGED.0),
            merchant: Key::read(keys::UNIONPAY_MERCHANT),
            current: Mutex::new(0),
        }
    }
}

/// All payments and what went back, by their numbers.
#[derive(Debug, Default, Serialize)]
pub struct Books {
    orders: BTreeMap<String, Payment>,
    refunds: BTreeMap<String, Back>,
    made: u64,
}

/// A payment.
#[derive(Clone, Debug, Serialize)]
pub struct Payment {
    number: String,
    /// `txnTime`, which is a part of its name.
    sent_at: String,
    kind: &'static str,
    total: i64,
    /// `open` while nobody scanned the code: then a query finds nothing.
    status: &'static str,
    /// Why it failed.
    code: &'static str,
    query_id: String,
    notify_url: Option<String>,
    /// Where the browser goes back to from UnionPay's page.
    front_url: Option<String>,
    paid_at: Option<i64>,
    expires_at: Option<String>,
    /// How often money was taken. More than once is a bug of ours.
    charges: u32,
}

/// A refund or a void.
#[derive(Clone, Debug, Serialize)]
pub struct Back {
    number: String,
    sent_at: String,
    kind: &'static str,
    payment: String,
    amount: i64,
    query_id: String,
    notify_url: Option<String>,
    done_at: Option<i64>,
}

type Members = BTreeMap<String, String>;
/// Members of an answer, or the code of a refusal.
type Told = Result<Members, &'static str>;

/// Answers a request.
pub fn handle(simulators: &Simulators, request: &Incoming) -> Outgoing {
    let unionpay = &simulators.unionpay;
    let asked: Members = form_urlencoded::parse(&request.body).into_owned().collect();
    let fault = simulators.faults.take(PROVIDER, unionpay.call_of(&asked));
    let refuse = |code| unionpay.answer(&asked, Err(code), fault);
    match fault {
        Some(What::CutBefore) => return Outgoing::Cut,
        Some(What::ErrorBefore) => return refuse("99"),
        Some(What::Garbage) => return Outgoing::text(200, "text/html", "<html>502</html>"),
        Some(What::Busy) => return refuse("02"),
        Some(What::Refused) => return refuse("32"),
        _ => {}
    }
    if let Err(code) = unionpay.check(request.path(), &asked) {
        return refuse(code);
    }
    let done = unionpay.perform(simulators, &asked, fault);
    match (fault, done) {
        (Some(What::CutAfter), _) | (_, Err("cut")) => Outgoing::Cut,
        (Some(What::ErrorAfter), _) => refuse("99"),
        (_, Ok(page)) if page.contains_key(page::HTML) => page::shown(&page),
        (_, done) => unionpay.answer(&asked, done, fault),
    }
}

fn get<'m>(members: &'m Members, name: &str) -> &'m str {
    members.get(name).map(String::as_str).unwrap_or_default()
}

fn twice_hashed(members: &Members) -> Vec<u8> {
    let pairs = members.iter().filter(|(name, value)| *name != "signature" && !value.is_empty());
    let pairs: Vec<String> = pairs.map(|(name, value)| format!("{name}={value}")).collect();
    let hash = digest(&SHA256, pairs.join("&").as_bytes());
    let digits = hash.as_ref().iter().map(|byte| format!("{byte:02x}"));
    digits.collect::<String>().into_bytes()
}

/// `MMDD` of the clearing day, which ends at 23:00.
fn clearing_day(at: i64) -> String {
    time::compact(at + 3_600).get(4..8).unwrap_or_default().to_owned()
}

impl Unionpay {
    /// The certificate that comes signs from now on.
    pub fn rotate(&self) {
        *locked(&self.current) = 1;
    }

    /// The books, as JSON.
    pub fn books(&self) -> Value {
        serde_json::to_value(&*locked(&self.books)).unwrap_or_default()
    }

    fn call_of(&self, asked: &Members) -> &'static str {
        match (get(asked, "txnType"), get(asked, "txnSubType")) {
            ("01", "06") => "codepay",
            ("01", "01") => "page",
            ("01", _) => "prepay",
            ("04" | "31", _) => "refund",
            ("99", _) => "reverse",
            ("76", _) => "bill",
            _ if locked(&self.books).refunds.contains_key(get(asked, "orderId")) => "query_refund",
            _ => "query",
        }
    }

    fn check(&self, path: &str, asked: &Members) -> Result<(), &'static str> {
        let get = |name| get(asked, name);
        let signed = self
            .merchant
            .as_ref()
            .is_some_and(|key| key.verifies(&twice_hashed(asked), get("signature")));
        if !signed || get("certId") != keys::UNIONPAY_CERTIFICATE_ID || get("signMethod") != "01" {
            return Err("11");
        }
        let fixed = [("version", "5.1.0"), ("encoding", "UTF-8"), ("accessType", "0")];
        if fixed.iter().any(|(name, value)| get(name) != *value) || !self.is_of_product(asked) {
            return Err("10");
        }
        if get("merId") != MERCHANT {
            return Err("31");
        }
        if get("txnType") == "76" {
            return if path == "/file/" { Ok(()) } else { Err("10") };
        }
        let number = get("orderId");
        let plain = number.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !plain || !(8..=40).contains(&number.len()) {
            return Err("10");
        }
        let at = time::parse_compact(get("txnTime")).ok_or("10")?;
        let query = get("txnType") == "00";
        if path.ends_with("/queryTrans.do") != query
            || path.ends_with("/frontTransReq.do")
                != (get("txnSubType") == "01" && get("txnType") == "01")
        {
            return Err("10");
        }
        if !query && at.abs_diff(time::now()) > DAY_SECS {
            return Err("10");
        }
        let pays = matches!(get("txnType"), "01" | "04" | "31");
        if pays && (get("currencyCode") != "156" || get("backUrl").contains('?')) {
            return Err("10");
        }
        Ok(())
    }

    fn perform(&self, simulators: &Simulators, asked: &Members, fault: Option<What>) -> Told {
        match (get(asked, "txnType"), get(asked, "txnSubType")) {
            ("01", "01") => self.open(asked),
            ("01", "07") => self.make(asked),
            ("01", "06") => self.charge(simulators, asked, fault),
            ("00", "00") => self.query(asked, fault),
            ("99", "01") => self.undo(asked),
            ("76", "01") => self.file(asked, fault),
            ("04", "00") => self.give_back(simulators, asked, "04", fault),
            ("31", "00") => self.give_back(simulators, asked, "31", fault),
            _ => Err("32"),
        }
    }

    fn payment(
        asked: &Members,
        kind: &'static str,
        books: &mut Books,
    ) -> Result<Payment, &'static str> {
        let number = get(asked, "orderId");
        if books.orders.contains_key(number) || books.refunds.contains_key(number) {
            return Err("12");
        }
        let total: i64 = get(asked, "txnAmt").parse().map_err(|_| "10")?;
        if total < 1 || get(asked, "txnAmt").len() > 12 {
            return Err("10");
        }
        books.made += 1;
        Ok(Payment {
            number: number.to_owned(),
            sent_at: get(asked, "txnTime").to_owned(),
            kind,
            total,
            status: "open",
            code: "",
            query_id: query_id(books.made),
            notify_url: asked.get("backUrl").cloned(),
            front_url: asked.get("frontUrl").cloned(),
            paid_at: None,
            expires_at: asked.get("payTimeout").cloned(),
            charges: 0,
        })
    }

    /// A QR code. Its text is told once: for a number that was used there is only a refusal.
    fn make(&self, asked: &Members) -> Told {
        let mut books = locked(&self.books);
        let payment = Self::payment(asked, "07", &mut books)?;
        let code = format!("https://qr.95516.com/00010000/{}", payment.query_id);
        books.orders.insert(payment.number.clone(), payment);
        Ok(Members::from([("qrCode".to_owned(), code)]))
    }

    /// A code at the counter. Its last two digits say what happens, as docs/sandbox.md has it for the wallet.
    fn charge(&self, simulators: &Simulators, asked: &Members, fault: Option<What>) -> Told {
        let code = get(asked, "qrNo");
        let digits = code.bytes().all(|byte| byte.is_ascii_digit());
        if !digits || code.len() != 19 || !code.starts_with("62") {
            return Err("88");
        }
        let mut books = locked(&self.books);
        if fault == Some(What::StateFirst) && books.orders.contains_key(get(asked, "orderId")) {
            return Err("01");
        }
        let mut payment = Self::payment(asked, "06", &mut books)?;
        let ending = code.get(17..).unwrap_or_default();
        match ending {
            "03" => (payment.status, payment.code) = ("failed", "64"),
            "04" => return Err("88"),
            "05" => return Err("cut"),
            "02" => payment.status = "processing",
            _ => pay(&mut payment),
        }
        let told = if payment.status == "failed" { Err(payment.code) } else { Ok(Members::new()) };
        books.orders.insert(payment.number.clone(), payment.clone());
        drop(books);
        if payment.paid_at.is_some() {
            self.tell(simulators, &payment, None);
        }
        if ending == "06" { Err("cut") } else { told }
    }

    fn query(&self, asked: &Members, fault: Option<What>) -> Told {
        if fault == Some(What::NotFound) {
            return Err("34");
        }
        let books = locked(&self.books);
        let (number, at) = (get(asked, "orderId"), get(asked, "txnTime"));
        let mut told = Members::new();
        let mut add = |name: &str, value: &str| told.insert(name.to_owned(), value.to_owned());
        let more = i64::from(fault == Some(What::WrongAmount));
        if let Some(back) = books.refunds.get(number).filter(|it| it.sent_at == at) {
            add("txnType", back.kind);
            add("txnSubType", "00");
            add("txnAmt", &(back.amount + more).to_string());
            add("queryId", &back.query_id);
            add("origRespCode", if back.done_at.is_some() { "00" } else { "05" });
            add("settleDate", &clearing_day(back.done_at.unwrap_or_default()));
        } else {
            let found = books.orders.get(number).filter(|it| it.sent_at == at);
            let payment = found.filter(|it| it.status != "open").ok_or("34")?;
            add("txnType", "01");
            add("txnSubType", payment.kind);
            add("txnAmt", &(payment.total + more).to_string());
            add("queryId", &payment.query_id);
            let code = match payment.status {
                "paid" => "00",
                "processing" => "05",
                _ => payment.code,
            };
            add("origRespCode", code);
            if let Some(at) = payment.paid_at {
                add("settleDate", &clearing_day(at));
                add("settleAmt", &payment.total.to_string());
            }
        }
        add("origRespMsg", "成功[0000000]");
        add("currencyCode", "156");
        add("settleCurrencyCode", "156");
        Ok(told)
    }

    /// 冲正: a payment at the counter is undone, whether it was made or not yet.
    fn undo(&self, asked: &Members) -> Told {
        let mut books = locked(&self.books);
        let (number, at) = (get(asked, "orderId"), get(asked, "txnTime"));
        let payment = books.orders.get_mut(number).filter(|it| it.sent_at == at && it.kind == "06");
        let payment = payment.ok_or("35")?;
        if payment.paid_at.is_some_and(|at| clearing_day(at) != clearing_day(time::now())) {
            return Err("35");
        }
        (payment.status, payment.code) = ("undone", "01");
        Ok(Members::new())
    }

    fn give_back(
        &self,
        simulators: &Simulators,
        asked: &Members,
        kind: &'static str,
        fault: Option<What>,
    ) -> Told {
        let mut books = locked(&self.books);
        let number = get(asked, "orderId").to_owned();
        let is_used = books.orders.contains_key(&number) || books.refunds.contains_key(&number);
        if is_used && fault != Some(What::StateFirst) {
            return Err("12");
        }
        let of_page = get(asked, "bizType") == page::BUSINESS;
        let payment = match of_page {
            true => books.orders.values().find(|it| it.query_id == get(asked, "origQryId")),
            false => books.orders.get(get(asked, "origOrderId")),
        };
        let payment = payment.filter(|it| of_page || it.sent_at == get(asked, "origTxnTime"));
        let payment = payment.filter(|it| it.status == "paid").cloned().ok_or("35")?;
        let amount: i64 = get(asked, "txnAmt").parse().map_err(|_| "10")?;
        let before: Vec<&Back> =
            books.refunds.values().filter(|it| it.payment == payment.number).collect();
        let back: i64 = before.iter().map(|it| it.amount).sum();
        if before.iter().any(|it| it.kind == "31") {
            return Err("45");
        }
        if amount < 1 || back + amount > payment.total {
            return Err("36");
        }
        let today = clearing_day(time::now());
        let same_day = payment.paid_at.is_some_and(|at| clearing_day(at) == today);
        if kind == "31" && (amount != payment.total || !same_day || back > 0) {
            return Err("35");
        }
        if is_used {
            return Err("12");
        }
        if fault == Some(What::NotEnough) {
            return Err("64");
        }
        books.made += 1;
        let made = Back {
            number: number.clone(),
            sent_at: get(asked, "txnTime").to_owned(),
            kind,
            payment: payment.number.clone(),
            amount,
            query_id: query_id(books.made),
            notify_url: asked.get("backUrl").cloned(),
            done_at: (fault != Some(What::Processing)).then(time::now),
        };
        books.refunds.insert(number, made.clone());
        drop(books);
        if made.done_at.is_some() {
            self.tell(simulators, &payment, Some(&made));
        }
        Ok(Members::from([("queryId".to_owned(), made.query_id)]))
    }

    /// A refund that was under way is done.
    ///
    /// # Errors
    ///
    /// There is no such refund.
    pub fn finish_refund(&self, simulators: &Simulators, number: &str) -> Result<(), String> {
        let mut books = locked(&self.books);
        let back = books.refunds.get_mut(number).ok_or("no such refund")?;
        back.done_at = Some(time::now());
        let back = back.clone();
        let payment = books.orders.get(&back.payment).cloned().ok_or("no such payment")?;
        drop(books);
        self.tell(simulators, &payment, Some(&back));
        Ok(())
    }

    /// The shopper scans and pays, or enters the password at the counter.
    ///
    /// # Errors
    ///
    /// Nothing is there to be paid.
    pub fn pay(&self, simulators: &Simulators, number: &str) -> Result<(), String> {
        let mut books = locked(&self.books);
        let payment = books.orders.get_mut(number).ok_or("no such payment")?;
        // What failed can be tried again with another card, while the code lasts.
        let again = payment.status == "failed" && payment.kind != "06";
        if !again && !matches!(payment.status, "open" | "processing") {
            return Err(format!("the payment is {}", payment.status));
        }
        let end = payment.expires_at.as_deref().and_then(time::parse_compact);
        if end.is_some_and(|at| at < time::now()) {
            return Err("the payment's time is over".to_owned());
        }
        pay(payment);
        let payment = payment.clone();
        drop(books);
        self.tell(simulators, &payment, None);
        Ok(())
    }

    /// The shopper's card is refused.
    ///
    /// # Errors
    ///
    /// Nothing is there to be paid.
    pub fn decline(&self, number: &str) -> Result<(), String> {
        let mut books = locked(&self.books);
        let payment = books.orders.get_mut(number).ok_or("no such payment")?;
        if !matches!(payment.status, "open" | "processing") {
            return Err(format!("the payment is {}", payment.status));
        }
        (payment.status, payment.code) = ("failed", "60");
        Ok(())
    }

    fn tell(&self, simulators: &Simulators, payment: &Payment, back: Option<&Back>) {
        let url = back.map_or(&payment.notify_url, |back| &back.notify_url);
        let Some(url) = url.clone() else { return };
        let fault = simulators.faults.take(PROVIDER, "callback");
        if fault == Some(What::Lost) {
            return;
        }
        let told = news(payment, back, fault);
        let right = self.signed(told.clone(), None);
        let first = self.signed(told, fault);
        let copies = if fault == Some(What::Duplicate) { 3 } else { 1 };
        for _ in 0..copies {
            let (url, right, first) = (url.clone(), right.clone(), first.clone());
            let make = move |number: usize| {
                let members = if number == 0 { &first } else { &right };
                let mut form = form_urlencoded::Serializer::new(String::new());
                let body = form.extend_pairs(members).finish().into_bytes();
                let kind = "application/x-www-form-urlencoded;charset=UTF-8".to_owned();
                Callback { url: url.clone(), headers: vec![("Content-Type", kind)], body }
            };
            simulators.notify.send(make, |status, _| status == 200);
        }
    }

    /// Adds what all messages have, and the signature.
    fn signed(&self, mut told: Members, fault: Option<What>) -> Members {
        let mut add = |name: &str, value: &str| told.insert(name.to_owned(), value.to_owned());
        add("version", "5.1.0");
        add("encoding", "UTF-8");
        add("signMethod", "01");
        add("accessType", "0");
        add("bizType", "000000");
        let other = fault == Some(What::WrongMerchant);
        add("merId", if other { "777290058110097" } else { MERCHANT });
        if fault == Some(What::WrongNumber) {
            add("orderId", "99999999999999999999999999999999");
        }
        let current = *locked(&self.current);
        let (key, certificate) = match fault {
            Some(What::WrongSignature) => {
                (self.merchant.as_ref(), keys::UNIONPAY_CERTIFICATES[current])
            }
            // Anybody's certificate, with UnionPay's name in it.
            Some(What::UnknownKey) => (self.forged.as_ref(), keys::UNIONPAY_FORGED.1),
            _ => (self.own.get(current), keys::UNIONPAY_CERTIFICATES[current]),
        };
        let lines: Vec<&str> = certificate.lines().collect();
        add("signPubKeyCert", &lines.join("\r\n"));
        let signature = key.map(|key| key.sign(&twice_hashed(&told))).unwrap_or_default();
        if fault != Some(What::Unsigned) {
            told.insert("signature".to_owned(), signature);
        }
        told
    }

    /// An answer repeats what was asked, and is not encoded.
    fn answer(&self, asked: &Members, done: Told, fault: Option<What>) -> Outgoing {
        let mut told = Members::new();
        for name in ["orderId", "txnTime", "txnType", "txnSubType", "settleDate"] {
            if let Some(value) = asked.get(name) {
                told.insert(name.to_owned(), value.clone());
            }
        }
        if let Some(amount) = asked.get("txnAmt").and_then(|text| text.parse::<i64>().ok()) {
            let more = i64::from(fault == Some(What::WrongAmount));
            told.insert("txnAmt".to_owned(), (amount + more).to_string());
            told.insert("currencyCode".to_owned(), get(asked, "currencyCode").to_owned());
        }
        let (code, message) = match done {
            Ok(members) => {
                told.extend(members);
                ("00", "成功[0000000]".to_owned())
            }
            Err(code) => (code, format!("失败[{code}00000]")),
        };
        told.insert("respCode".to_owned(), code.to_owned());
        told.insert("respMsg".to_owned(), message);
        let signed = self.signed(told, fault);
        let pairs: Vec<String> =
            signed.iter().map(|(name, value)| format!("{name}={value}")).collect();
        Outgoing::text(200, "text/html;charset=UTF-8", pairs.join("&"))
    }
}

/// The words of a callback, and the form that a browser brings back.
fn news(payment: &Payment, back: Option<&Back>, fault: Option<What>) -> Members {
    let mut told = Members::new();
    let mut add = |name: &str, value: &str| told.insert(name.to_owned(), value.to_owned());
    let (kind, part) = back.map_or(("01", payment.kind), |back| (back.kind, "00"));
    add("txnType", kind);
    add("txnSubType", part);
    add("orderId", back.map_or(&payment.number, |back| &back.number));
    add("txnTime", back.map_or(&payment.sent_at, |back| &back.sent_at));
    let amount = back.map_or(payment.total, |back| back.amount);
    let more = match fault {
        Some(What::WrongAmount) => 1,
        Some(What::Lie) => 100,
        _ => 0,
    };
    add("txnAmt", &(amount + more).to_string());
    add("queryId", back.map_or(&payment.query_id, |back| &back.query_id));
    add("currencyCode", "156");
    add("respCode", "00");
    add("respMsg", "success");
    add("settleDate", &clearing_day(time::now()));
    told
}

/// Two digits, the time, the trace number, and an 8, as UnionPay's test gateway numbers them.
fn query_id(made: u64) -> String {
    format!("51{}{:06}8", time::short(time::now()), made % 1_000_000)
}

fn pay(payment: &mut Payment) {
    payment.status = "paid";
    payment.code = "";
    payment.paid_at = Some(time::now());
    payment.charges += 1;
}
