//! Merchants' own accounts at the simulated wallet: the same wallet, which keeps apart whose payments are whose. As at
//! any provider, one account is told nothing of another's payments and can undo none of them.

use std::sync::Arc;

use lezai_core::id::AttemptId;
use rusqlite::Transaction;

use super::owner::is_of;
use super::payment::Payment;
use super::{Broken, Sandbox};
use crate::channel::{AttemptStatus, Method, Unanswered};
use lezai_core::time::Timestamp;

impl Sandbox {
    /// A merchant's account at this wallet.
    pub fn of_account(&self, account: String, methods: &'static [Method]) -> Self {
        Self {
            connection: Arc::clone(&self.connection),
            public_url: self.public_url.clone(),
            now: Arc::clone(&self.now),
            account,
            methods,
        }
    }

    /// As [`Sandbox::on_payment`], for the account that the payment is of; to another it is unknown.
    pub(super) async fn on_own(
        &self,
        attempt: &AttemptId,
        happens: impl FnOnce(
            &Transaction<'_>,
            &mut Payment,
            Timestamp,
        ) -> Result<Option<AttemptStatus>, Broken>
        + Send
        + 'static,
    ) -> Result<AttemptStatus, Unanswered> {
        let (id, account) = (attempt.clone(), self.account.clone());
        self.on_payment(attempt, move |wallet, payment, now| {
            match is_of(wallet, id.as_str(), &account)? {
                true => happens(wallet, payment, now),
                false => Ok(Some(AttemptStatus::Unknown)),
            }
        })
        .await
    }
}
