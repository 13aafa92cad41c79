//! `lezai channel call`: one call, and what it came to.

use lezai_channels::alipay::call as alipay_call;
use lezai_channels::surroundings::{Machine, Surroundings as _};
use lezai_channels::unionpay::call as unionpay_call;
use lezai_channels::wechat::answer::Expected;
use lezai_channels::wechat::call as wechat_call;
use lezai_channels::{CallError, time, yuan};

use super::{Client, ConfigArgs, Failed};

/// Which call.
#[derive(Debug, clap::Args)]
pub struct CallArgs {
    /// The channel.
    #[arg(value_parser = ["wechat", "alipay", "unionpay"])]
    channel: String,
    #[command(subcommand)]
    call: Call,
    /// UnionPay knows an order by its number and the time that it was sent with: that time in Beijing, such as
    /// `2026-11-30 20:00:00`. Now if absent, as is right for a new order.
    #[arg(long, value_name = "TIME")]
    time: Option<String>,
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
        Client::Unionpay(client) => {
            let at = args.time.as_deref().map_or(Some(Machine.now()), time::parse_beijing);
            let at = at.ok_or_else(|| {
                Failed::NotDone("--time must be such as 2026-11-30 20:00:00".to_owned())
            })?;
            unionpay(&client, &args.call, at).await?
        }
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

async fn unionpay(client: &lezai_channels::unionpay::client::Client, call: &Call, at: i64) -> Told {
    let product = unionpay_call::Product::Code;
    let named = |number: &str, at| unionpay_call::Named { product, number: number.to_owned(), at };
    let payment = |number: &str, amount: &str, notify_url: &str| {
        say!("# --time '{}' names it from now on", time::beijing(at));
        Ok::<_, Failed>(unionpay_call::Payment {
            named: named(number, at),
            total: fen(amount)?,
            expires_at: Machine.now() + 900,
            notify_url: notify_url.to_owned(),
        })
    };
    let notify_url = "https://example.com/notify";
    Ok(match call {
        Call::Qr { number, amount, notify_url, .. } => {
            client.qr(&payment(number, amount, notify_url)?).await
        }
        Call::Code { number, amount, auth_code, .. } => {
            client.charge(&payment(number, amount, notify_url)?, auth_code).await.map(show)
        }
        Call::Query { number } => client.query(&named(number, at)).await.map(show),
        Call::Close { .. } => {
            let why = "UnionPay closes no order: a code that is not paid ends by itself";
            return Err(Failed::NotDone(why.to_owned()));
        }
        Call::Reverse { number } => client.undo(&named(number, at)).await.map(show),
        Call::Refund { number, refund, amount, .. } => {
            let now = Machine.now();
            say!("# --time '{}' names the refund from now on", time::beijing(now));
            let (kind, back) = (unionpay_call::Back::Refund, named(refund, now));
            let (payment, amount) = (named(number, at), fen(amount)?);
            client.give_back(kind, &payment, "", &back, amount, notify_url).await.map(show)
        }
        Call::QueryRefund { refund, .. } => {
            client.query_back(&named(refund, at), None).await.map(show)
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
