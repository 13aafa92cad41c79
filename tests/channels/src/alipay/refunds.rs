//! Refunds, which Alipay does at once or finishes later.

use serde_json::{Value, json};

use crate::fault::What;
use crate::{Simulators, locked, time};

use super::replies::{fen, yuan};
use super::{Alipay, Books, INVALID, Problem, Refund, business, done, find, key_of, text};

impl Alipay {
    pub(super) fn refund(
        &self,
        simulators: &Simulators,
        content: &Value,
        fault: Option<What>,
    ) -> Result<(&'static str, Value), Problem> {
        let amount =
            fen(content.get("refund_amount")).filter(|amount| *amount > 0).ok_or(INVALID)?;
        let mut books = locked(&self.books);
        let trade = find(&books, content)?.clone();
        let number = text(content, "out_request_no").unwrap_or(&trade.number);
        let key = key_of(&trade.number, number);
        let told = |books: &Books, change: &str| {
            let sum: i64 = done(books, &trade.number).map(|refund| refund.amount).sum();
            json!({
                "trade_no": trade.trade_no, "out_trade_no": trade.number, "buyer_logon_id": "159****5620",
                "fund_change": change, "refund_fee": yuan(sum), "send_back_fee": yuan(amount),
            })
        };
        if let Some(before) = books.refunds.get(&key) {
            if before.amount != amount {
                return Err(business("ACQ.DISCORDANT_REPEAT_REQUEST", "请求信息不一致"));
            }
            return Ok(("10000", told(&books, "N")));
        }
        match trade.status {
            "TRADE_SUCCESS" => {}
            "TRADE_FINISHED" => return Err(business("ACQ.TRADE_HAS_FINISHED", "交易已完结")),
            _ => return Err(business("ACQ.TRADE_STATUS_ERROR", "交易状态不合法")),
        }
        if fault == Some(What::NotEnough) {
            return Err(business("ACQ.SELLER_BALANCE_NOT_ENOUGH", "卖家余额不足"));
        }
        let before: i64 =
            books.refunds.values().filter(|it| it.trade == trade.number).map(|it| it.amount).sum();
        if before + amount > trade.total {
            return Err(business("ACQ.REFUND_AMT_NOT_EQUAL_TOTAL", "退款金额超限"));
        }
        let waits = fault == Some(What::Processing);
        let done_at = (!waits).then(time::now);
        let refund =
            Refund { number: number.to_owned(), trade: trade.number.clone(), amount, done_at };
        books.refunds.insert(key, refund.clone());
        self.finish(&mut books, &trade.number);
        let told = told(&books, if waits { "N" } else { "Y" });
        let trade = books.trades.get(&trade.number).cloned();
        drop(books);
        if let Some(trade) = trade.filter(|_| !waits) {
            self.tell(simulators, &trade, Some(&refund));
        }
        Ok(("10000", told))
    }

    /// A trade whose money went back whole is closed.
    pub(super) fn finish(&self, books: &mut Books, number: &str) {
        let sum: i64 = done(books, number).map(|refund| refund.amount).sum();
        if let Some(trade) = books.trades.get_mut(number)
            && sum == trade.total
        {
            trade.status = "TRADE_CLOSED";
        }
    }

    /// A refund that was under way is done now.
    ///
    /// # Errors
    ///
    /// There is no such refund.
    pub fn finish_refund(&self, simulators: &Simulators, number: &str) -> Result<(), String> {
        let mut books = locked(&self.books);
        let refund = books.refunds.values_mut().find(|refund| refund.number == number);
        let refund = refund.ok_or("no such refund")?;
        refund.done_at = Some(time::now());
        let refund = refund.clone();
        self.finish(&mut books, &refund.trade);
        let trade = books.trades.get(&refund.trade).cloned().ok_or("no such trade")?;
        drop(books);
        self.tell(simulators, &trade, Some(&refund));
        Ok(())
    }
}
