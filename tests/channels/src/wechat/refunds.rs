//! Refunds.

use serde_json::{Value, json};

use super::{
    Books, Done, PARAM_ERROR, Problem, RESOURCE_NOT_EXISTS, Refund, Wechat, check_known, text,
};
use crate::fault::What;
use crate::{Simulators, locked, time};

impl Wechat {
    pub(super) fn refund(
        &self,
        simulators: &Simulators,
        body: &Value,
        fault: Option<What>,
    ) -> Done {
        const KNOWN: [&str; 9] = [
            "sub_mchid",
            "transaction_id",
            "out_trade_no",
            "out_refund_no",
            "reason",
            "notify_url",
            "funds_account",
            "amount",
            "goods_detail",
        ];
        check_known(body, &KNOWN)?;
        let number = text(body, "out_refund_no").filter(|it| (1..=64).contains(&it.len()));
        let number = number.ok_or(PARAM_ERROR)?;
        let amount = |name: &str| body.pointer(&format!("/amount/{name}")).and_then(Value::as_i64);
        let (refund, total) = (amount("refund"), amount("total"));
        let (Some(refund), Some(total)) = (refund.filter(|it| *it > 0), total) else {
            return Err(PARAM_ERROR);
        };
        if body.pointer("/amount/currency").and_then(Value::as_str) != Some("CNY") {
            return Err(PARAM_ERROR);
        }
        let mut books = locked(&self.books);
        books.made += 1;
        let made = books.made;
        let order = match (text(body, "out_trade_no"), text(body, "transaction_id")) {
            (Some(number), _) => books.orders.get(number),
            (None, Some(id)) => {
                books.orders.values().find(|it| it.transaction.as_deref() == Some(id))
            }
            _ => return Err(PARAM_ERROR),
        };
        let order = order.cloned().ok_or(RESOURCE_NOT_EXISTS)?;
        if order.sub.as_deref() != text(body, "sub_mchid") {
            return Err(PARAM_ERROR);
        }
        if !matches!(order.state, "SUCCESS" | "REFUND") {
            return Err(Problem(400, "INVALID_REQUEST", "订单未支付，不能退款"));
        }
        if total != order.total {
            return Err(Problem(400, "INVALID_REQUEST", "订单金额或退款金额与之前请求不一致"));
        }
        if let Some(before) = books.refunds.get(number) {
            if before.order != order.number || before.amount != refund {
                return Err(Problem(400, "INVALID_REQUEST", "订单金额或退款金额与之前请求不一致"));
            }
            return Ok((200, refund_json(&books, before)));
        }
        if fault == Some(What::NotEnough) {
            return Err(Problem(403, "NOT_ENOUGH", "基本账户余额不足，请充值后重新发起"));
        }
        let of_order = || {
            books.refunds.values().filter(|it| it.order == order.number && it.status != "CLOSED")
        };
        let before: i64 = of_order().map(|it| it.amount).sum();
        if before + refund > order.total {
            return Err(Problem(400, "INVALID_REQUEST", "申请退款金额大于订单可退金额"));
        }
        if of_order().count() >= 50 {
            return Err(Problem(400, "INVALID_REQUEST", "一笔订单最多支持50次部分退款"));
        }
        let status = match fault {
            Some(What::Processing) => "PROCESSING",
            Some(What::Abnormal) => "ABNORMAL",
            _ => "SUCCESS",
        };
        let made_at = time::now();
        let entry = Refund {
            number: number.to_owned(),
            id: format!("503{}{made:015}", time::compact(made_at)),
            order: order.number.clone(),
            amount: refund,
            status,
            notify_url: text(body, "notify_url").map(str::to_owned).or(order.notify_url),
            made_at,
            done_at: (status == "SUCCESS").then_some(made_at),
        };
        if let Some(order) = books.orders.get_mut(&order.number) {
            order.state = "REFUND";
        }
        books.refunds.insert(number.to_owned(), entry.clone());
        let told = refund_json(&books, &entry);
        drop(books);
        self.tell_refund(simulators, number);
        Ok((200, told))
    }

    /// A refund that was under way is done now.
    ///
    /// # Errors
    ///
    /// There is no such refund.
    pub fn finish_refund(&self, simulators: &Simulators, number: &str) -> Result<(), String> {
        let mut books = locked(&self.books);
        let refund = books.refunds.get_mut(number).ok_or("no such refund")?;
        refund.status = "SUCCESS";
        refund.done_at = Some(time::now());
        drop(books);
        self.tell_refund(simulators, number);
        Ok(())
    }
}

pub(super) fn refund_json(books: &Books, refund: &Refund) -> Value {
    let order = books.orders.get(&refund.order);
    let total = order.map_or(0, |order| order.total);
    let mut told = json!({
        "refund_id": refund.id,
        "out_refund_no": refund.number,
        "transaction_id": order.and_then(|order| order.transaction.clone()),
        "out_trade_no": refund.order,
        "channel": "ORIGINAL",
        "user_received_account": "支付用户零钱",
        "create_time": time::rfc3339(refund.made_at),
        "status": refund.status,
        "funds_account": "AVAILABLE",
        "amount": {
            "total": total, "refund": refund.amount, "payer_total": total, "payer_refund": refund.amount,
            "settlement_refund": refund.amount, "settlement_total": total, "discount_refund": 0,
            "currency": "CNY",
        },
    });
    if let (Value::Object(members), Some(at)) = (&mut told, refund.done_at) {
        members.insert("success_time".to_owned(), time::rfc3339(at).into());
    }
    told
}
