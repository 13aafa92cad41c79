//! A mandate as the wallet keeps it, and the debits under it. It is another company: it knows a mandate by our id,
//! and holds by itself that it debits nothing that the payer has not agreed to.

use lezai_core::id::{AttemptId, MandateId};
use lezai_core::money::{Currency, Money};
use lezai_core::time::Timestamp;
use rusqlite::{OptionalExtension as _, Row, Transaction, params};

use super::magic::{self, LATE_SECS};
use super::payment::Payment;
use super::{Broken, SHOPPER_DECLINED, Sandbox};
use crate::channel::{
    AttemptStatus, DebitRequest, Debited, MandateRequest, MandateStatus, Unanswered,
};

/// The payer's act on a mandate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MandateAct {
    /// They agree.
    Agree,
    /// They do not.
    Decline,
    /// They take it back.
    Revoke,
}

/// A mandate as the wallet shows it to the payer.
#[derive(Clone, Debug)]
pub struct WalletMandate {
    /// The most that may be debited at once.
    pub max_amount: Money,
    /// For whom.
    pub merchant_name: String,
    /// The text that they agree to.
    pub description: String,
    /// Where they go afterwards.
    pub return_url: Option<String>,
    /// Until when it lasts.
    pub expires_at: Timestamp,
    /// How it stands.
    pub standing: MandateStatus,
    /// The time to agree is over, and they had not.
    pub is_over: bool,
}

struct Mandate {
    id: String,
    max_amount: Money,
    merchant_name: String,
    description: String,
    return_url: Option<String>,
    /// `pending`, `active`, `declined`, `revoked`.
    status: String,
    code: Option<String>,
    /// When the payer takes it back by themselves.
    ready: Option<Timestamp>,
    agree_by: Timestamp,
    expires_at: Timestamp,
}

/// Notes a mandate, once for its id; `None` is silence.
pub(super) fn sign(
    wallet: &Transaction<'_>,
    request: &MandateRequest,
    now: Timestamp,
) -> Result<Option<()>, Broken> {
    if Mandate::load(wallet, &request.mandate, now)?.is_some() {
        return Ok(Some(()));
    }
    let mandate = Mandate {
        id: request.mandate.to_string(),
        max_amount: request.max_amount,
        merchant_name: request.merchant_name.clone(),
        description: request.description.clone(),
        return_url: request.return_url.clone(),
        status: "pending".to_owned(),
        code: None,
        ready: None,
        agree_by: request.agree_by,
        expires_at: request.expires_at,
    };
    mandate.save(wallet)?;
    Ok((magic::mandate(mandate.max_amount) != magic::Mandate::Silent).then_some(()))
}

/// How a mandate stands.
pub(super) fn query(
    wallet: &Transaction<'_>,
    id: &MandateId,
    now: Timestamp,
) -> Result<Option<MandateStatus>, Broken> {
    let mandate = Mandate::load(wallet, id, now)?;
    mandate.map_or(Ok(MandateStatus::Unknown), |it| it.standing()).map(Some)
}

/// Ends a mandate. One that it never heard of is noted as ended, should its request come late.
pub(super) fn revoke(
    wallet: &Transaction<'_>,
    id: &MandateId,
    now: Timestamp,
) -> Result<Option<MandateStatus>, Broken> {
    let mut mandate = match Mandate::load(wallet, id, now)? {
        Some(mandate) => mandate,
        None => Mandate {
            id: id.to_string(),
            max_amount: Money::zero(Currency::from_code("CNY").map_err(|_| Broken::damaged())?),
            merchant_name: String::new(),
            description: String::new(),
            return_url: None,
            status: "pending".to_owned(),
            code: None,
            ready: None,
            agree_by: now,
            expires_at: now,
        },
    };
    mandate.revoke();
    mandate.save(wallet)?;
    mandate.standing().map(Some)
}

/// Debits the payer, once for each attempt.
pub(super) fn debit(
    wallet: &Transaction<'_>,
    request: &DebitRequest,
    now: Timestamp,
) -> Result<Option<Debited>, Broken> {
    // One that was called off before its request came is here, too.
    if Payment::load(wallet, &request.attempt)?.is_some() {
        return Ok(Some(Debited::Taken));
    }
    let mandate = Mandate::load(wallet, &request.mandate, now)?;
    let refusal = match &mandate {
        Some(it) if it.status == "active" && now < it.expires_at => {
            let within = it.max_amount.checked_sub(request.amount).is_some();
            (!within).then_some("above_mandate")
        }
        _ => Some("mandate_not_active"),
    };
    if let Some(code) = refusal {
        return Ok(Some(Debited::Refused { code: code.to_owned() }));
    }
    let sql = "INSERT INTO payments (attempt, minor, currency, merchant_name, description, status, capture)
               VALUES (?1, ?2, ?3, ?4, ?5, 'pending', 1)";
    wallet.prepare_cached(sql)?.execute(params![
        request.attempt.as_str(),
        request.amount.minor(),
        request.amount.currency().code(),
        request.merchant_name,
        request.description,
    ])?;
    let sql = "INSERT INTO debits (attempt, mandate) VALUES (?1, ?2)";
    let of = [request.attempt.as_str(), request.mandate.as_str()];
    wallet.prepare_cached(sql)?.execute(of)?;
    let Some(mut payment) = Payment::load(wallet, &request.attempt)? else {
        return Err(Broken::damaged());
    };
    let former = payment.status;
    payment.debit(now);
    payment.save(wallet)?;
    payment.move_money(wallet, former, now)?;
    Ok(Some(Debited::Taken))
}

impl Mandate {
    fn load(
        wallet: &Transaction<'_>,
        id: &MandateId,
        now: Timestamp,
    ) -> Result<Option<Self>, Broken> {
        let sql = "SELECT max_minor, currency, merchant_name, description, return_url, status, code, ready_ms, agree_by_ms, expires_ms
                   FROM mandates WHERE mandate = ?1";
        let mut statement = wallet.prepare_cached(sql)?;
        let found = statement.query_row([id.as_str()], |row| Ok(Self::read(id, row))).optional()?;
        let Some(mut mandate) = found.transpose()? else { return Ok(None) };
        if mandate.status == "active" && mandate.ready.is_some_and(|ready| now >= ready) {
            mandate.revoke();
            mandate.save(wallet)?;
        }
        Ok(Some(mandate))
    }

    fn read(id: &MandateId, row: &Row<'_>) -> Result<Self, Broken> {
        let code: String = row.get(1)?;
        let currency = Currency::from_code(&code).map_err(|_| Broken::damaged())?;
        Ok(Self {
            id: id.to_string(),
            max_amount: Money::new(row.get(0)?, currency).map_err(|_| Broken::damaged())?,
            merchant_name: row.get(2)?,
            description: row.get(3)?,
            return_url: row.get(4)?,
            status: row.get(5)?,
            code: row.get(6)?,
            ready: row.get::<_, Option<i64>>(7)?.map(Timestamp::from_ms),
            agree_by: Timestamp::from_ms(row.get(8)?),
            expires_at: Timestamp::from_ms(row.get(9)?),
        })
    }

    fn save(&self, wallet: &Transaction<'_>) -> Result<(), Broken> {
        let sql = "INSERT INTO mandates (mandate, max_minor, currency, merchant_name, description, return_url, status, code, ready_ms, agree_by_ms, expires_ms)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
                   ON CONFLICT DO UPDATE SET status = excluded.status, code = excluded.code, ready_ms = excluded.ready_ms";
        wallet.prepare_cached(sql)?.execute(params![
            self.id,
            self.max_amount.minor(),
            self.max_amount.currency().code(),
            self.merchant_name,
            self.description,
            self.return_url,
            self.status,
            self.code,
            self.ready.map(Timestamp::as_ms),
            self.agree_by.as_ms(),
            self.expires_at.as_ms(),
        ])?;
        Ok(())
    }

    fn standing(&self) -> Result<MandateStatus, Broken> {
        Ok(match self.status.as_str() {
            "pending" => MandateStatus::Pending,
            "active" => MandateStatus::Active { channel_ref: self.channel_ref() },
            "declined" => MandateStatus::Declined {
                code: self.code.clone().unwrap_or_else(|| SHOPPER_DECLINED.to_owned()),
            },
            "revoked" => MandateStatus::Revoked,
            _ => return Err(Broken::damaged()),
        })
    }

    fn channel_ref(&self) -> String {
        format!("W{}", self.id.get(self.id.len().saturating_sub(16)..).unwrap_or(&self.id))
    }

    fn revoke(&mut self) {
        if matches!(self.status.as_str(), "pending" | "active") {
            self.status = "revoked".to_owned();
        }
    }

    /// The payer's act; what is decided stays so, but that an active one can be taken back.
    fn act(&mut self, act: MandateAct, now: Timestamp) {
        let is_open = self.status == "pending" && now < self.agree_by;
        match act {
            MandateAct::Agree if is_open => match magic::mandate(self.max_amount) {
                magic::Mandate::Declined(code) => self.decline(code),
                outcome => {
                    self.status = "active".to_owned();
                    let is_soon_over = outcome == magic::Mandate::TakenBack;
                    self.ready = is_soon_over.then(|| now.plus_secs(LATE_SECS));
                }
            },
            MandateAct::Decline if is_open => self.decline(SHOPPER_DECLINED),
            MandateAct::Revoke if self.status == "active" => self.revoke(),
            MandateAct::Agree | MandateAct::Decline | MandateAct::Revoke => {}
        }
    }

    fn decline(&mut self, code: &str) {
        self.status = "declined".to_owned();
        self.code = Some(code.to_owned());
    }
}

impl Sandbox {
    /// The payer's act on a mandate.
    ///
    /// # Errors
    ///
    /// [`Unanswered`] if the wallet's file cannot be written.
    pub async fn act_on_mandate(
        &self,
        mandate: &MandateId,
        act: MandateAct,
    ) -> Result<MandateStatus, Unanswered> {
        let id = mandate.clone();
        self.with(move |wallet, now| {
            let Some(mut mandate) = Mandate::load(wallet, &id, now)? else {
                return Ok(Some(MandateStatus::Unknown));
            };
            mandate.act(act, now);
            mandate.save(wallet)?;
            mandate.standing().map(Some)
        })
        .await
    }

    /// A mandate as the payer sees it.
    ///
    /// # Errors
    ///
    /// [`Unanswered`] if the wallet's file cannot be read.
    pub async fn mandate(&self, mandate: &MandateId) -> Result<Option<WalletMandate>, Unanswered> {
        let id = mandate.clone();
        self.with(move |wallet, now| {
            let Some(mandate) = Mandate::load(wallet, &id, now)? else { return Ok(Some(None)) };
            Ok(Some(Some(WalletMandate {
                standing: mandate.standing()?,
                is_over: mandate.status == "pending" && now >= mandate.agree_by,
                max_amount: mandate.max_amount,
                merchant_name: mandate.merchant_name,
                description: mandate.description,
                return_url: mandate.return_url,
                expires_at: mandate.expires_at,
            })))
        })
        .await
    }

    /// Has the payer's bank take a debit back. What is no debit, or not paid, stays as it is.
    ///
    /// # Errors
    ///
    /// [`Unanswered`] if the wallet's file cannot be written.
    pub async fn take_back(
        &self,
        attempt: &AttemptId,
        code: String,
    ) -> Result<AttemptStatus, Unanswered> {
        let id = attempt.clone();
        self.on_payment(attempt, move |wallet, payment, now| {
            let sql = "SELECT 1 FROM debits WHERE attempt = ?1";
            if wallet.prepare_cached(sql)?.exists([id.as_str()])? {
                payment.take_back(&code, now);
            }
            Ok(Some(payment.standing()))
        })
        .await
    }
}
