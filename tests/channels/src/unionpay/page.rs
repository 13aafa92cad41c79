//! UnionPay's page: a browser posts a form, the shopper gives a card, and the browser takes a form back.

use super::{Members, Told, Unionpay, get, news};
use crate::fault::What;
use crate::locked;
use crate::server::Outgoing;

/// `bizType` of payments on the page.
pub(super) const BUSINESS: &str = "000201";
/// The member that is the page.
pub(super) const HTML: &str = "<html>";

pub(super) fn shown(page: &Members) -> Outgoing {
    Outgoing::text(200, "text/html;charset=UTF-8", get(page, HTML))
}

impl Unionpay {
    /// Whether what is asked is asked of the product that its transaction is of.
    pub(super) fn is_of_product(&self, asked: &Members) -> bool {
        let books = locked(&self.books);
        let of = |number: &str| books.orders.get(number).map(|it| it.kind == "01");
        let number = get(asked, "orderId");
        let is_page = match get(asked, "txnType") {
            "01" => get(asked, "txnSubType") == "01",
            "76" => false,
            "04" | "31" => asked.contains_key("origQryId"),
            _ => {
                let back = books.refunds.get(number).and_then(|it| of(&it.payment));
                // What nobody knows may be of either.
                match of(number).or(back) {
                    Some(is_page) => is_page,
                    None => get(asked, "bizType") == BUSINESS,
                }
            }
        };
        get(asked, "bizType") == if is_page { BUSINESS } else { "000000" }
    }

    /// The page is opened: until the shopper gives a card, a query finds nothing.
    pub(super) fn open(&self, asked: &Members) -> Told {
        let channel = get(asked, "channelType");
        if !matches!(channel, "07" | "08") || !get(asked, "frontUrl").starts_with("http") {
            return Err("10");
        }
        let mut books = locked(&self.books);
        let payment = Self::payment(asked, "01", &mut books)?;
        let html = format!("<html>银联在线支付 {} {}</html>", payment.number, payment.total);
        books.orders.insert(payment.number.clone(), payment);
        Ok(Members::from([(HTML.to_owned(), html)]))
    }

    /// The address and the form by which the browser goes back from the page, once the shopper paid there. With
    /// `fault`, a form that must not be believed.
    ///
    /// # Errors
    ///
    /// Nothing was paid on the page.
    pub fn returns(&self, number: &str, fault: Option<What>) -> Result<(String, Vec<u8>), String> {
        let books = locked(&self.books);
        let payment = books.orders.get(number).filter(|it| it.paid_at.is_some());
        let payment = payment.ok_or("nothing was paid")?;
        let url = payment.front_url.clone().ok_or("it was not paid on the page")?;
        let told = self.signed(news(payment, None, fault), fault);
        let mut form = form_urlencoded::Serializer::new(String::new());
        Ok((url, form.extend_pairs(&told).finish().into_bytes()))
    }
}
