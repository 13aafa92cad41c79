//! The core's risk policy behind Extism's interface: postcard in, postcard out, which is less work than
//! the JSON that its guests usually speak.

use extism_pdk::{FnResult, plugin_fn};
use lezai_core::policy::{OrderFacts, Policy};

/// How risky is an order? Takes its facts and the policy in its compact form.
#[plugin_fn]
pub fn assess(question: Vec<u8>) -> FnResult<Vec<u8>> {
    let (facts, policy): (OrderFacts, &[u8]) = postcard::from_bytes(&question)?;
    Ok(postcard::to_allocvec(&Policy::from_compact(policy)?.risk(&facts))?)
}
