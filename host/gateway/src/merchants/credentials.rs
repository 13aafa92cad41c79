//! The operator's use cases on merchants' own accounts. Credentials are tried at the provider before they are kept, and
//! never shown again.

use lezai_channels::accounts::{CREDENTIALS_BYTES_MAX, Credentials, Opened};
use lezai_channels::check::CheckFailed;
use lezai_channels::settings::BadConfig;
use lezai_core::id::MerchantId;
use lezai_store as store;
use lezai_store::accounts::AccountShown;
use lezai_store::{AccountRecord, Scope, View};
use lezai_wire::problem::{Code, Problem};

use super::Registry;

/// Accounts of one merchant at one channel, each with a number of its own. More are a mistake.
const ACCOUNTS_MAX: usize = 8;
/// Versions of one account that are kept: the newest, and the one before it, which its provider may still use.
const VERSIONS_KEPT: usize = 2;

/// An account as the operator puts it.
pub struct NewAccount {
    /// Whose.
    pub merchant: MerchantId,
    /// The channel.
    pub channel: String,
    /// How the provider knows it.
    pub credentials: Credentials,
    /// Whether the platform's account takes what this one does not.
    pub platform_fallback: bool,
}

impl Registry {
    /// Puts a merchant's account, or a new version of it: from the next order on, without a restart. The same once more
    /// changes nothing.
    ///
    /// # Errors
    ///
    /// `not_found`; `invalid_field`; `credentials_refused` if the provider does not take them;
    /// `channel_unavailable` if it does not answer.
    pub async fn put_account(&self, new: NewAccount) -> Result<AccountRecord, Problem> {
        self.known(&new.merchant)?;
        let NewAccount { merchant, channel, credentials, platform_fallback } = new;
        let text = serde_json::to_string(&credentials).map_err(Problem::internal)?;
        if text.len() > CREDENTIALS_BYTES_MAX {
            let detail = format!("credentials have at most {CREDENTIALS_BYTES_MAX} bytes");
            return Err(Problem::new(Code::InvalidField, detail).with("field", "files"));
        }
        // Nothing is collected by this one, so nothing is told of to its address.
        let url = self.accounts.notify_url(&merchant, &channel, 0);
        let opened = self.accounts.opener().open(&channel, &credentials, url).map_err(unfit)?;
        check(&opened).await?;
        let shown = AccountShown {
            account: opened.account,
            fingerprint: opened.fingerprint,
            bound: credentials.bound,
            platform_fallback,
            put_at: self.node.clock.wall(),
            removed_at: None,
        };
        let scope = Scope::Merchant(merchant.clone());
        let record = store::write(&self.node.store, scope, move |tx| {
            let all = of_channel(tx, &merchant, &channel)?;
            if let Some(last) = all.last()
                && last.credentials == text
                && last.shown == (AccountShown { put_at: last.shown.put_at, ..shown.clone() })
            {
                return Ok(last.clone());
            }
            let others = all.iter().filter(|it| it.shown.account != shown.account);
            let mut others: Vec<&str> = others.map(|it| it.shown.account.as_str()).collect();
            others.sort_unstable();
            others.dedup();
            if others.len() >= ACCOUNTS_MAX {
                let detail = format!("a merchant has at most {ACCOUNTS_MAX} accounts at a channel");
                return Err(Problem::new(Code::InvalidField, detail).with("field", "settings"));
            }
            let mut same: Vec<&AccountRecord> =
                all.iter().filter(|it| it.shown.account == shown.account).collect();
            same.truncate((same.len() + 1).saturating_sub(VERSIONS_KEPT));
            for old in same {
                tx.remove_account(&merchant, &channel, old.version)?;
            }
            let version = all.last().map_or(1, |it| it.version + 1);
            let record = AccountRecord { merchant, channel, version, shown, credentials: text };
            tx.put_account(&record)?;
            Ok::<_, Problem>(record)
        })
        .await?;
        let AccountRecord { merchant, channel, version, shown, .. } = &record;
        tracing::info!(%merchant, channel, version, account = shown.account, "account put");
        self.reload().await?;
        Ok(record)
    }

    /// A merchant's accounts, each version that is kept, the oldest first of each channel.
    ///
    /// # Errors
    ///
    /// `not_found`; `internal`.
    pub async fn accounts_of(&self, merchant: &MerchantId) -> Result<Vec<AccountRecord>, Problem> {
        self.known(merchant)?;
        let merchant = merchant.clone();
        Ok(store::read(&self.node.store, move |view| view.accounts_of(&merchant)).await?)
    }

    /// Tries the account that takes what is new, as when it was put.
    ///
    /// # Errors
    ///
    /// `not_found`; as of [`Registry::put_account`].
    pub async fn check_account(
        &self,
        merchant: &MerchantId,
        channel: &str,
    ) -> Result<AccountRecord, Problem> {
        let all = self.accounts_of(merchant).await?;
        let mut own = all.into_iter().filter(|it| it.channel == channel).rev();
        let record = own.find(|it| it.shown.removed_at.is_none()).ok_or_else(none)?;
        let credentials: Credentials =
            serde_json::from_str(&record.credentials).map_err(Problem::internal)?;
        let url = self.accounts.notify_url(merchant, channel, record.version);
        check(&self.accounts.opener().open(channel, &credentials, url).map_err(unfit)?).await?;
        Ok(record)
    }

    /// Has nothing new paid to a merchant's own account. What was begun there is still asked about and refunded there.
    ///
    /// # Errors
    ///
    /// `not_found`.
    pub async fn remove_account(
        &self,
        merchant: MerchantId,
        channel: String,
    ) -> Result<(), Problem> {
        self.known(&merchant)?;
        let (now, scope) = (self.node.clock.wall(), Scope::Merchant(merchant.clone()));
        store::write(&self.node.store, scope, move |tx| {
            let all = of_channel(tx, &merchant, &channel)?;
            let open = all.into_iter().filter(|it| it.shown.removed_at.is_none());
            let open: Vec<_> = open.collect();
            if open.is_empty() {
                return Err(none());
            }
            for mut record in open {
                record.shown.removed_at = Some(now);
                tx.put_account(&record)?;
            }
            tracing::info!(%merchant, channel, "account removed");
            Ok(())
        })
        .await?;
        Ok(self.reload().await?)
    }
}

fn of_channel<V: View + ?Sized>(
    view: &V,
    merchant: &MerchantId,
    channel: &str,
) -> Result<Vec<AccountRecord>, store::StoreError> {
    let all = view.accounts_of(merchant)?;
    Ok(all.into_iter().filter(|it| it.channel == channel).collect())
}

async fn check(opened: &Opened) -> Result<(), Problem> {
    opened.channel.check().await.map_err(|error| match error {
        CheckFailed::Refused(why) => Problem::new(Code::CredentialsRefused, why),
        CheckFailed::Unanswered(why) => Problem::new(Code::ChannelUnavailable, why),
    })
}

fn unfit(error: BadConfig) -> Problem {
    Problem::new(Code::InvalidField, error.to_string()).with("field", error.field)
}

fn none() -> Problem {
    Problem::new(Code::NotFound, "the merchant has no account of its own at this channel")
}
