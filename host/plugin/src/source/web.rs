//! Downloads over HTTP: bounded in size and time, within the redirects that are allowed.

use std::error::Error as StdError;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode};
use tidelake_core::{Error, Result};
use url::Url;

use super::{Fetched, Progress, check_scheme, is_loopback, silent};
use crate::load::LARGEST;
use crate::text;
use crate::trust::signature;

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(10);
/// How long a server may send nothing.
const STALL: Duration = Duration::from_secs(30);
/// How long all of a download may take.
const WHOLE: Duration = Duration::from_secs(900);
/// Redirects that are followed.
const REDIRECTS: usize = 5;

/// What fetches.
pub(super) struct Web {
    client: Client,
}

/// A whole answer.
pub(super) struct Answer {
    pub(super) content_type: String,
    pub(super) bytes: Vec<u8>,
}

/// What came instead of the thing that was asked for.
pub(super) enum Miss {
    /// The server answered with this.
    Status(StatusCode),
    /// There is no answer, or one that is not to be used.
    Failed(Error),
}

impl Miss {
    /// As an error, when the status means nothing in particular.
    pub(super) fn into_error(self, url: &Url) -> Error {
        match self {
            Self::Failed(error) => error,
            Self::Status(status) => {
                let what = format!("the server answered {status}");
                let error = match status {
                    StatusCode::NOT_FOUND | StatusCode::GONE => {
                        Error::not_found("there is no plugin at the address")
                            .with("answer", status)
                            .with_help("correct the address")
                    }
                    StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                        Error::config(format!("{what}: it does not give the file to everybody"))
                            .with_help(
                                "download the .wasm file and its .minisig file by your own \
                                 means, and add the file",
                            )
                    }
                    _ => Error::unavailable(what).with_help("try again later"),
                };
                error.with("address", url)
            }
        }
    }
}

/// Runs what waits for servers, on the thread of the caller, which may block.
pub(super) fn block_on<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::internal("no runtime to fetch with").with_source(error))?;
    let result = runtime
        .block_on(async { tokio::time::timeout(WHOLE, work).await })
        .unwrap_or_else(|_| Err(Error::unavailable("it took too long").with("limit", "15 min")));
    // Nothing that is still under way is waited for.
    runtime.shutdown_background();
    result
}

/// Cryptography for those clients that take what the process has.
pub(super) fn prepare_tls() {
    // Another part of the process may have chosen one; that is good, too.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// Whether a redirect may be followed: never from HTTPS to anything less, and plain
/// HTTP only to where it may be spoken.
fn may_follow(from: &Url, to: &Url, allow_http: bool) -> bool {
    match (from.scheme(), to.scheme()) {
        (_, "https") => true,
        ("http", "http") => allow_http || is_loopback(to),
        _ => false,
    }
}

fn policy(allow_http: bool) -> Policy {
    Policy::custom(move |attempt| {
        let from = attempt.previous().last();
        let follow = from.is_some_and(|from| may_follow(from, attempt.url(), allow_http));
        if attempt.previous().len() > REDIRECTS {
            return attempt.error(format!("more than {REDIRECTS} redirects"));
        }
        match follow {
            true => attempt.follow(),
            false => {
                let to = text::clean(attempt.url().as_str(), 256);
                attempt.error(format!("it leads to {to}, without encryption"))
            }
        }
    })
}

impl Web {
    pub(super) fn new(url: &Url, allow_http: bool) -> Result<Self> {
        prepare_tls();
        let builder = || {
            Client::builder()
                .redirect(policy(allow_http))
                .connect_timeout(CONNECT)
                .read_timeout(STALL)
                .user_agent(concat!("tidelake/", env!("CARGO_PKG_VERSION")))
        };
        let client = builder().build();
        let client = match url.scheme() {
            // A machine without root certificates can still speak to servers that need
            // none, and to no others then.
            "http" => client.or_else(|_| builder().tls_certs_only([]).build()),
            _ => client,
        };
        let client = client.map_err(|error| {
            Error::unavailable("nothing can be fetched: the client does not start")
                .with_source(error)
                .with_help("check that the system's root certificates are installed")
        })?;
        Ok(Self { client })
    }

    /// The body of what is at an address, if it has no more than `limit` bytes.
    pub(super) async fn get(
        &self,
        url: &Url,
        headers: HeaderMap,
        limit: u64,
        progress: Progress<'_>,
    ) -> Result<Answer, Miss> {
        let sent = self.client.get(url.clone()).headers(headers).send().await;
        let response = sent.map_err(|error| Miss::Failed(unsent(&error, url)))?;
        if response.status() != StatusCode::OK {
            return Err(Miss::Status(response.status()));
        }
        let content_type = response.headers().get(CONTENT_TYPE).and_then(|t| t.to_str().ok());
        let content_type = content_type.unwrap_or_default().to_owned();
        let bytes = body(response, url, limit, progress).await.map_err(Miss::Failed)?;
        Ok(Answer { content_type, bytes })
    }
}

async fn body(
    mut response: Response,
    url: &Url,
    limit: u64,
    progress: Progress<'_>,
) -> Result<Vec<u8>> {
    let total = response.content_length();
    let too_large = || {
        Error::plugin(format!(
            "the answer has more than the {} that it may have",
            text::bytes(limit)
        ))
        .with("address", url)
        .with_help("check that this is the address of a plugin")
    };
    if total.is_some_and(|total| total > limit) {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    loop {
        let chunk = response.chunk().await.map_err(|error| {
            let of = total.map(|total| format!(" of {total}")).unwrap_or_default();
            let got = bytes.len();
            Error::unavailable(format!("the download broke off after {got}{of} bytes"))
                .with("address", url)
                .with_source(chain(&error))
                .with_help("try again; nothing was changed")
        })?;
        let Some(chunk) = chunk else { return Ok(bytes) };
        if (bytes.len() + chunk.len()) as u64 > limit {
            return Err(too_large());
        }
        bytes.extend_from_slice(&chunk);
        progress(bytes.len() as u64, total);
    }
}

fn unsent(error: &reqwest::Error, url: &Url) -> Error {
    let (what, help) = match error {
        e if e.is_redirect() => {
            ("the server sends us on, and we do not follow", "name the last address yourself")
        }
        e if e.is_timeout() => ("the server did not answer in time", "try again later"),
        e if e.is_connect() => (
            "the server cannot be reached",
            "check the address, the network, and the server's certificate",
        ),
        _ => ("the server gave no proper answer", "check the address, or try again later"),
    };
    Error::unavailable(what).with("address", url).with_source(chain(error)).with_help(help)
}

/// What reqwest says and why, cleaned: parts of it are the server's own words.
fn chain(error: &dyn StdError) -> String {
    let mut parts = vec![error.to_string()];
    let mut source = error.source();
    while let Some(error) = source {
        parts.push(error.to_string());
        source = error.source();
    }
    parts.dedup();
    text::clean(&parts.join(": "), 1024)
}

/// Gets a plugin and its signature from a web server.
pub(super) fn fetch(url: &Url, allow_http: bool, progress: Progress<'_>) -> Result<Fetched> {
    check_scheme(url, allow_http)?;
    let web = Web::new(url, allow_http)?;
    block_on(async {
        let answer = web.get(url, HeaderMap::new(), LARGEST, progress).await;
        let bytes = answer.map_err(|miss| miss.into_error(url))?.bytes;
        let mut beside = url.clone();
        beside.set_path(&format!("{}.minisig", url.path()));
        let answer = web.get(&beside, HeaderMap::new(), signature::LONGEST, &silent).await;
        let signature = match answer {
            Ok(answer) => Some(String::from_utf8_lossy(&answer.bytes).into_owned()),
            // Some stores say 403 for what is not there. Without a signature the
            // plugin is refused, unless the operator says that it needs none.
            Err(Miss::Status(StatusCode::NOT_FOUND | StatusCode::GONE | StatusCode::FORBIDDEN)) => {
                None
            }
            Err(miss) => return Err(miss.into_error(&beside)),
        };
        Ok(Fetched { bytes, signature, pinned: url.to_string() })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encryption_is_never_left_by_a_redirect() {
        let follow = |from: &str, to: &str, allow| {
            may_follow(&Url::parse(from).expect("URL"), &Url::parse(to).expect("URL"), allow)
        };
        assert!(follow("https://a.example/", "https://b.example/", false));
        assert!(follow("http://127.0.0.1/", "https://b.example/", false));
        assert!(follow("http://127.0.0.1/", "http://localhost:1/", false));
        assert!(!follow("http://127.0.0.1/", "http://b.example/", false));
        assert!(follow("http://a.example/", "http://b.example/", true));
        for allow in [false, true] {
            assert!(!follow("https://a.example/", "http://a.example/", allow));
            assert!(!follow("https://a.example/", "http://127.0.0.1/", allow));
            assert!(!follow("https://a.example/", "file:///etc/passwd", allow));
        }
    }
}
