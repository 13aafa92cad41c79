//! The calls over a transport: sign, send, verify, read. No policy and no retry.

use std::sync::Arc;

use crate::channel::PageForm;
use crate::http::{Method, NoAnswer, Request, Transport};
use crate::outcome::CallError;
use crate::packed::BILL_BYTES_MAX;
use crate::surroundings::Surroundings;
use crate::unionpay::account::Account;
use crate::unionpay::answer::{self, State};
use crate::unionpay::call::{self, Back, BadCall, Call, Named, Payment};
use crate::unionpay::file;
use crate::unionpay::message::{BadMessage, Message};

/// A file's answer: base64 of what is packed, and packed it is smaller than the rows.
const FILE_ANSWER_MAX: usize = BILL_BYTES_MAX / 3 * 4;

/// A merchant at UnionPay, and the way there.
pub struct Client {
    account: Account,
    transport: Arc<dyn Transport>,
    surroundings: Arc<dyn Surroundings>,
}

impl Client {
    /// A client of an account.
    pub fn new(
        account: Account,
        transport: Arc<dyn Transport>,
        surroundings: Arc<dyn Surroundings>,
    ) -> Self {
        Self { account, transport, surroundings }
    }

    /// The account.
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// Makes a QR code. Gives its text.
    ///
    /// # Errors
    ///
    /// [`CallError`]. `number_used`: an earlier call made it, and its text is not told again.
    pub async fn qr(&self, payment: &Payment) -> Result<String, CallError> {
        let told = self.perform(&call::qr(&self.account, payment).map_err(ours)?).await?;
        let code = told.get("qrCode").map(str::to_owned);
        code.ok_or_else(|| CallError::Unknown("the answer has no qrCode".to_owned()))
    }

    /// The query of an address at which a browser is given the form for UnionPay's page: the form itself, signed.
    ///
    /// # Errors
    ///
    /// [`CallError`], before anything was sent.
    pub fn page(
        &self,
        payment: &Payment,
        on_phone: bool,
        front_url: &str,
    ) -> Result<String, CallError> {
        let call = call::page(&self.account, payment, on_phone, front_url).map_err(ours)?;
        let form = call.message.signed(&self.account);
        String::from_utf8(form).map_err(|error| CallError::unsendable(&error))
    }

    /// The form that such a query holds: none unless we signed it.
    pub fn page_form(&self, query: &str) -> Option<PageForm> {
        let message = Message::from_callback(query.as_bytes()).ok()?;
        let is_ours = message.is_signed_by(&self.account.key.public());
        let action = format!("{}{}", self.account.base_url, call::FRONT);
        is_ours.then(|| PageForm { action, fields: message.members() })
    }

    /// Charges a code that the till scanned. It is taken; a query tells what came of it.
    ///
    /// # Errors
    ///
    /// [`CallError`].
    pub async fn charge(&self, payment: &Payment, code: &str) -> Result<(), CallError> {
        self.perform(&call::charge(&self.account, payment, code).map_err(ours)?).await.map(drop)
    }

    /// Asks how a payment stands.
    ///
    /// # Errors
    ///
    /// [`CallError`].
    pub async fn query(&self, payment: &Named) -> Result<State, CallError> {
        self.ask(payment, &["01"], None).await
    }

    /// Asks how a refund or a void stands.
    ///
    /// # Errors
    ///
    /// [`CallError`].
    pub async fn query_back(&self, named: &Named, fen: Option<i64>) -> Result<State, CallError> {
        self.ask(named, &["04", "31"], fen).await
    }

    async fn ask(
        &self,
        named: &Named,
        kind: &[&str],
        fen: Option<i64>,
    ) -> Result<State, CallError> {
        let told = self.perform(&call::query(&self.account, named).map_err(ours)?).await;
        answer::state(told, kind, named, fen)
    }

    /// Undoes a payment at the counter whose outcome is unknown.
    ///
    /// # Errors
    ///
    /// [`CallError`].
    pub async fn undo(&self, payment: &Named) -> Result<(), CallError> {
        self.perform(&call::undo(&self.account, payment).map_err(ours)?).await.map(drop)
    }

    /// Gives a payment back, or a part of it. It is taken; a query tells what came of it.
    ///
    /// # Errors
    ///
    /// [`CallError`].
    pub async fn give_back(
        &self,
        kind: Back,
        payment: &Named,
        query_id: &str,
        named: &Named,
        fen: i64,
        notify_url: &str,
    ) -> Result<(), CallError> {
        let account = &self.account;
        let call = call::give_back(account, kind, payment, query_id, named, fen, notify_url);
        self.perform(&call.map_err(ours)?).await.map(drop)
    }

    /// The rows of a clearing day's transactions; the day is `MMDD`. None if nothing moved.
    ///
    /// # Errors
    ///
    /// [`CallError`]. `no_bill`: the day has no file, or not yet.
    pub async fn bill(&self, clearing_day: &str) -> Result<Vec<u8>, CallError> {
        let now = self.surroundings.now();
        let call = call::file(&self.account, clearing_day, now);
        let request = self.request(&self.account.file_url, &call);
        let sent = self.transport.download(request, FILE_ANSWER_MAX).await;
        let told = answer::read(&self.account, &call, &sent.map_err(no_answer)?, now)?;
        let content = told.get("fileContent").unwrap_or_default();
        let file = file::unpacked(content, BILL_BYTES_MAX)
            .map_err(|error| CallError::Unknown(error.to_string()))?;
        if file.has_disputes {
            tracing::warn!(
                clearing_day,
                "UnionPay tells of disputes, which are not read: look there"
            );
        }
        Ok(file.trades)
    }

    /// Verifies and reads a callback.
    ///
    /// # Errors
    ///
    /// [`BadMessage`].
    pub fn notice(&self, body: &[u8]) -> Result<Message, BadMessage> {
        let told = Message::from_callback(body)?;
        told.verify(&self.account, self.surroundings.now())?;
        Ok(told)
    }

    fn request(&self, base_url: &str, call: &Call) -> Request {
        Request {
            method: Method::Post,
            url: format!("{base_url}{}", call.path),
            headers: vec![
                ("User-Agent", concat!("lezai/", env!("CARGO_PKG_VERSION")).to_owned()),
                ("Content-Type", "application/x-www-form-urlencoded;charset=UTF-8".to_owned()),
            ],
            body: call.message.clone().signed(&self.account),
        }
    }

    async fn perform(&self, call: &Call) -> Result<Message, CallError> {
        let request = self.request(&self.account.base_url, call);
        let response = self.transport.send(request).await.map_err(no_answer)?;
        answer::read(&self.account, call, &response, self.surroundings.now())
    }
}

fn no_answer(error: NoAnswer) -> CallError {
    match error {
        NoAnswer::NotSent(reason) => CallError::NotSent(reason),
        NoAnswer::Unknown(reason) => CallError::Unknown(reason),
    }
}

fn ours(error: BadCall) -> CallError {
    CallError::unsendable(&error)
}
