//! The shopper, the providers' staff and bad luck: everything at `/_sim/`.
//!
//! | request | what happens |
//! |---|---|
//! | `POST /_sim/faults` | a fault waits for its call ([`crate::fault::Fault`]) |
//! | `POST /_sim/clear` | no fault waits any more |
//! | `POST /_sim/{wechat,alipay,unionpay}/{number}/pay` | the shopper pays |
//! | `POST /_sim/alipay/{number}/scan` | the shopper scans, or opens the page |
//! | `POST /_sim/{wechat,alipay,unionpay}/{number}/decline` | the shopper gives up |
//! | `POST /_sim/{wechat,alipay,unionpay}/{number}/finish` | a refund that was under way is done |
//! | `POST /_sim/alipay/{number}/end` | the time for refunds is over |
//! | `POST /_sim/{wechat,alipay,unionpay}/rotate` | the next certificate signs |
//! | `POST /_sim/wechat/ramp` | callbacks are signed with the public key and a certificate in turns |
//! | `GET /_sim/{wechat,alipay,unionpay}/books` | orders and refunds |
//! | `GET /_sim/callbacks` | what became of callbacks |

use serde_json::json;

use crate::Simulators;
use crate::fault::Fault;
use crate::server::{Incoming, Outgoing};

/// Answers a request under `/_sim/`.
pub async fn handle(simulators: &Simulators, request: &Incoming) -> Outgoing {
    let path = request.path().trim_start_matches("/_sim/").to_owned();
    let segments: Vec<&str> = path.split('/').collect();
    let done = match (request.method.as_str(), &segments[..]) {
        ("POST", ["faults"]) => match serde_json::from_slice::<Fault>(&request.body) {
            Ok(fault) => {
                simulators.faults.add(fault);
                Ok(())
            }
            Err(error) => Err(error.to_string()),
        },
        ("POST", ["clear"]) => {
            simulators.faults.clear();
            Ok(())
        }
        ("POST", ["wechat", "rotate"]) => {
            simulators.wechat.rotate();
            Ok(())
        }
        ("POST", ["wechat", "ramp"]) => {
            simulators.wechat.ramp();
            Ok(())
        }
        ("POST", ["alipay", "rotate"]) => {
            simulators.alipay.rotate();
            Ok(())
        }
        ("POST", ["unionpay", "rotate"]) => {
            simulators.unionpay.rotate();
            Ok(())
        }
        ("POST", ["unionpay", number, "pay"]) => simulators.unionpay.pay(simulators, number),
        ("POST", ["unionpay", number, "decline"]) => simulators.unionpay.decline(number),
        ("POST", ["unionpay", number, "finish"]) => {
            simulators.unionpay.finish_refund(simulators, number)
        }
        ("POST", ["wechat", number, "pay"]) => simulators.wechat.pay(simulators, number),
        ("POST", ["alipay", number, "pay"]) => simulators.alipay.pay(simulators, number),
        ("POST", ["alipay", number, "scan"]) => simulators.alipay.scan(number),
        ("POST", ["wechat", number, "decline"]) => simulators.wechat.decline(number),
        ("POST", ["alipay", number, "decline"]) => simulators.alipay.decline(number),
        ("POST", ["wechat", number, "finish"]) => {
            simulators.wechat.finish_refund(simulators, number)
        }
        ("POST", ["alipay", number, "finish"]) => {
            simulators.alipay.finish_refund(simulators, number)
        }
        ("POST", ["alipay", number, "end"]) => simulators.alipay.end(simulators, number),
        ("GET", ["wechat", "books"]) => return json_text(&simulators.wechat.books()),
        ("GET", ["unionpay", "books"]) => return json_text(&simulators.unionpay.books()),
        ("GET", ["alipay", "books"]) => return json_text(&simulators.alipay.books()),
        ("GET", ["callbacks"]) => {
            let sent = simulators.notify.sent();
            let sent: Vec<_> = sent
                .iter()
                .map(|it| json!({ "url": it.url, "statuses": it.statuses, "taken": it.taken }))
                .collect();
            return json_text(&json!(sent));
        }
        _ => return Outgoing::text(404, "text/plain", "no such path"),
    };
    match done {
        Ok(()) => Outgoing::text(200, "application/json", "{}"),
        Err(reason) => Outgoing::text(409, "text/plain", reason),
    }
}

fn json_text(value: &serde_json::Value) -> Outgoing {
    Outgoing::text(200, "application/json", value.to_string())
}
