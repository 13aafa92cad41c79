//! The shopper's acts in the wallet, and the callbacks that follow.

use serde_json::Value;

use crate::fault::What;
use crate::notify::Callback;
use crate::server::Outgoing;
use crate::{Simulators, keys, locked, time};

use super::replies::yuan;
use super::{APP_ID, Alipay, PROVIDER, Parameters, Refund, SELLER, Trade, charge, done};

impl Alipay {
    pub(super) fn page(&self, parameters: &Parameters) -> Outgoing {
        let content = parameters.get("biz_content").map(String::as_str).unwrap_or_default();
        let content: Value = serde_json::from_str(content).unwrap_or_default();
        match self.order(&content, parameters.get("notify_url").cloned(), "CODE", false) {
            Ok(trade) => {
                let page = format!(
                    "<!doctype html><title>支付宝</title><p>{}<p>{}",
                    trade.number,
                    yuan(trade.total)
                );
                Outgoing::text(200, "text/html; charset=utf-8", page)
            }
            Err(problem) => {
                Outgoing::text(200, "text/html; charset=utf-8", format!("<p>{}", problem.sub))
            }
        }
    }

    /// The shopper scans the code, or opens the page: now a trade exists.
    ///
    /// # Errors
    ///
    /// There is nothing to scan.
    pub fn scan(&self, number: &str) -> Result<(), String> {
        let mut books = locked(&self.books);
        let trade = books.trades.get_mut(number).ok_or("no such trade")?;
        if trade.status != "CODE" {
            return Err(format!("the trade is {}", trade.status));
        }
        trade.status = "WAIT_BUYER_PAY";
        Ok(())
    }

    /// The shopper pays.
    ///
    /// # Errors
    ///
    /// Nothing is there to be paid.
    pub fn pay(&self, simulators: &Simulators, number: &str) -> Result<(), String> {
        let mut books = locked(&self.books);
        let trade = books.trades.get_mut(number).ok_or("no such trade")?;
        if !matches!(trade.status, "CODE" | "WAIT_BUYER_PAY") {
            return Err(format!("the trade is {}", trade.status));
        }
        if trade.expires_at.is_some_and(|at| at < time::now()) {
            return Err("the trade's time is over".to_owned());
        }
        charge(trade);
        let trade = trade.clone();
        drop(books);
        self.tell(simulators, &trade, None);
        Ok(())
    }

    /// The shopper gives up, or the trade's time is over: it is closed.
    ///
    /// # Errors
    ///
    /// There is no such trade.
    pub fn decline(&self, number: &str) -> Result<(), String> {
        let mut books = locked(&self.books);
        let trade = books.trades.get_mut(number).ok_or("no such trade")?;
        if trade.status != "WAIT_BUYER_PAY" {
            return Err(format!("the trade is {}", trade.status));
        }
        trade.status = "TRADE_CLOSED";
        Ok(())
    }

    /// The time for refunds is over.
    ///
    /// # Errors
    ///
    /// There is no such trade.
    pub fn end(&self, simulators: &Simulators, number: &str) -> Result<(), String> {
        let mut books = locked(&self.books);
        let trade = books.trades.get_mut(number).ok_or("no such trade")?;
        trade.status = "TRADE_FINISHED";
        let trade = trade.clone();
        drop(books);
        self.tell(simulators, &trade, None);
        Ok(())
    }

    pub(super) fn tell(&self, simulators: &Simulators, trade: &Trade, refund: Option<&Refund>) {
        let Some(url) = trade.notify_url.clone() else { return };
        let fault = simulators.faults.take(PROVIDER, "callback");
        if fault == Some(What::Lost) {
            return;
        }
        let now = time::now();
        let mut form = Parameters::new();
        let mut add = |name: &str, value: String| form.insert(name.to_owned(), value);
        let total = match fault {
            Some(What::WrongAmount) => trade.total + 1,
            Some(What::Lie) => trade.total + 100,
            _ => trade.total,
        };
        add("gmt_create", time::beijing(now));
        add("charset", "utf-8".to_owned());
        add("seller_email", "simulated@example.com".to_owned());
        add("subject", trade.subject.clone());
        add("buyer_id", "2088102534368455".to_owned());
        add("invoice_amount", yuan(total));
        add("notify_id", format!("{}{}", time::compact(now), keys::letters(26)));
        add(
            "fund_bill_list",
            format!(r#"[{{"amount":"{}","fundChannel":"ALIPAYACCOUNT"}}]"#, yuan(total)),
        );
        add("notify_type", "trade_status_sync".to_owned());
        add("trade_status", trade.status.to_owned());
        add("receipt_amount", yuan(total));
        add("buyer_pay_amount", yuan(total));
        add("app_id", APP_ID.to_owned());
        let seller = if fault == Some(What::WrongMerchant) { "2088000000000000" } else { SELLER };
        add("seller_id", seller.to_owned());
        if let Some(at) = trade.paid_at {
            add("gmt_payment", time::beijing(at));
        }
        add("notify_time", time::beijing(now));
        add("version", "1.0".to_owned());
        let number = if fault == Some(What::WrongNumber) {
            "99999999999999999999999999999999"
        } else {
            &trade.number
        };
        add("out_trade_no", number.to_owned());
        add("total_amount", yuan(total));
        add("trade_no", trade.trade_no.clone());
        add("auth_app_id", APP_ID.to_owned());
        add("buyer_logon_id", "159****5620".to_owned());
        add("point_amount", "0.00".to_owned());
        if let Some(refund) = refund {
            let sum: i64 = done(&locked(&self.books), &trade.number).map(|it| it.amount).sum();
            add("refund_fee", yuan(sum));
            add("gmt_refund", time::beijing(now));
            add("out_biz_no", refund.number.clone());
        }
        let right = self.signed_form(&form, None);
        let first = self.signed_form(&form, fault);
        let copies = if fault == Some(What::Duplicate) { 3 } else { 1 };
        for _ in 0..copies {
            let (url, right, first) = (url.clone(), right.clone(), first.clone());
            let make = move |number: usize| Callback {
                url: url.clone(),
                headers: vec![(
                    "Content-Type",
                    "application/x-www-form-urlencoded; charset=utf-8".to_owned(),
                )],
                body: if number == 0 { first.clone() } else { right.clone() },
            };
            simulators.notify.send(make, |status, body| status == 200 && body == b"success");
        }
    }
}
