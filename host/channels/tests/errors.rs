//! The tables of providers' errors: each code once, and docs/channel-errors.md as they are.
//! `UPDATE_DOCS=1 cargo test -p lezai-channels --test errors` writes the document.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;

use lezai_channels::{ErrorRow, alipay, unionpay, wechat};

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/channel-errors.md");

#[test]
fn each_code_stands_in_its_table_once() {
    for table in [wechat::errors::TABLE, alipay::errors::TABLE, unionpay::errors::TABLE] {
        let codes: BTreeSet<_> = table.iter().map(|row| row.code).collect();
        assert_eq!(codes.len(), table.len());
        for row in table {
            let is_word = row.word.bytes().all(|byte| byte == b'_' || byte.is_ascii_lowercase());
            assert!(is_word, "{}", row.word);
            assert!(!row.english.contains('|') && !row.chinese.contains('|'));
        }
    }
}

#[test]
fn the_document_is_the_table() {
    let document = document();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(DOCUMENT, &document).unwrap();
    }
    let written = fs::read_to_string(DOCUMENT).unwrap_or_default();
    assert!(written == document, "docs/channel-errors.md is out of date: run with UPDATE_DOCS=1");
}

fn document() -> String {
    let mut text = String::from(
        "# Errors of WeChat Pay, Alipay and UnionPay / 微信支付、支付宝与银联的错误码\n\n\
         Written by `UPDATE_DOCS=1 cargo test -p lezai-channels --test errors`; do not edit.\n\n\
         | advice | what the adapter does | 适配器的处理 |\n|---|---|---|\n\
         | query | the provider may have done it: ask for the payment or refund | 结果未知或已有结果：查询该笔支付或退款 |\n\
         | repeat | it was not done: send the same call with the same number after a pause | 未执行：稍后用同一单号原样重发 |\n\
         | give up | it was not done, and a repeat changes nothing | 未执行，重发也无用 |\n\n\
         A status of 5xx, a time-out, an answer that cannot be verified and a code that is not listed are all *query*.\n\
         5xx、超时、验签失败的应答和未列出的错误码一律按 *query* 处理。\n",
    );
    section(&mut text, "WeChat Pay / 微信支付", wechat::errors::TABLE);
    section(&mut text, "Alipay / 支付宝", alipay::errors::TABLE);
    section(&mut text, "UnionPay / 银联", unionpay::errors::TABLE);
    text
}

fn section(text: &mut String, title: &str, table: &[ErrorRow]) {
    let _ = write!(
        text,
        "\n## {title}\n\n| code | our word | advice | meaning | 含义 |\n|---|---|---|---|---|\n"
    );
    for row in table {
        let ErrorRow { code, word, advice, english, chinese } = row;
        let advice = advice.as_str();
        let _ = writeln!(text, "| `{code}` | `{word}` | {advice} | {english} | {chinese} |");
    }
}
