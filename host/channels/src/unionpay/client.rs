//! The calls over a transport: sign, send, verify, read. No policy and no retry.

use std::sync::Arc;

use crate::http::{Method, NoAnswer, Request, Transport};
use crate::outcome::CallError;
use crate::surroundings::Surroundings;
use crate::unionpay::account::Account;
use crate::unionpay::answer::{self, State};
use crate::unionpay::call::{self, Back, BadCall, Call, Named, Payment};
use crate::unionpay::message::{BadMessage, Message};

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
        named: &Named,
        fen: i64,
        notify_url: &str,
    ) -> Result<(), CallError> {
        let call = call::give_back(&self.account, kind, payment, named, fen, notify_url);
        self.perform(&call.map_err(ours)?).await.map(drop)
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

    async fn perform(&self, call: &Call) -> Result<Message, CallError> {
        let request = Request {
            method: Method::Post,
            url: format!("{}{}", self.account.base_url, call.path),
            headers: vec![
                ("User-Agent", concat!("lezai/", env!("CARGO_PKG_VERSION")).to_owned()),
                ("Content-Type", "application/x-www-form-urlencoded;charset=UTF-8".to_owned()),
            ],
            body: call.message.clone().signed(&self.account),
        };
        let response = self.transport.send(request).await.map_err(|error| match error {
            NoAnswer::NotSent(reason) => CallError::NotSent(reason),
            NoAnswer::Unknown(reason) => CallError::Unknown(reason),
        })?;
        answer::read(&self.account, call, &response, self.surroundings.now())
    }
}

fn ours(error: BadCall) -> CallError {
    CallError::unsendable(&error)
}
