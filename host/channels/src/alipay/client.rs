//! The calls over a transport: sign, send, verify, read. No policy and no retry.

use std::sync::Arc;

use serde::de::DeserializeOwned;

use crate::alipay::account::Account;
use crate::alipay::answer::{
    self, Accepted, BillAddress, Canceled, Closed, Created, Precreated, RefundQueried, Refunded,
    Trade,
};
use crate::alipay::call::{self, AuthCode, BadCall, BillType, Buyer, Call, Order};
use crate::alipay::notice::{self, BadNotice, Notice};
use crate::alipay::sign;
use crate::http::Transport;
use crate::outcome::CallError;
use crate::packed::BILL_BYTES_MAX;
use crate::surroundings::Surroundings;

/// An account at Alipay, and the way there.
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

    /// Makes a QR code.
    ///
    /// # Errors
    ///
    /// [`CallError`].
    pub async fn precreate(&self, order: &Order) -> Result<Precreated, CallError> {
        let call = call::precreate(order).map_err(ours)?;
        let made: Precreated = self.perform(&call).await?.result;
        same("out_trade_no", &made.out_trade_no, &order.number)?;
        Ok(made)
    }

    /// The address of Alipay's page for computers, signed now.
    ///
    /// # Errors
    ///
    /// A member that Alipay would refuse.
    pub fn page_pay(&self, order: &Order, return_url: &str) -> Result<String, CallError> {
        let call = call::page_pay(order, return_url).map_err(ours)?;
        Ok(sign::page(&self.account, &call, self.surroundings.now()))
    }

    /// The address of Alipay's page for phones, signed now.
    ///
    /// # Errors
    ///
    /// A member that Alipay would refuse.
    pub fn wap_pay(&self, order: &Order, return_url: &str) -> Result<String, CallError> {
        let call = call::wap_pay(order, return_url).map_err(ours)?;
        Ok(sign::page(&self.account, &call, self.surroundings.now()))
    }

    /// Makes a trade for a buyer in a mini-program.
    ///
    /// # Errors
    ///
    /// [`CallError`].
    pub async fn create(&self, order: &Order, buyer: &Buyer) -> Result<Created, CallError> {
        let call = call::create(order, &self.account.app_id, buyer).map_err(ours)?;
        let made: Created = self.perform(&call).await?.result;
        same("out_trade_no", &made.out_trade_no, &order.number)?;
        Ok(made)
    }

    /// Charges a code at the counter. `waits`: the shopper must enter the password.
    ///
    /// # Errors
    ///
    /// [`CallError`].
    pub async fn pay(
        &self,
        order: &Order,
        code: &AuthCode,
        store: &str,
    ) -> Result<Accepted<Trade>, CallError> {
        let call = call::pay(order, code, store).map_err(ours)?;
        let paid: Accepted<Trade> = self.perform(&call).await?;
        paid.result.check(&order.number, Some(order.total))?;
        Ok(paid)
    }

    /// Asks how a trade stands. `not_found` is a refusal.
    ///
    /// # Errors
    ///
    /// [`CallError`].
    pub async fn query(&self, number: &str, total: Option<i64>) -> Result<Trade, CallError> {
        let call = call::query(number).map_err(ours)?;
        let trade: Trade = self.perform(&call).await?.result;
        trade.check(number, total)?;
        Ok(trade)
    }

    /// Closes a trade that waits for its buyer.
    ///
    /// # Errors
    ///
    /// [`CallError`].
    pub async fn close(&self, number: &str) -> Result<(), CallError> {
        let call = call::close(number).map_err(ours)?;
        let closed: Closed = self.perform(&call).await?.result;
        closed.out_trade_no.map_or(Ok(()), |told| same("out_trade_no", &told, number))
    }

    /// Undoes a payment at the counter.
    ///
    /// # Errors
    ///
    /// [`CallError`].
    pub async fn cancel(&self, number: &str) -> Result<Canceled, CallError> {
        let call = call::cancel(number).map_err(ours)?;
        let canceled: Canceled = self.perform(&call).await?.result;
        canceled
            .out_trade_no
            .as_deref()
            .map_or(Ok(()), |told| same("out_trade_no", told, number))?;
        Ok(canceled)
    }

    /// Refunds. Only `fund_change` of `Y` says that money moved; anything else is to be asked for.
    ///
    /// # Errors
    ///
    /// [`CallError`].
    pub async fn refund(
        &self,
        number: &str,
        refund: &str,
        amount: i64,
        reason: Option<&str>,
    ) -> Result<Refunded, CallError> {
        let call = call::refund(number, refund, amount, reason).map_err(ours)?;
        let refunded: Refunded = self.perform(&call).await?.result;
        same("out_trade_no", &refunded.out_trade_no, number)?;
        Ok(refunded)
    }

    /// Asks whether a refund is done.
    ///
    /// # Errors
    ///
    /// [`CallError`].
    pub async fn query_refund(
        &self,
        number: &str,
        refund: &str,
        amount: Option<i64>,
    ) -> Result<bool, CallError> {
        let call = call::query_refund(number, refund).map_err(ours)?;
        let queried: RefundQueried = self.perform(&call).await?.result;
        queried.is_done(number, refund, amount)
    }

    /// Where a day's bill is downloaded from.
    ///
    /// # Errors
    ///
    /// [`CallError`].
    pub async fn bill_address(&self, bill: BillType, day: &str) -> Result<BillAddress, CallError> {
        let call = call::bill(bill, day).map_err(ours)?;
        Ok(self.perform(&call).await?.result)
    }

    /// A day's bill, packed as Alipay packs it. The address is Alipay's word, signed; what lies there is not
    /// signed, and has no hash.
    ///
    /// # Errors
    ///
    /// [`CallError`].
    pub async fn bill(&self, bill: BillType, day: &str) -> Result<Vec<u8>, CallError> {
        let address = self.bill_address(bill, day).await?.bill_download_url;
        let download = sign::download(&self.account, &address).map_err(ours)?;
        let response = self.transport.download(download, BILL_BYTES_MAX).await?;
        match response.status {
            200 => Ok(response.body),
            status => Err(CallError::Unknown(format!("the bill's address answers {status}"))),
        }
    }

    /// Verifies and reads a callback.
    ///
    /// # Errors
    ///
    /// [`BadNotice`].
    pub fn notice(&self, body: &[u8]) -> Result<Notice, BadNotice> {
        notice::read(&self.account, body, self.surroundings.now())
    }

    async fn perform<T: DeserializeOwned>(&self, call: &Call) -> Result<Accepted<T>, CallError> {
        let request = sign::request(&self.account, call, self.surroundings.now());
        let response = self.transport.send(request).await?;
        answer::read(&self.account, &response, &call.node(), self.surroundings.now())
    }
}

fn same(field: &'static str, told: &str, own: &str) -> Result<(), CallError> {
    if told == own { Ok(()) } else { Err(CallError::Mismatch { field }) }
}

fn ours(error: BadCall) -> CallError {
    CallError::unsendable(&error)
}
