//! `lezai channel call`: one call, and what it came to.

use lezai_channels::alipay::call as alipay_call;
use lezai_channels::surroundings::{Machine, Surroundings as _};
use lezai_channels::wechat::answer::Expected;
use lezai_channels::wechat::call as wechat_call;
use lezai_channels::{CallError, yuan};

use super::{Client, ConfigArgs, Failed};

/// Which call.
#[derive(Debug, clap::Args)]
pub struct CallArgs {
    /// The channel.
    #[arg(value_parser = ["wechat", "alipay"])]
    channel: String,
    #[command(subcommand)]
    call: Call,
    #[command(flatten)]
    config: ConfigArgs,
}

#[derive(Debug, clap::Subcommand)]
enum Call {
    /// Make an order with a QR code (Native, precreate).
    Qr {
        /// Our number: 6 to 32 letters and digits.
        number: String,
        /// Yuan, such as 0.01.
        amount: String,
        /// Where callbacks go.
        #[arg(long, default_value = "https://example.com/notify")]
        notify_url: String,
        /// The description that the shopper reads.
        #[arg(long, default_value = "test")]
        description: String,
    },
    /// Charge a code that a till scanned.
    Code {
        /// Our number.
        number: String,
        /// Yuan.
        amount: String,
        /// The digits on the shopper's phone.
        auth_code: String,
        /// The number of the store.
        #[arg(long, default_value = "0001")]
        store: String,
    },
    /// Ask how an order stands.
    Query {
        /// Our number.
        number: String,
    },
    /// Close an order that is not paid.
    Close {
        /// Our number.
        number: String,
    },
    /// Undo a payment at the counter, paid or not.
    Reverse {
        /// Our number.
        number: String,
    },
    /// Refund.
    Refund {
        /// Our number of the payment.
        number: String,
        /// Our number of the refund; the same again is the same refund.
        refund: String,
        /// Yuan to give back.
        amount: String,
        /// Yuan that the payment was; the same if absent.
        #[arg(long)]
        total: Option<String>,
    },
    /// Ask how a refund stands.
    QueryRefund {
        /// Our number of the payment.
        number: String,
        /// Our number of the refund.
        refund: String,
    },
}

pub(super) async fn run(args: &CallArgs) -> Result<(), Failed> {
    let configured = args.config.section(&args.channel)?;
    let told = match args.config.client(&configured, true)? {
        Client::Wechat(client) => wechat(&client, &args.call).await?,
        Client::Alipay(client) => alipay(&client, &args.call).await?,
    };
    match told {
        Ok(told) => {
            say!("= {told}");
            Ok(())
        }
        Err(error) => Err(Failed::Refused(error.to_string())),
    }
}

type Told = Result<Result<String, CallError>, Failed>;

async fn wechat(client: &lezai_channels::wechat::client::Client, call: &Call) -> Told {
    Ok(match call {
        Call::Qr { number, amount, notify_url, description } => {
            let order = wechat_call::Order {
                number: number.clone(),
                description: description.clone(),
                total: fen(amount)?,
                expires_at: None,
                notify_url: notify_url.clone(),
            };
            client.prepay(&wechat_call::Scene::Native, &order).await.map(show)
        }
        Call::Code { number, amount, auth_code, store } => {
            let payment = wechat_call::CodePayment {
                number: number.clone(),
                description: "test".to_owned(),
                total: fen(amount)?,
                auth_code: auth_code.clone(),
                store: store.clone(),
            };
            client.codepay(&payment).await.map(show)
        }
        Call::Query { number } => client.query(Expected { number, total: None }).await.map(show),
        Call::Close { number } => client.close(number).await.map(show),
        Call::Reverse { number } => client.reverse(number).await.map(show),
        Call::Refund { number, refund, amount, total } => {
            let amount = fen(amount)?;
            let total = total.as_deref().map_or(Ok(amount), fen)?;
            let refund = wechat_call::Refund {
                number: refund.clone(),
                payment: number.clone(),
                amount,
                total,
                notify_url: None,
                reason: None,
            };
            client.refund(&refund).await.map(show)
        }
        Call::QueryRefund { number, refund } => {
            client.query_refund(refund, Some(number), None).await.map(show)
        }
    })
}

async fn alipay(client: &lezai_channels::alipay::client::Client, call: &Call) -> Told {
    let order = |number: &str, amount: &str, subject: &str, notify_url: &str| {
        Ok::<_, Failed>(alipay_call::Order {
            number: number.to_owned(),
            subject: subject.to_owned(),
            total: fen(amount)?,
            expires_at: Some(Machine.now() + 900),
            notify_url: notify_url.to_owned(),
        })
    };
    Ok(match call {
        Call::Qr { number, amount, notify_url, description } => {
            client.precreate(&order(number, amount, description, notify_url)?).await.map(show)
        }
        Call::Code { number, amount, auth_code, store } => {
            let code = alipay_call::AuthCode::parse(auth_code).ok_or_else(|| {
                Failed::NotDone(
                    "auth_code must be 16 to 24 digits that begin with 25 to 30".to_owned(),
                )
            })?;
            let order = order(number, amount, "test", "https://example.com/notify")?;
            client.pay(&order, &code, store).await.map(show)
        }
        Call::Query { number } => client.query(number, None).await.map(show),
        Call::Close { number } => client.close(number).await.map(show),
        Call::Reverse { number } => client.cancel(number).await.map(show),
        Call::Refund { number, refund, amount, .. } => {
            client.refund(number, refund, fen(amount)?, None).await.map(show)
        }
        Call::QueryRefund { number, refund } => {
            let done = client.query_refund(number, refund, None).await;
            done.map(|done| if done { "done" } else { "not done, or never asked for" }.to_owned())
        }
    })
}

fn show(told: impl std::fmt::Debug) -> String {
    format!("{told:?}")
}

fn fen(amount: &str) -> Result<i64, Failed> {
    let must = "an amount must be yuan with at most two decimals, such as 0.01";
    yuan::to_fen(amount).ok_or_else(|| Failed::NotDone(must.to_owned()))
}
