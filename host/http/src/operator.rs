//! A call of the operator's: the token, the merchant and whatever else the path names, and the body.

use std::sync::Arc;

use axum::extract::{FromRequest, FromRequestParts as _, Path, Query, Request};
use http::{HeaderMap, header};
use lezai_base::merchant_key::MerchantPublicKey;
use lezai_core::digest::sha256_hex;
use lezai_core::id::MerchantId;
use lezai_core::key::VerifyingKey;
use lezai_gateway::gateway::Gateway;
use lezai_store::Page;
use lezai_wire::json::Object;
use lezai_wire::page::{self, QueryParams};
use lezai_wire::problem::{Code, Problem};
use serde_json::Value;

use super::Reply;
use super::signed::{MAX_BODY, read_body};

/// An upload: the hard maximum of a component in base64, its settings, its manifest.
pub(super) const MAX_UPLOAD: usize = 2 * 1024 * 1024;
/// A merchant whose operator asks, and the body of the request.
pub(super) struct Operator {
    pub(super) merchant: MerchantId,
    /// The further part that the path names, such as a key.
    pub(super) part: Option<String>,
    pub(super) query: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl FromRequest<Arc<Gateway>> for Operator {
    type Rejection = Reply;

    async fn from_request(request: Request, gateway: &Arc<Gateway>) -> Result<Self, Reply> {
        authorize(request.headers(), gateway)?;
        let (mut parts, body) = request.into_parts();
        let path = Path::<Vec<(String, String)>>::from_request_parts(&mut parts, gateway).await;
        let Path(path) =
            path.map_err(|_| Problem::new(Code::NotFound, "the path has a part that is no UTF-8"))?;
        let mut path = path.into_iter().map(|(_, value)| value);
        let merchant = MerchantId::parse(&path.next().unwrap_or_default());
        let merchant = merchant.map_err(|error| {
            Problem::new(Code::InvalidField, error.to_string()).with("field", "id")
        })?;
        let Query(query) = Query::try_from_uri(&parts.uri)
            .map_err(|_| Problem::new(Code::InvalidField, "the query cannot be read"))?;
        let upload = parts.uri.path().ends_with("/plugins");
        let most = if upload { MAX_UPLOAD } else { MAX_BODY };
        let body = read_body(Request::from_parts(parts, body), most).await?;
        Ok(Self { merchant, part: path.next(), query, body: body.into() })
    }
}

/// The operator's token, compared as hashes: the time it takes tells nothing of the token.
pub(super) fn authorize(headers: &HeaderMap, gateway: &Gateway) -> Result<(), Problem> {
    let token =
        headers.get(header::AUTHORIZATION).and_then(|it| it.to_str().ok()?.strip_prefix("Bearer "));
    match token {
        Some(token)
            if sha256_hex(token.as_bytes()) == sha256_hex(gateway.admin_token.as_bytes()) =>
        {
            Ok(())
        }
        _ => Err(Problem::new(
            Code::TokenInvalid,
            "send the operator's token as Authorization: Bearer …",
        )),
    }
}

impl Operator {
    /// The number of the release that the path names.
    pub(super) fn sequence(&self) -> Result<u64, Problem> {
        let text = self.part.as_deref().unwrap_or_default();
        let digits = (1..=16).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        text.parse().ok().filter(|_| digits).ok_or_else(|| {
            Problem::new(Code::ReleaseNotFound, "the path names no number of a release")
        })
    }

    /// How much of a list is wanted.
    pub(super) fn limit(&self) -> Result<u32, Problem> {
        let mut asked = QueryParams::new(self.query.clone());
        let page: Page<Value> = page::parse(&mut asked, |_| Err("not known to this list"))?;
        asked.finish()?;
        Ok(page.limit)
    }
}

/// A key's name, as signatures carry it.
pub(super) fn checked_keyid(keyid: String) -> Result<String, Problem> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"_.:-".contains(&b);
    if (1..=64).contains(&keyid.len()) && keyid.bytes().all(allowed) {
        return Ok(keyid);
    }
    let detail = "keyid is not 1 to 64 of A-Z, a-z, 0-9 and _ . : -";
    Err(Problem::new(Code::InvalidField, detail).with("field", "keyid"))
}

/// A body that has a public key by which a merchant signs, and nothing else.
pub(super) fn merchant_key(body: &[u8]) -> Result<String, Problem> {
    let is_key = |pem: &str| MerchantPublicKey::from_spki_pem(pem).is_ok();
    public_key(body, "must be a P-256 or SM2 public key as SPKI PEM", is_key)
}

/// A body that has a public key by which releases are signed, and nothing else.
pub(super) fn publisher_key(body: &[u8]) -> Result<String, Problem> {
    let is_key = |pem: &str| VerifyingKey::from_spki_pem(pem).is_ok();
    public_key(body, "must be a P-256 public key as SPKI PEM", is_key)
}

fn public_key(body: &[u8], must: &str, is_key: impl Fn(&str) -> bool) -> Result<String, Problem> {
    let mut body = Object::parse(body)?;
    // PEM has line ends, which a text of ours has not.
    let pem = body.required("public_key", |field| {
        let path = field.invalid(must);
        let pem = field.lines(1..=1024)?;
        if is_key(&pem) { Ok(pem) } else { Err(path) }
    })?;
    body.finish()?;
    Ok(pem)
}
