//! The calls over a transport: sign, send, verify, read. No policy and no retry, but for one: a
//! platform certificate that is not known is asked for once.

use std::sync::Arc;

use serde::Deserialize;
use tokio::sync::Mutex;

use crate::http::{Headers, Request, Response, Transport};
use crate::outcome::{CallError, Refusal};
use crate::packed::BILL_BYTES_MAX;
use crate::rsa::Certificate;
use crate::surroundings::{self, Surroundings};
use crate::wechat::account::{Account, PlatformKey};
use crate::wechat::answer::{
    self, Act, BillAddress, Expected, Prepaid, RefundAnswer, TradeState, Transaction,
};
use crate::wechat::call::{self, BadCall, Bill, Call, CodePayment, Order, Refund, Scene};
use crate::wechat::notice::{self, BadNotice, Notice};
use crate::wechat::resource::Encrypted;
use crate::wechat::sign;
use crate::wechat::verify::{PlatformKeys, Unverified};

/// Certificates are downloaded at most this often, whatever strangers send.
const DOWNLOAD_EVERY_SECS: i64 = 60;

/// An account at WeChat Pay, and the way there.
pub struct Client {
    account: Account,
    keys: PlatformKeys,
    transport: Arc<dyn Transport>,
    surroundings: Arc<dyn Surroundings>,
    /// When certificates were last asked for; held while they are, so that many callers ask once.
    downloaded: Mutex<Option<i64>>,
}

/// The result of a payment by code.
#[derive(Clone, Debug)]
pub enum CodePaid {
    /// It is decided: the transaction says how.
    Decided(Transaction),
    /// The shopper must enter the password: query until it is decided.
    Waiting,
}

/// The result of a reversal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reversed {
    /// Nobody was charged, or the charge was given back.
    Done,
    /// Nothing was reversed: ask again.
    NotYet,
}

impl Client {
    /// A client of an account.
    pub fn new(
        account: Account,
        transport: Arc<dyn Transport>,
        surroundings: Arc<dyn Surroundings>,
    ) -> Self {
        let keys = PlatformKeys::new(account.platform_keys.clone());
        Self { account, keys, transport, surroundings, downloaded: Mutex::new(None) }
    }

    /// The account.
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// The platform's keys as they are now.
    pub fn platform_keys(&self) -> &PlatformKeys {
        &self.keys
    }

    /// Makes an order.
    ///
    /// # Errors
    ///
    /// [`CallError`].
    pub async fn prepay(&self, scene: &Scene, order: &Order) -> Result<Prepaid, CallError> {
        let call = call::prepay(&self.account, scene, order).map_err(ours)?;
        answer::parse(&self.perform(&call, Act::Prepay).await?.body)
    }

    /// The parameters of a page in WeChat or a mini-program, signed now.
    ///
    /// # Errors
    ///
    /// The system has no randomness.
    pub fn jsapi_parameters(&self, prepay_id: &str) -> Result<sign::JsapiParameters, CallError> {
        let sub_app = self.account.sub.as_ref().and_then(|sub| sub.app_id.as_deref());
        let app_id = sub_app.unwrap_or(&self.account.app_id);
        let (at, nonce) = (self.surroundings.now(), self.nonce()?);
        Ok(sign::jsapi(&self.account, app_id, prepay_id, at, &nonce))
    }

    /// The parameters of an app, signed now.
    ///
    /// # Errors
    ///
    /// The system has no randomness.
    pub fn app_parameters(&self, prepay_id: &str) -> Result<sign::AppParameters, CallError> {
        let (at, nonce) = (self.surroundings.now(), self.nonce()?);
        Ok(sign::app(&self.account, prepay_id, at, &nonce))
    }

    /// Charges a payment code.
    ///
    /// # Errors
    ///
    /// [`CallError`].
    pub async fn codepay(&self, payment: &CodePayment) -> Result<CodePaid, CallError> {
        let call = call::codepay(&self.account, payment).map_err(ours)?;
        let response = match self.perform(&call, Act::Move).await {
            Ok(response) => response,
            Err(CallError::Refused(Refusal { word: "awaiting_shopper", .. })) => {
                return Ok(CodePaid::Waiting);
            }
            Err(error) => return Err(error),
        };
        if response.status == 202 {
            return Ok(CodePaid::Waiting);
        }
        let transaction: Transaction = answer::parse(&response.body)?;
        let expected = Expected { number: &payment.number, total: Some(payment.total) };
        transaction.check(&self.account, expected)?;
        match transaction.trade_state {
            TradeState::UserPaying | TradeState::Accept => Ok(CodePaid::Waiting),
            _ => Ok(CodePaid::Decided(transaction)),
        }
    }

    /// Asks how an order stands. `not_found` is a refusal.
    ///
    /// # Errors
    ///
    /// [`CallError`].
    pub async fn query(&self, expected: Expected<'_>) -> Result<Transaction, CallError> {
        let call = call::query(&self.account, expected.number).map_err(ours)?;
        let response = self.perform(&call, Act::Ask).await?;
        let transaction: Transaction = answer::parse(&response.body)?;
        transaction.check(&self.account, expected)?;
        Ok(transaction)
    }

    /// Closes an order that is not paid. What an answer of 204 leaves open is asked by a query.
    ///
    /// # Errors
    ///
    /// [`CallError`].
    pub async fn close(&self, number: &str) -> Result<(), CallError> {
        let call = call::close(&self.account, number).map_err(ours)?;
        self.perform(&call, Act::Close).await.map(drop)
    }

    /// Reverses a payment at the counter, paid or not.
    ///
    /// # Errors
    ///
    /// [`CallError`].
    pub async fn reverse(&self, number: &str) -> Result<Reversed, CallError> {
        let call = call::reverse(&self.account, number).map_err(ours)?;
        match self.perform(&call, Act::Move).await {
            Ok(response) if response.status == 202 => Ok(Reversed::NotYet),
            Ok(response) => {
                let told: Option<Transaction> = serde_json::from_slice(&response.body).ok();
                let waits = told.is_some_and(|told| told.trade_state == TradeState::UserPaying);
                Ok(if waits { Reversed::NotYet } else { Reversed::Done })
            }
            Err(CallError::Refused(Refusal { word: "awaiting_shopper", .. })) => {
                Ok(Reversed::NotYet)
            }
            Err(error) => Err(error),
        }
    }

    /// Refunds. The same number again is the same refund.
    ///
    /// # Errors
    ///
    /// [`CallError`].
    pub async fn refund(&self, refund: &Refund) -> Result<RefundAnswer, CallError> {
        let call = call::refund(&self.account, refund).map_err(ours)?;
        let answer: RefundAnswer = answer::parse(&self.perform(&call, Act::Move).await?.body)?;
        answer.check(&refund.number, Some(&refund.payment), Some(refund.amount))?;
        Ok(answer)
    }

    /// Asks how a refund stands.
    ///
    /// # Errors
    ///
    /// [`CallError`].
    pub async fn query_refund(
        &self,
        number: &str,
        payment: Option<&str>,
        amount: Option<i64>,
    ) -> Result<RefundAnswer, CallError> {
        let call = call::query_refund(&self.account, number).map_err(ours)?;
        let answer: RefundAnswer = answer::parse(&self.perform(&call, Act::Ask).await?.body)?;
        answer.check(number, payment, amount)?;
        Ok(answer)
    }

    /// A day's bill, its hash checked.
    ///
    /// # Errors
    ///
    /// [`CallError`].
    pub async fn bill(&self, bill: Bill, day: &str) -> Result<Vec<u8>, CallError> {
        let call = call::bill(&self.account, bill, day).map_err(ours)?;
        let address: BillAddress = answer::parse(&self.perform(&call, Act::Ask).await?.body)?;
        let download = call::download(&self.account, &address.download_url).map_err(ours)?;
        let request = self.signed(&download)?;
        let response = self.transport.download(request, BILL_BYTES_MAX).await?;
        if response.status != 200 {
            return Err(CallError::Unknown(format!(
                "the bill's address answers {}",
                response.status
            )));
        }
        let hash = ring::digest::digest(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY, &response.body);
        if !surroundings::hex(hash.as_ref()).eq_ignore_ascii_case(&address.hash_value) {
            return Err(CallError::Mismatch { field: "hash_value" });
        }
        Ok(response.body)
    }

    /// Verifies, decrypts and reads a callback.
    ///
    /// # Errors
    ///
    /// [`BadNotice`].
    pub async fn notice(&self, headers: &Headers, body: &[u8]) -> Result<Notice, BadNotice> {
        let now = self.surroundings.now();
        let read = || notice::read(&self.account, &self.keys, headers, body, now);
        match read() {
            Err(BadNotice::Unverified(Unverified::UnknownKey(_))) if self.refresh().await => read(),
            told => told,
        }
    }

    /// Downloads the platform's certificates.
    ///
    /// # Errors
    ///
    /// [`CallError`].
    pub async fn download_certificates(&self) -> Result<(), CallError> {
        let response = self.send(&call::certificates()).await?;
        let now = self.surroundings.now();
        let unverified = |reason| CallError::Unknown(format!("certificates: {reason}"));
        if response.status != 200 {
            let verified = self.keys.verify(&response.headers, &response.body, now);
            return match answer::read(&response, verified, Act::Ask) {
                Err(error) => Err(error),
                Ok(_) => {
                    Err(CallError::Unknown(format!("certificates: status {}", response.status)))
                }
            };
        }
        let keys = certificates(&self.account, &response.body)?;
        // Certificates under the APIv3 key are WeChat Pay's; that the answer is new is signed with a
        // key that is known already, or with one of those that it brings.
        let mut verified = self.keys.verify(&response.headers, &response.body, now);
        if matches!(verified, Err(Unverified::UnknownKey(_))) {
            let brought = PlatformKeys::new(keys.clone());
            verified = brought.verify(&response.headers, &response.body, now);
        }
        verified.map_err(unverified)?;
        self.keys.add(keys, now);
        Ok(())
    }

    /// Asks for certificates unless that was done of late. Whether anything may be new.
    async fn refresh(&self) -> bool {
        if !self.account.download_certificates {
            return false;
        }
        let mut downloaded = self.downloaded.lock().await;
        let now = self.surroundings.now();
        if downloaded.is_some_and(|at| now.abs_diff(at) < DOWNLOAD_EVERY_SECS.unsigned_abs()) {
            // Somebody else asked while we waited for the lock, or a stranger asks too often.
            return true;
        }
        *downloaded = Some(now);
        self.download_certificates().await.is_ok()
    }

    async fn perform(&self, call: &Call, act: Act) -> Result<Response, CallError> {
        if self.keys.is_empty() && !self.refresh().await {
            return Err(CallError::NotSent("the platform's certificates are missing".to_owned()));
        }
        let response = self.send(call).await?;
        let now = self.surroundings.now();
        let verify = || self.keys.verify(&response.headers, &response.body, now);
        let verified = match verify() {
            Err(Unverified::UnknownKey(_)) if self.refresh().await => verify(),
            told => told,
        };
        answer::read(&response, verified, act)?;
        Ok(response)
    }

    async fn send(&self, call: &Call) -> Result<Response, CallError> {
        Ok(self.transport.send(self.signed(call)?).await?)
    }

    fn signed(&self, call: &Call) -> Result<Request, CallError> {
        Ok(sign::request(&self.account, call, self.surroundings.now(), &self.nonce()?))
    }

    fn nonce(&self) -> Result<String, CallError> {
        surroundings::nonce(&*self.surroundings)
            .map_err(|error| CallError::NotSent(error.to_string()))
    }
}

#[derive(Deserialize)]
struct Certificates {
    data: Vec<EncryptedCertificate>,
}

#[derive(Deserialize)]
struct EncryptedCertificate {
    serial_no: String,
    encrypt_certificate: Encrypted,
}

/// The certificates of an answer to `GET /v3/certificates`, decrypted. The answer's signature is the
/// caller's to check.
///
/// # Errors
///
/// [`CallError::Unknown`].
pub fn certificates(account: &Account, body: &[u8]) -> Result<Vec<PlatformKey>, CallError> {
    let unreadable = |what: String| CallError::Unknown(format!("certificates: {what}"));
    let Certificates { data } = answer::parse(body)?;
    data.into_iter()
        .map(|entry| {
            let plain = entry.encrypt_certificate.decrypt(&account.api_v3_key);
            let plain = plain.map_err(|error| unreadable(error.to_string()))?;
            let text = String::from_utf8(plain).map_err(|error| unreadable(error.to_string()))?;
            let certificate =
                Certificate::parse(&text).map_err(|error| unreadable(error.to_string()))?;
            if !certificate.serial.eq_ignore_ascii_case(&entry.serial_no) {
                return Err(unreadable("serial_no is another certificate's".to_owned()));
            }
            Ok(certificate.into())
        })
        .collect()
}

fn ours(error: BadCall) -> CallError {
    CallError::unsendable(&error)
}
