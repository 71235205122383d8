//! The way out: one client with pooled connections, HTTP/1.1, for all plugins of a
//! host, on a small runtime of its own, so that it works whoever waits for it.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::sync::OnceLock;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::runtime::Runtime;
use tokio::task::AbortHandle;
use wasmtime::component::Val;

use super::{BODY, HEADERS};

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(10);
/// How long a connection is kept that nobody uses: shorter than servers do, which
/// would otherwise close it in the moment that it is used again.
const IDLE: Duration = Duration::from_secs(4);
/// Connections kept to one host.
const KEPT: usize = 32;

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Incoming {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Option<Bytes>,
}

/// An answer, or why there is none.
pub(crate) type Outcome = Result<Incoming, Failure>;

/// A case of `wasi:http/types.error-code`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(super) code: &'static str,
    payload: Payload,
    /// What the operator is told, for which the guest has no word.
    pub(super) advice: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Payload {
    Nothing,
    Size(u64),
    HeaderSize(u32),
    Text(String),
}

impl Failure {
    fn with(code: &'static str, payload: Payload) -> Self {
        Self { code, payload, advice: None }
    }

    pub(super) fn plain(code: &'static str) -> Self {
        Self::with(code, Payload::Nothing)
    }

    pub(super) fn request_size(bytes: u64) -> Self {
        Self::with("HTTP-request-body-size", Payload::Size(bytes))
    }

    pub(super) fn headers_size(bytes: usize) -> Self {
        let payload = Payload::HeaderSize(u32::try_from(bytes).unwrap_or(u32::MAX));
        Self::with("HTTP-request-header-section-size", payload)
    }

    fn answer_size(bytes: u64) -> Self {
        Self::with("HTTP-response-body-size", Payload::Size(bytes))
    }

    pub(super) fn internal(text: impl fmt::Display) -> Self {
        let text = crate::text::clean(&text.to_string(), 512);
        Self::with("internal-error", Payload::Text(text))
    }

    /// The server is not, or not provably, the one that was asked for.
    fn certificate(error: &rustls::CertificateError) -> Self {
        let own = match error {
            rustls::CertificateError::UnknownIssuer => {
                "; if an authority of your own has signed it, name a file with the certificates of \
                 all authorities that you trust in the environment variable SSL_CERT_FILE"
            }
            _ => "",
        };
        let advice = format!("the server's certificate is refused: {error}{own}");
        let advice = Some(crate::text::clean(&advice, 512));
        Self { advice, ..Self::plain("TLS-certificate-error") }
    }

    /// As the guest gets it.
    pub(super) fn value(&self) -> Val {
        let some = |value| Some(Box::new(Val::Option(Some(Box::new(value)))));
        let payload = match &self.payload {
            Payload::Nothing => None,
            Payload::Size(bytes) => some(Val::U64(*bytes)),
            Payload::Text(text) => some(Val::String(text.clone())),
            Payload::HeaderSize(bytes) => some(Val::U32(*bytes)),
        };
        Val::Variant(self.code.to_owned(), payload)
    }
}

/// Sends requests. Nothing is started before the first.
#[derive(Default)]
pub(crate) struct Transport {
    running: OnceLock<Result<Running, String>>,
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport").field("started", &self.running.get().is_some()).finish()
    }
}

type Plain = Client<HttpConnector, Full<Bytes>>;
type Encrypted = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

struct Running {
    /// There until it is dropped.
    runtime: Option<Runtime>,
    plain: Plain,
    /// Made when it is needed: a machine without root certificates can still speak
    /// to servers that need none.
    encrypted: OnceLock<Result<Encrypted, String>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        // Whoever drops it may be in a runtime, where waiting is not allowed.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Running {
    fn start() -> Result<Self, String> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("tidelake-http")
            .enable_all()
            .build()
            .map_err(|error| error.to_string())?;
        let plain = client(connector());
        Ok(Self { runtime: Some(runtime), plain, encrypted: OnceLock::new() })
    }

    fn encrypted(&self) -> Result<Encrypted, String> {
        let made = self.encrypted.get_or_init(|| {
            let provider = rustls::crypto::ring::default_provider();
            let builder = HttpsConnectorBuilder::new()
                .with_provider_and_native_roots(provider)
                .map_err(|error| format!("no root certificates: {error}"))?;
            let mut connector = connector();
            connector.enforce_http(false);
            Ok(client(builder.https_only().enable_http1().wrap_connector(connector)))
        });
        made.clone()
    }
}

fn connector() -> HttpConnector {
    let mut connector = HttpConnector::new();
    connector.set_connect_timeout(Some(CONNECT));
    connector.set_nodelay(true);
    connector
}

fn client<C>(connector: C) -> Client<C, Full<Bytes>>
where
    C: hyper_util::client::legacy::connect::Connect + Clone,
{
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(KEPT)
        .http1_max_buf_size(4 * HEADERS)
        .build(connector)
}

impl Transport {
    /// Sends a request, whose URI says whether encrypted. `answer` is called once,
    /// unless the task is aborted.
    pub(super) fn send(
        &self,
        request: Request<Bytes>,
        limit: Duration,
        answer: impl FnOnce(Outcome) + Send + 'static,
    ) -> Result<AbortHandle, Failure> {
        let running = self.running.get_or_init(Running::start);
        let running = running.as_ref().map_err(Failure::internal)?;
        let Some(runtime) = &running.runtime else { return Err(Failure::internal("it ended")) };
        let request = request.map(Full::new);
        let plain = request.uri().scheme() == Some(&http::uri::Scheme::HTTP);
        let task = match plain {
            true => {
                let client = running.plain.clone();
                runtime
                    .spawn(async move { answer(bounded(limit, exchange(client, request)).await) })
            }
            false => {
                let client = running.encrypted().map_err(Failure::internal)?;
                runtime
                    .spawn(async move { answer(bounded(limit, exchange(client, request)).await) })
            }
        };
        Ok(task.abort_handle())
    }
}

async fn bounded(limit: Duration, work: impl Future<Output = Outcome>) -> Outcome {
    let late = |_| Err(Failure::plain("HTTP-response-timeout"));
    tokio::time::timeout(limit, work).await.unwrap_or_else(late)
}

async fn exchange<C>(client: Client<C, Full<Bytes>>, request: Request<Full<Bytes>>) -> Outcome
where
    C: hyper_util::client::legacy::connect::Connect + Clone + Send + Sync + 'static,
{
    // To HEAD a server answers with the length of what it does not send.
    let bodiless = request.method() == http::Method::HEAD;
    let response = client.request(request).await.map_err(|error| unsent(&error))?;
    let (head, body) = Response::into_parts(response);
    let bytes: usize = head.headers.iter().map(|(n, v)| n.as_str().len() + v.len()).sum();
    if bytes > HEADERS {
        let payload = Payload::HeaderSize(u32::try_from(bytes).unwrap_or(u32::MAX));
        return Err(Failure::with("HTTP-response-header-section-size", payload));
    }
    let length = head.headers.get(http::header::CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if let Some(length) = length.filter(|length| *length > BODY as u64 && !bodiless) {
        return Err(Failure::answer_size(length));
    }
    let body = Limited::new(body, BODY).collect().await.map_err(|error| match error
        .downcast_ref::<LengthLimitError>()
    {
        Some(_) => Failure::answer_size(BODY as u64 + 1),
        None => Failure::plain("HTTP-response-incomplete"),
    })?;
    Ok(Incoming {
        status: head.status.as_u16(),
        headers: head.headers,
        body: Some(body.to_bytes()),
    })
}

/// Why there is no answer.
fn unsent(error: &hyper_util::client::legacy::Error) -> Failure {
    tracing::debug!(target: "tidelake::plugin", error = %chain(error), "a request failed");
    let mut cause: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(current) = cause {
        if let Some(io) = current.downcast_ref::<io::Error>() {
            if let Some(rustls::Error::InvalidCertificate(error)) = tls(io) {
                return Failure::certificate(error);
            }
            match io.kind() {
                io::ErrorKind::ConnectionRefused => return Failure::plain("connection-refused"),
                io::ErrorKind::TimedOut => return Failure::plain("connection-timeout"),
                io::ErrorKind::InvalidData => return Failure::internal(chain(error)),
                _ => {}
            }
        }
        cause = current.source();
    }
    match error.is_connect() {
        true => Failure::internal(chain(error)),
        false => Failure::plain("connection-terminated"),
    }
}

/// The error of TLS in one of I/O: what those wrap is not among their sources.
fn tls(mut error: &io::Error) -> Option<&rustls::Error> {
    loop {
        let inner = error.get_ref()?;
        match inner.downcast_ref() {
            Some(tls) => return Some(tls),
            None => error = inner.downcast_ref()?,
        }
    }
}

fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}
