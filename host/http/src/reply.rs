//! The reply of a handler: a view as JSON, a response that was kept for its idempotency key, or a
//! problem.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};
use lezai_core::order::Refusal;
use lezai_core::signature::SignatureError;

use super::request_id;
use lezai_gateway::idempotency::ApiResponse;
use lezai_store::StoreError;
use lezai_wire::json::Invalid;
use lezai_wire::problem::{Code, Problem, Retry};

const HIT: HeaderName = HeaderName::from_static("idempotency-hit");

/// A finished response, good or bad, so that `?` ends a handler with a problem.
pub struct Reply(Response);

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        self.0
    }
}

impl From<ApiResponse> for Reply {
    fn from(answer: ApiResponse) -> Self {
        let status = StatusCode::from_u16(answer.status());
        let repeated = answer.repeated;
        let mut response = Response::new(Body::from(answer.into_body()));
        *response.status_mut() = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if repeated {
            headers.insert(HIT, HeaderValue::from_static("true"));
        }
        Self(response)
    }
}

impl From<Response> for Reply {
    fn from(response: Response) -> Self {
        Self(response)
    }
}

impl From<Problem> for Reply {
    fn from(problem: Problem) -> Self {
        let (code, after_secs) = (problem.code(), problem.after_secs());
        let status = code.status();
        let body = problem.document(&request_id::current()).to_string();
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        let media_type = HeaderValue::from_static("application/problem+json");
        headers.insert(header::CONTENT_TYPE, media_type);
        let challenge = match (status, code) {
            (StatusCode::UNAUTHORIZED, Code::TokenInvalid) => Some("Bearer"),
            (StatusCode::UNAUTHORIZED, _) => Some("Signature"),
            _ => None,
        };
        if let Some(challenge) = challenge {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        if code == Code::UnsupportedContentEncoding {
            // RFC 9110, section 15.5.16.
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        }
        if code.retry() == Retry::Later {
            headers.insert(header::RETRY_AFTER, after_secs.into());
        }
        Self(response)
    }
}

impl From<StoreError> for Reply {
    fn from(error: StoreError) -> Self {
        Problem::from(error).into()
    }
}

impl From<Invalid> for Reply {
    fn from(invalid: Invalid) -> Self {
        Problem::from(invalid).into()
    }
}

impl From<SignatureError> for Reply {
    fn from(error: SignatureError) -> Self {
        Problem::from(error).into()
    }
}

impl From<Refusal> for Reply {
    fn from(refusal: Refusal) -> Self {
        Problem::from(refusal).into()
    }
}
