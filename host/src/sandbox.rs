//! The sandbox channel: a wallet that exists in this process alone, for development and tests.
//!
//! It behaves like another company: it has its own file, knows attempts and nothing of orders,
//! decides nothing for the gateway, and is asked over the same calls as any channel.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lezai_core::id::AttemptId;
use lezai_core::money::{Currency, Money};
use lezai_core::order::Credential;
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::channel::{Method, MethodKind, PaymentRequest, Standing, Unanswered};
use crate::store::StoreError;

/// The simulated wallet.
pub struct Sandbox {
    connection: Arc<Mutex<Connection>>,
    public_url: String,
}

/// A payment as the wallet shows it to the shopper.
#[derive(Clone, Debug)]
pub struct WalletPayment {
    /// How much.
    pub amount: Money,
    /// For whom.
    pub merchant_name: String,
    /// What for.
    pub description: String,
    /// Where the shopper goes afterwards; none when she scanned a code with another device.
    pub return_url: Option<String>,
    /// How it stands.
    pub standing: Standing,
}

/// What the shopper does in the wallet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// She pays.
    Approve,
    /// She does not.
    Decline,
}

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS payments (
  attempt TEXT PRIMARY KEY, minor INTEGER NOT NULL, currency TEXT NOT NULL, merchant_name TEXT NOT NULL,
  description TEXT NOT NULL, return_url TEXT, status TEXT NOT NULL
) STRICT;
";

impl Sandbox {
    /// The channel's name.
    pub const ID: &str = "sandbox";
    /// What it offers.
    pub const METHODS: &[Method] = &[
        Method { id: "wallet_qr", kind: MethodKind::Qr },
        Method { id: "wallet_redirect", kind: MethodKind::Redirect },
    ];

    /// Opens the wallet's file, or makes it. Its pages are under `public_url`.
    ///
    /// # Errors
    ///
    /// [`StoreError::Database`].
    pub fn open(path: &Path, public_url: String) -> Result<Self, StoreError> {
        let connection = Connection::open(path)?;
        connection.busy_timeout(Duration::from_secs(5))?;
        connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;")?;
        connection.execute_batch(SCHEMA)?;
        Ok(Self { connection: Arc::new(Mutex::new(connection)), public_url })
    }

    /// Takes a payment on, or finds it again.
    pub(crate) async fn prepare(&self, request: PaymentRequest) -> Result<Credential, Unanswered> {
        let url = format!("{}/sandbox/wallet/{}", self.public_url, request.attempt);
        let kind = request.kind;
        self.with(move |wallet| {
            // Who scans a code pays on another device, which has no page to go back to.
            let return_url = (kind == MethodKind::Redirect).then_some(request.return_url);
            wallet.prepare_cached(
                "INSERT INTO payments (attempt, minor, currency, merchant_name, description, return_url, status)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'pending') ON CONFLICT DO NOTHING",
            )?
            .execute(params![
                request.attempt.as_str(),
                request.amount.minor(),
                request.amount.currency().code(),
                request.merchant_name,
                request.description,
                return_url,
            ])
        })
        .await?;
        Ok(match kind {
            MethodKind::Qr => Credential::Qr { qr: url },
            MethodKind::Redirect => Credential::Redirect { redirect_url: url },
        })
    }

    pub(crate) async fn query(&self, attempt: &AttemptId) -> Result<Standing, Unanswered> {
        Ok(self.payment(attempt).await?.map_or(Standing::Unknown, |payment| payment.standing))
    }

    pub(crate) async fn cancel(&self, attempt: &AttemptId) -> Result<Standing, Unanswered> {
        // An attempt that was never heard of is noted as cancelled, should its request come late.
        let id = attempt.clone();
        self.with(move |wallet| {
            wallet.prepare_cached(
                "INSERT INTO payments (attempt, minor, currency, merchant_name, description, status) VALUES (?1, 0, 'CNY', '', '', 'cancelled')
                 ON CONFLICT DO UPDATE SET status = 'cancelled' WHERE status = 'pending'",
            )?
            .execute([id.as_str()])
        })
        .await?;
        self.query(attempt).await
    }

    pub(crate) async fn give_back(&self, attempt: &AttemptId) -> Result<Standing, Unanswered> {
        self.turn(attempt, "paid", "returned").await?;
        self.query(attempt).await
    }

    /// The shopper's act; only the first one counts.
    ///
    /// # Errors
    ///
    /// [`Unanswered`] if the wallet's file cannot be written.
    pub async fn act(&self, attempt: &AttemptId, act: Act) -> Result<Standing, Unanswered> {
        let to = match act {
            Act::Approve => "paid",
            Act::Decline => "declined",
        };
        self.turn(attempt, "pending", to).await?;
        self.query(attempt).await
    }

    /// A payment as the shopper sees it.
    ///
    /// # Errors
    ///
    /// [`Unanswered`] if the wallet's file cannot be read.
    pub async fn payment(&self, attempt: &AttemptId) -> Result<Option<WalletPayment>, Unanswered> {
        let id = attempt.clone();
        let row = self
            .with(move |wallet| {
                let sql = "SELECT minor, currency, merchant_name, description, return_url, status FROM payments WHERE attempt = ?1";
                let mut statement = wallet.prepare_cached(sql)?;
                statement
                    .query_row([id.as_str()], |row| {
                        let (minor, currency) = (row.get::<_, i64>(0)?, row.get::<_, String>(1)?);
                        Ok((minor, currency, row.get(2)?, row.get(3)?, row.get(4)?, row.get::<_, String>(5)?))
                    })
                    .optional()
            })
            .await?;
        let Some((minor, currency, merchant_name, description, return_url, status)) = row else {
            return Ok(None);
        };
        let damaged = || unanswered("a damaged record");
        let currency = Currency::from_code(&currency).map_err(|_| damaged())?;
        let amount = Money::new(minor, currency).map_err(|_| damaged())?;
        let standing = match status.as_str() {
            "pending" => Standing::Pending,
            "paid" => {
                Standing::Paid { amount, channel_ref: format!("sbx_{}", &attempt.as_str()[4..20]) }
            }
            "declined" => Standing::Declined { code: "shopper_declined".to_owned() },
            "cancelled" => Standing::Cancelled,
            "returned" => Standing::Returned,
            _ => return Err(damaged()),
        };
        Ok(Some(WalletPayment { amount, merchant_name, description, return_url, standing }))
    }

    async fn turn(
        &self,
        attempt: &AttemptId,
        from: &'static str,
        to: &'static str,
    ) -> Result<(), Unanswered> {
        let attempt = attempt.clone();
        let sql = "UPDATE payments SET status = ?3 WHERE attempt = ?1 AND status = ?2";
        self.with(move |wallet| wallet.prepare_cached(sql)?.execute([attempt.as_str(), from, to]))
            .await
            .map(drop)
    }

    async fn with<T: Send + 'static>(
        &self,
        run: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Unanswered> {
        let connection = Arc::clone(&self.connection);
        let run = move || run(&connection.lock().unwrap_or_else(PoisonError::into_inner));
        match tokio::task::spawn_blocking(run).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(unanswered(error)),
            Err(error) => Err(unanswered(error)),
        }
    }
}

fn unanswered(reason: impl std::fmt::Display) -> Unanswered {
    Unanswered { channel: Sandbox::ID, reason: reason.to_string() }
}

#[cfg(test)]
mod tests {
    use lezai_core::time::Timestamp;

    use super::*;

    fn attempt(n: u8) -> AttemptId {
        AttemptId::new(Timestamp::from_ms(1_795_000_000_000), [n; 10])
    }

    fn request(n: u8) -> PaymentRequest {
        PaymentRequest {
            attempt: attempt(n),
            kind: MethodKind::Qr,
            amount: Money::new(12800, Currency::from_code("CNY").unwrap()).unwrap(),
            merchant_name: "Demo".to_owned(),
            description: "Tea".to_owned(),
            return_url: "http://shop/".to_owned(),
        }
    }

    #[tokio::test]
    async fn each_way_is_taken_once() {
        let wallet = Sandbox::open(Path::new(":memory:"), "http://gw".to_owned()).unwrap();
        let word = |standing: Standing| {
            format!("{standing:?}").split([' ', '{']).next().unwrap().to_owned()
        };
        for (n, acts, expected) in [
            (1, "prepare", "Pending"),
            (2, "prepare approve decline cancel", "Paid"),
            (3, "prepare decline approve", "Declined"),
            (4, "prepare cancel approve", "Cancelled"),
            (5, "prepare approve return return", "Returned"),
            (6, "prepare return", "Pending"),
            (7, "", "Unknown"),
            (8, "cancel prepare approve", "Cancelled"),
            (9, "prepare approve prepare", "Paid"),
        ] {
            for act in acts.split_whitespace() {
                match act {
                    "prepare" => drop(wallet.prepare(request(n)).await.unwrap()),
                    "approve" => drop(wallet.act(&attempt(n), Act::Approve).await.unwrap()),
                    "decline" => drop(wallet.act(&attempt(n), Act::Decline).await.unwrap()),
                    "cancel" => drop(wallet.cancel(&attempt(n)).await.unwrap()),
                    _ => drop(wallet.give_back(&attempt(n)).await.unwrap()),
                }
            }
            assert_eq!(word(wallet.query(&attempt(n)).await.unwrap()), expected, "{acts}");
        }
    }
}
