//! The file of a clearing day's transactions, as UnionPay lays it out: columns of fixed width in GBK, in a zip, in
//! zlib's form, in base64.

use base64ct::{Base64, Encoding as _};

use super::{Back, MERCHANT, Members, Payment, Told, Unionpay, clearing_day, get};
use crate::fault::What;
use crate::{bill, locked, time};

/// The widths of all columns, as UnionPay's samples count them.
const WIDTHS: [usize; 41] = [
    3, 11, 11, 6, 10, 19, 12, 4, 2, 21, 2, 32, 2, 6, 10, 13, 13, 4, 15, 2, 2, 6, 2, 4, 32, 1, 21,
    15, 1, 15, 32, 13, 13, 8, 32, 13, 13, 12, 2, 1, 131,
];

impl Unionpay {
    /// The file of a clearing day. One without transactions has none.
    pub(super) fn file(&self, asked: &Members, fault: Option<What>) -> Told {
        let day = get(asked, "settleDate");
        let books = locked(&self.books);
        let of_day = |at: &i64| clearing_day(*at) == day;
        let mut rows: Vec<(i64, String)> = Vec::new();
        for payment in books.orders.values() {
            if let Some(at) = payment.paid_at.filter(of_day).filter(|_| payment.status == "paid") {
                rows.push((at, paid(payment)));
            }
        }
        for back in books.refunds.values() {
            if let Some(at) = back.done_at.filter(of_day) {
                rows.push((at, returned(back, books.orders.get(&back.payment))));
            }
        }
        rows.sort();
        if rows.is_empty() || fault == Some(What::NotYet) {
            return Err("98");
        }
        let mut text: String = rows.into_iter().map(|(_, row)| row + "\r\n").collect();
        if fault == Some(What::WrongDay) {
            text = text.replace(&time::short(time::now())[..6], "200101");
        }
        let name = format!("INN{}88", &time::short(time::now())[..6]);
        let (trades, disputes) = (format!("{name}ZM_{MERCHANT}"), format!("{name}ZME_{MERCHANT}"));
        let mut zip = bill::zip(&[(&trades, text.as_bytes()), (&disputes, b"")]);
        if fault == Some(What::TruncatedInside) {
            zip.truncate(zip.len() / 2);
        }
        let mut packed = zlib(&zip);
        if fault == Some(What::Truncated) {
            packed.truncate(packed.len() / 2);
        }
        Ok(Members::from([
            ("fileName".to_owned(), format!("{MERCHANT}_{day}.zip")),
            ("fileContent".to_owned(), Base64::encode_string(&packed)),
        ]))
    }
}

fn paid(payment: &Payment) -> String {
    let kind = ("01", payment.kind);
    row("S22", kind, &payment.number, payment.total, &payment.query_id, "")
}

fn returned(back: &Back, payment: Option<&Payment>) -> String {
    let of = payment.map(|it| it.query_id.as_str()).unwrap_or_default();
    row("S30", (back.kind, "00"), &back.number, back.amount, &back.query_id, of)
}

fn row(
    code: &str,
    (kind, part): (&str, &str),
    number: &str,
    fen: i64,
    query_id: &str,
    of: &str,
) -> String {
    let amount = format!("{fen:012}");
    let (at, trace) = (&query_id[4..14], &query_id[14..20]);
    let cells = [
        (0, code),
        (3, trace),
        (4, at),
        (6, amount.as_str()),
        (9, query_id),
        (11, number),
        (19, kind),
        (20, part),
        (21, "000000"),
        (26, of),
        (27, MERCHANT),
    ];
    let cell = |(column, width): (usize, &usize)| {
        let text = cells.iter().find(|(of, _)| *of == column).map_or("", |(_, text)| text);
        format!("{text:<width$}")
    };
    WIDTHS.iter().enumerate().map(cell).collect::<Vec<_>>().join(" ")
}

/// In zlib's form, not compressed: blocks as they are, and their sum (RFC 1950, 1951).
fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut packed = vec![0x78, 0x01];
    let blocks: Vec<&[u8]> = bytes.chunks(0xffff).collect();
    for (number, block) in blocks.iter().enumerate() {
        let length = u16::try_from(block.len()).unwrap_or(u16::MAX);
        packed.push(u8::from(number + 1 == blocks.len()));
        packed.extend(length.to_le_bytes());
        packed.extend((!length).to_le_bytes());
        packed.extend(*block);
    }
    let (mut low, mut high) = (1_u32, 0_u32);
    for byte in bytes {
        low = (low + u32::from(*byte)) % 65_521;
        high = (high + low) % 65_521;
    }
    packed.extend((high << 16 | low).to_be_bytes());
    packed
}
