//! Payment channels: whoever really moves the shopper's money.
//!
//! Every call carries our id of the attempt, so that a repeat is not a second payment. A call that
//! is not answered is an unknown and never a failure: the worker asks again until the channel
//! knows. What a channel tells us unasked is a hint to ask it.

use std::sync::Arc;

use lezai_core::id::AttemptId;
use lezai_core::money::Money;
use lezai_core::order::Credential;

use crate::sandbox::Sandbox;

/// How a shopper pays with a method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MethodKind {
    /// She scans a QR code.
    Qr,
    /// She is sent to the wallet's page.
    Redirect,
}

impl MethodKind {
    /// The kind as the API names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Qr => "qr",
            Self::Redirect => "redirect",
        }
    }
}

/// A method that a channel offers.
#[derive(Clone, Copy, Debug)]
pub struct Method {
    /// Its name in the API.
    pub id: &'static str,
    /// How it works.
    pub kind: MethodKind,
}

/// What a channel is asked to collect.
#[derive(Clone, Debug)]
pub struct PaymentRequest {
    /// Our id.
    pub attempt: AttemptId,
    /// How.
    pub kind: MethodKind,
    /// How much.
    pub amount: Money,
    /// For whom, as the shopper knows it.
    pub merchant_name: String,
    /// What for.
    pub description: String,
    /// Where the shopper goes afterwards.
    pub return_url: String,
}

/// What a channel knows of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It never heard of it.
    Unknown,
    /// The shopper has not decided.
    Pending,
    /// The money came.
    Paid {
        /// How much.
        amount: Money,
        /// The channel's own number.
        channel_ref: String,
    },
    /// It failed for good.
    Declined {
        /// Why, as a stable word.
        code: String,
    },
    /// It was called off and can no longer be paid.
    Cancelled,
    /// The money came and went back.
    Returned,
}

/// The channel did not answer, or not in time: what it did is unknown.
#[derive(Clone, Debug, thiserror::Error)]
#[error("channel {channel}: {reason}")]
pub struct Unanswered {
    /// Which channel.
    pub channel: &'static str,
    /// What happened.
    pub reason: String,
}

/// A channel.
#[derive(Clone)]
pub enum Channel {
    /// The simulated wallet.
    Sandbox(Arc<Sandbox>),
}

impl Channel {
    /// The channel's name in policies, orders and the ledger.
    pub fn id(&self) -> &'static str {
        match self {
            Self::Sandbox(_) => Sandbox::ID,
        }
    }

    /// What it offers.
    pub fn methods(&self) -> &'static [Method] {
        match self {
            Self::Sandbox(_) => Sandbox::METHODS,
        }
    }

    /// One of its methods.
    pub fn method(&self, id: &str) -> Option<&'static Method> {
        self.methods().iter().find(|method| method.id == id)
    }

    /// Asks it to collect a payment; asked twice, it gives the same.
    ///
    /// # Errors
    ///
    /// [`Unanswered`].
    pub async fn prepare(&self, request: PaymentRequest) -> Result<Credential, Unanswered> {
        match self {
            Self::Sandbox(sandbox) => sandbox.prepare(request).await,
        }
    }

    /// Asks what became of an attempt.
    ///
    /// # Errors
    ///
    /// [`Unanswered`].
    pub async fn query(&self, attempt: &AttemptId) -> Result<Standing, Unanswered> {
        match self {
            Self::Sandbox(sandbox) => sandbox.query(attempt).await,
        }
    }

    /// Calls an attempt off, unless it is too late; either way says how it stands then.
    ///
    /// # Errors
    ///
    /// [`Unanswered`].
    pub async fn cancel(&self, attempt: &AttemptId) -> Result<Standing, Unanswered> {
        match self {
            Self::Sandbox(sandbox) => sandbox.cancel(attempt).await,
        }
    }

    /// Has an attempt's money given back; asked twice, it goes back once.
    ///
    /// # Errors
    ///
    /// [`Unanswered`].
    pub async fn give_back(&self, attempt: &AttemptId) -> Result<Standing, Unanswered> {
        match self {
            Self::Sandbox(sandbox) => sandbox.give_back(attempt).await,
        }
    }
}
