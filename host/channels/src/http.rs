//! The seam to the network: what is sent, what comes back, and why nothing came back.

use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::time::Duration;

/// A provider has this long to answer. WeChat Pay and Alipay name no number; theirs is the order of
/// magnitude of their own SDKs' defaults, and the shopper waits.
const TIMEOUT: Duration = Duration::from_secs(10);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(4);
/// The longest answer that is read: a bill's address, some certificates, never more.
const BODY_BYTES_MAX: usize = 1 << 20;
/// A bill has this long to come: nobody waits for it, and it may be of some megabytes.
const DOWNLOAD_TIMEOUT: Duration = Duration::from_secs(60);

/// A request's method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// GET.
    Get,
    /// POST.
    Post,
}

impl Method {
    /// The method as HTTP names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
        }
    }
}

/// A request, signed and whole.
#[derive(Clone)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The address.
    pub url: String,
    /// The header fields.
    pub headers: Vec<(&'static str, String)>,
    /// The body. No bytes for none.
    pub body: Vec<u8>,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method.as_str(), without_query(&self.url))
    }
}

fn without_query(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or_default()
}

/// An answer.
#[derive(Clone, Debug, Default)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The header fields.
    pub headers: Headers,
    /// The body, as it came.
    pub body: Vec<u8>,
}

/// Header fields, found whatever their case.
#[derive(Clone, Debug, Default)]
pub struct Headers(pub Vec<(String, String)>);

impl Headers {
    /// The field's value. None if it is absent, or there twice: nobody could say which was meant.
    pub fn get(&self, name: &str) -> Option<&str> {
        let mut values = self.0.iter().filter(|(field, _)| field.eq_ignore_ascii_case(name));
        let value = values.next().map(|(_, value)| value.as_str());
        if values.next().is_some() { None } else { value }
    }
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// No connection came about: the provider cannot have read the request.
    #[error("no connection: {0}")]
    NotSent(String),
    /// It was sent, and what became of it is unknown.
    #[error("no answer: {0}")]
    Unknown(String),
}

/// The future of a transport's response.
pub type Sent<'a> = Pin<Box<dyn Future<Output = Result<Response, NoAnswer>> + Send + 'a>>;

/// Sends requests. It follows no redirect, and sends nothing twice of its own accord.
pub trait Transport: Send + Sync {
    /// Sends a request and brings the answer.
    fn send(&self, request: Request) -> Sent<'_>;

    /// As [`Transport::send`], for a file of at most so many bytes, with more time to come.
    fn download(&self, request: Request, bytes_max: usize) -> Sent<'_>;
}

/// The network, through reqwest.
#[derive(Clone, Debug)]
pub struct Network {
    client: reqwest::Client,
    download: Duration,
}

impl Network {
    /// A client for providers: no redirects, no proxies from the environment, bounded times.
    ///
    /// # Errors
    ///
    /// The TLS library has no provider of cryptography, or finds no authorities.
    pub fn new() -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .connect_timeout(CONNECT_TIMEOUT)
            .build()?;
        Ok(Self { client, download: DOWNLOAD_TIMEOUT })
    }

    /// With another time for a file to come.
    pub fn downloading_within(self, download: Duration) -> Self {
        Self { download, ..self }
    }

    async fn answer(
        &self,
        request: Request,
        bytes_max: usize,
        within: Duration,
    ) -> Result<Response, NoAnswer> {
        let method = match request.method {
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
        };
        let mut builder = self.client.request(method, &request.url).body(request.body);
        for (name, value) in request.headers {
            builder = builder.header(name, value);
        }
        let mut answer = builder.timeout(within).send().await.map_err(no_answer)?;
        let status = answer.status().as_u16();
        let headers = answer.headers().iter().filter_map(|(name, value)| {
            Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
        });
        let headers = Headers(headers.collect());
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| unknown(&error))? {
            if body.len() + chunk.len() > bytes_max {
                return Err(NoAnswer::Unknown("the answer is too long".to_owned()));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Response { status, headers, body })
    }
}

impl Transport for Network {
    fn send(&self, request: Request) -> Sent<'_> {
        Box::pin(self.answer(request, BODY_BYTES_MAX, TIMEOUT))
    }

    fn download(&self, request: Request, bytes_max: usize) -> Sent<'_> {
        Box::pin(self.answer(request, bytes_max, self.download))
    }
}

fn no_answer(error: reqwest::Error) -> NoAnswer {
    // A builder's error or a connection that never came about: nothing was sent.
    if error.is_connect() || error.is_builder() {
        NoAnswer::NotSent(reason(&error.without_url()))
    } else {
        unknown(&error.without_url())
    }
}

fn unknown(error: &reqwest::Error) -> NoAnswer {
    NoAnswer::Unknown(reason(error))
}

/// The innermost reason, without the address.
fn reason(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "timed out".to_owned();
    }
    let mut inner: &dyn Error = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string().chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_that_is_there_twice_is_absent() {
        let fields = [("Wechatpay-Serial", "A"), ("x", "1"), ("WECHATPAY-SERIAL", "B")];
        let headers =
            Headers(fields.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
        assert_eq!(headers.get("X"), Some("1"));
        assert_eq!(headers.get("wechatpay-serial"), None);
        assert_eq!(headers.get("y"), None);
    }

    #[test]
    fn no_secret_of_a_request_is_shown() {
        let request = Request {
            method: Method::Post,
            url: "https://openapi.alipay.com/gateway.do?sign=secret".to_owned(),
            headers: vec![("authorization", "secret".to_owned())],
            body: b"secret".to_vec(),
        };
        assert_eq!(format!("{request:?}"), "POST https://openapi.alipay.com/gateway.do");
    }
}
