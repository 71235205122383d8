//! Requests to the hosts that the operator lists, and to no others.
//!
//! One request, one whole response: [`send`] blocks until it is there, a limit is
//! reached or time is up. It does not follow redirects, retry or keep cookies. A
//! component imports `wasi:http` only if its plugin calls it.
//!
//! ```no_run
//! use tidelake_sdk::http::{self, Method, Request};
//!
//! let request = Request::new(Method::Get, "https://example.com/a").header("range", "bytes=0-9");
//! let response = http::send(&request)?;
//! assert_eq!((response.status, response.header("content-length")), (206, Some("10")));
//! # Ok::<(), tidelake_sdk::Error>(())
//! ```
//!
//! Outside a component the transport of [`testing::Outside`](crate::testing::Outside)
//! answers.

#[cfg(target_arch = "wasm32")]
mod wasi;

use std::fmt;
use std::time::Duration;

use crate::error::{Error, Result};

/// What a request wants of its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// To read.
    Get,
    /// To read what is known, without the body.
    Head,
    /// To put a body there.
    Put,
    /// To have a body processed.
    Post,
    /// To delete.
    Delete,
}

impl Method {
    /// As it is written in a request.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Put => "PUT",
            Self::Post => "POST",
            Self::Delete => "DELETE",
        }
    }

    /// Whether a request changes nothing, so that it may be sent again.
    pub fn is_safe(self) -> bool {
        matches!(self, Self::Get | Self::Head)
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How long a request may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Until there is a connection.
    pub connect: Duration,
    /// From there until the response begins. The body is sent within that time, too.
    pub first_byte: Duration,
    /// Between two pieces of the response.
    pub between_bytes: Duration,
}

impl Default for Timeouts {
    /// 10, 60 and 30 seconds.
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            first_byte: Duration::from_secs(60),
            between_bytes: Duration::from_secs(30),
        }
    }
}

/// A request.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// What is wanted.
    pub method: Method,
    /// `http://` or `https://`, an authority without user or password, path and query,
    /// all encoded as they are sent.
    pub url: String,
    /// Names in lower case. `host` and `content-length` are set for you.
    pub headers: Vec<(String, String)>,
    /// Empty for none.
    pub body: Vec<u8>,
    /// How long it may take.
    pub timeouts: Timeouts,
    /// The response's body may have so many bytes (64 MiB, unless set).
    pub limit: usize,
}

impl Request {
    /// A request without a body.
    pub fn new(method: Method, url: impl Into<String>) -> Self {
        Self {
            method,
            url: url.into(),
            headers: Vec::new(),
            body: Vec::new(),
            timeouts: Timeouts::default(),
            limit: 64 << 20,
        }
    }

    /// With a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_ascii_lowercase(), value.into()));
        self
    }

    /// With a body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// The response's body may have so many bytes.
    #[must_use]
    pub fn limit(mut self, bytes: usize) -> Self {
        self.limit = bytes;
        self
    }

    /// Method and URL for messages: without the query, which may hold a signature.
    pub fn target(&self) -> impl fmt::Display + '_ {
        let end = self.url.find(['?', '#']).unwrap_or(self.url.len());
        std::fmt::from_fn(move |f| write!(f, "{} {}", self.method, &self.url[..end]))
    }
}

/// Bodies, queries and headers stay out of logs.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} bytes)", self.target(), self.body.len())
    }
}

/// A response, read to its end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Response {
    /// 200 to 599: what is not 2xx is a response, too.
    pub status: u16,
    /// Values that are not UTF-8 are left out.
    pub headers: Vec<(String, String)>,
    /// All of it. Whether that is what `content-length` says has been checked, except
    /// for responses to [`Method::Head`].
    pub body: Vec<u8>,
}

impl Response {
    /// A response without a body.
    pub fn new(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    /// With a header.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_ascii_lowercase(), value.into()));
        self
    }

    /// With a body.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// The first header of a name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }

    /// Whether the status is 2xx.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// Sends a request and reads the response to its end.
///
/// | what happened | kind of the error |
/// |---|---|
/// | no connection, time is up, a connection that broke | `Transient` |
/// | the host is not among those that the operator allows | `Denied` |
/// | the certificate is not valid, no such host, a malformed URL or header | `InvalidInput` |
/// | a response larger than the limit, to a request that only reads | `Exhausted` |
/// | the same, to any other: it may have been done | `Internal` |
///
/// After `Transient` and `Internal`, whether a request was carried out is not known.
pub fn send(request: &Request) -> Result<Response> {
    // A response to HEAD says how long a body would have been.
    let response = exchange(request).map_err(|error| error.at(request.target()))?;
    let said = response.header("content-length").and_then(|n| n.parse::<u64>().ok());
    match said {
        Some(said) if request.method != Method::Head && said != response.body.len() as u64 => {
            Err(Error::transient(format!(
                "{}: the response broke off after {} of {said} bytes",
                request.target(),
                response.body.len(),
            )))
        }
        _ => Ok(response),
    }
}

fn exchange(request: &Request) -> Result<Response> {
    let url = Url::parse(&request.url)?;
    #[cfg(target_arch = "wasm32")]
    return wasi::exchange(request, &url);
    #[cfg(not(target_arch = "wasm32"))]
    return {
        let response = crate::testing::outside::exchange(request, &url)?;
        if response.body.len() > request.limit {
            return Err(too_large(request));
        }
        Ok(response)
    };
}

/// After a request that may have changed something, nothing is said about whether it did.
fn too_large(request: &Request) -> Error {
    let message = format!("the response has more than {} bytes", request.limit);
    if request.method.is_safe() { Error::exhausted(message) } else { Error::internal(message) }
}

/// The parts of a URL that a request is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Url<'a> {
    /// Rather than plain text.
    pub(crate) tls: bool,
    /// Host and port.
    pub(crate) authority: &'a str,
    /// Empty, or with a `/` or `?` first.
    pub(crate) path_and_query: &'a str,
}

impl<'a> Url<'a> {
    fn parse(url: &'a str) -> Result<Self> {
        let (tls, rest) = match (url.strip_prefix("https://"), url.strip_prefix("http://")) {
            (Some(rest), _) => (true, rest),
            (_, Some(rest)) => (false, rest),
            _ => return Err(Error::invalid_input("the URL is neither http nor https")),
        };
        let rest = rest.split('#').next().unwrap_or_default();
        let (authority, path_and_query) =
            rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        if authority.is_empty() || authority.contains('@') {
            return Err(Error::invalid_input("the URL needs a host, without user and password"));
        }
        Ok(Self { tls, authority, path_and_query })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use crate::testing::Outside;

    #[test]
    fn urls_come_apart() {
        let parts = |url| Url::parse(url).map(|u| (u.tls, u.authority, u.path_and_query));
        assert_eq!(parts("https://a.b:8/c%2F/?d=/#e"), Ok((true, "a.b:8", "/c%2F/?d=/")));
        assert_eq!(parts("http://[::1]?x"), Ok((false, "[::1]", "?x")));
        for wrong in ["ftp://a/b", "https:///b", "http://user:word@a/b", "a/b", ""] {
            assert_eq!(parts(wrong).unwrap_err().kind(), ErrorKind::InvalidInput, "{wrong}");
        }
    }

    #[test]
    fn what_arrives_is_held_against_length_and_limit() {
        let answer = |response: Response| {
            let outside = Outside::new().http(move |_| Ok(response.clone())).install();
            let get = |method| send(&Request::new(method, "http://a/b?signature=x").limit(5));
            let result = (get(Method::Get), get(Method::Head), get(Method::Put));
            drop(outside);
            result
        };
        let (get, _, _) = answer(Response::new(404).with_body("five!"));
        assert_eq!(get.unwrap().body, b"five!");
        let short = Response::new(200).with_body("1234").with_header("Content-Length", "5");
        let (get, head, _) = answer(short);
        let error = get.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Transient);
        assert_eq!(error.message(), "GET http://a/b: the response broke off after 4 of 5 bytes");
        assert!(head.is_ok());
        let (get, _, put) = answer(Response::new(200).with_body("123456"));
        assert_eq!(get.unwrap_err().kind(), ErrorKind::Exhausted);
        assert_eq!(put.unwrap_err().kind(), ErrorKind::Internal);
    }

    #[test]
    fn without_a_transport_nothing_leaves() {
        let error = send(&Request::new(Method::Get, "http://a/b")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Denied);
    }

    #[test]
    fn a_request_keeps_its_secrets_in_debug_output() {
        let request = Request::new(Method::Put, "https://a/b?X-Signature=secret")
            .header("authorization", "secret")
            .body("secret");
        assert_eq!(format!("{request:?}"), "PUT https://a/b (6 bytes)");
    }
}
