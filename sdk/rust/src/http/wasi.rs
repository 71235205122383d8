//! The same over `wasi:http/outgoing-handler`.

use wasip2::http::outgoing_handler;
use wasip2::http::types::{
    self as wasi, ErrorCode, Fields, FutureIncomingResponse, IncomingBody, IncomingResponse,
    OutgoingBody, OutgoingRequest, RequestOptions, Scheme,
};
use wasip2::io::poll;
use wasip2::io::streams::{InputStream, OutputStream, StreamError};

use super::{Method, Request, Response, Url, too_large};
use crate::error::{Error, ErrorKind, Result};

/// Bytes that are asked for at once.
const PIECE: u64 = 256 << 10;

pub(super) fn exchange(request: &Request, url: &Url<'_>) -> Result<Response> {
    let outgoing = prepare(request, url)?;
    let body = outgoing.body().map_err(|()| Error::internal("a request without a body"))?;
    // The request leaves before its body is written: nobody would read that before.
    let future = outgoing_handler::handle(outgoing, Some(options(request)))
        .map_err(|code| failed(&code, request))?;
    let early = upload(body, request, &future)?;
    let response = match early {
        Some(response) => response,
        None => loop {
            if let Some(response) = arrived(&future, request)? {
                break response;
            }
            future.subscribe().block();
        },
    };
    receive(&response, request)
}

fn prepare(request: &Request, url: &Url<'_>) -> Result<OutgoingRequest> {
    let headers = Fields::new();
    let append = |name: &str, value: &str| {
        headers.append(name, value.as_bytes()).map_err(|error| {
            Error::invalid_input(format!("header `{name}` cannot be sent: {error:?}"))
        })
    };
    for (name, value) in &request.headers {
        append(name, value)?;
    }
    // Without a length a body is sent in chunks, which storage servers refuse.
    if !request.body.is_empty() || matches!(request.method, Method::Put | Method::Post) {
        append("content-length", &request.body.len().to_string())?;
    }
    let outgoing = OutgoingRequest::new(headers);
    let method = match request.method {
        Method::Get => wasi::Method::Get,
        Method::Head => wasi::Method::Head,
        Method::Put => wasi::Method::Put,
        Method::Post => wasi::Method::Post,
        Method::Delete => wasi::Method::Delete,
    };
    let scheme = if url.tls { Scheme::Https } else { Scheme::Http };
    outgoing
        .set_method(&method)
        .and_then(|()| outgoing.set_scheme(Some(&scheme)))
        .and_then(|()| outgoing.set_authority(Some(url.authority)))
        .and_then(|()| {
            let path = if url.path_and_query.is_empty() { "/" } else { url.path_and_query };
            outgoing.set_path_with_query(Some(path))
        })
        .map_err(|()| Error::invalid_input("the URL is malformed"))?;
    Ok(outgoing)
}

fn options(request: &Request) -> RequestOptions {
    let options = RequestOptions::new();
    let nanos = |d: std::time::Duration| Some(u64::try_from(d.as_nanos()).unwrap_or(u64::MAX));
    // A host that has no such option has limits of its own.
    let _ = options.set_connect_timeout(nanos(request.timeouts.connect));
    let _ = options.set_first_byte_timeout(nanos(request.timeouts.first_byte));
    let _ = options.set_between_bytes_timeout(nanos(request.timeouts.between_bytes));
    options
}

/// Writes the body. A server may answer before it has read all of it, to refuse it
/// mostly, and then nobody reads on: that answer is returned.
fn upload(
    body: OutgoingBody,
    request: &Request,
    future: &FutureIncomingResponse,
) -> Result<Option<IncomingResponse>> {
    let mut early = None;
    let mut whole = true;
    if !request.body.is_empty() {
        let stream = body.write().map_err(|()| Error::internal("the body was taken already"))?;
        let mut rest = request.body.as_slice();
        while !rest.is_empty() {
            match stream.check_write() {
                Ok(0) => {
                    wait(&stream, early.is_none().then_some(future));
                    if early.is_none() {
                        early = arrived(future, request)?;
                    }
                    if early
                        .as_ref()
                        .is_some_and(|response| !(200..300).contains(&response.status()))
                    {
                        whole = false;
                        break;
                    }
                }
                Ok(room) => {
                    let room = usize::try_from(room).unwrap_or(usize::MAX).min(rest.len());
                    let (piece, after) = rest.split_at(room);
                    if stream.write(piece).is_err() {
                        whole = false;
                        break;
                    }
                    rest = after;
                }
                // Why, the future knows.
                Err(_) => {
                    whole = false;
                    break;
                }
            }
        }
        if whole {
            whole = stream.flush().is_ok();
        }
    }
    match (whole, OutgoingBody::finish(body, None)) {
        (true, Err(code)) if early.is_none() => Err(failed(&code, request)),
        _ => Ok(early),
    }
}

/// Until there is room in the stream, or a response.
fn wait(stream: &OutputStream, future: Option<&FutureIncomingResponse>) {
    let room = stream.subscribe();
    match future.map(FutureIncomingResponse::subscribe) {
        Some(response) => drop(poll::poll(&[&room, &response])),
        None => room.block(),
    }
}

fn arrived(future: &FutureIncomingResponse, request: &Request) -> Result<Option<IncomingResponse>> {
    match future.get() {
        None => Ok(None),
        Some(Ok(Ok(response))) => Ok(Some(response)),
        Some(Ok(Err(code))) => Err(failed(&code, request)),
        Some(Err(())) => Err(Error::internal("the response was taken already")),
    }
}

fn receive(response: &IncomingResponse, request: &Request) -> Result<Response> {
    let headers = response.headers().entries();
    let headers = headers
        .into_iter()
        .filter_map(|(name, value)| Some((name, String::from_utf8(value).ok()?)))
        .collect();
    let mut received = Response { status: response.status(), headers, body: Vec::new() };
    let body = response.consume().map_err(|()| Error::internal("the body was taken already"))?;
    read(&body, request, &mut received.body)?;
    Ok(received)
}

fn read(body: &IncomingBody, request: &Request, into: &mut Vec<u8>) -> Result<()> {
    let stream: InputStream =
        body.stream().map_err(|()| Error::internal("the body was taken already"))?;
    loop {
        match stream.blocking_read(PIECE) {
            Ok(piece) if into.len() + piece.len() > request.limit => {
                return Err(too_large(request));
            }
            Ok(piece) => into.extend_from_slice(&piece),
            Err(StreamError::Closed) => return Ok(()),
            Err(StreamError::LastOperationFailed(error)) => {
                return Err(match wasi::http_error_code(&error) {
                    Some(code) => failed(&code, request),
                    None => Error::transient(format!(
                        "the response broke off: {}",
                        error.to_debug_string()
                    )),
                });
            }
        }
    }
}

/// What the host says of a request that failed.
fn failed(code: &ErrorCode, request: &Request) -> Error {
    use ErrorCode as C;
    let kind = match code {
        C::HttpRequestDenied | C::DestinationIpProhibited => ErrorKind::Denied,
        // Found out before anything of the request was sent.
        C::DestinationNotFound
        | C::TlsCertificateError
        | C::HttpRequestLengthRequired
        | C::HttpRequestMethodInvalid
        | C::HttpRequestUriInvalid
        | C::HttpRequestUriTooLong
        | C::HttpRequestHeaderSectionSize(_)
        | C::HttpRequestHeaderSize(_)
        | C::HttpRequestTrailerSectionSize(_)
        | C::HttpRequestTrailerSize(_) => ErrorKind::InvalidInput,
        C::HttpResponseHeaderSectionSize(_)
        | C::HttpResponseHeaderSize(_)
        | C::HttpResponseBodySize(_)
        | C::HttpResponseTrailerSectionSize(_)
        | C::HttpResponseTrailerSize(_)
            if request.method.is_safe() =>
        {
            ErrorKind::Exhausted
        }
        C::HttpResponseHeaderSectionSize(_)
        | C::HttpResponseHeaderSize(_)
        | C::HttpResponseBodySize(_)
        | C::HttpResponseTrailerSectionSize(_)
        | C::HttpResponseTrailerSize(_)
        | C::HttpResponseTransferCoding(_)
        | C::HttpResponseContentCoding(_)
        | C::HttpUpgradeFailed
        | C::LoopDetected
        | C::ConfigurationError => ErrorKind::Internal,
        _ => ErrorKind::Transient,
    };
    Error::new(kind, sentence(code))
}

fn sentence(code: &ErrorCode) -> String {
    use ErrorCode as C;
    match code {
        C::HttpRequestDenied => {
            "the operator does not allow requests there; add the host to `hosts` of the \
             plugin's configuration"
                .to_owned()
        }
        C::DestinationIpProhibited => "requests to that address are not allowed".to_owned(),
        C::DestinationNotFound => "there is no such host".to_owned(),
        C::DnsTimeout | C::DnsError(_) => "the host's name could not be looked up".to_owned(),
        C::ConnectionRefused => "the connection was refused".to_owned(),
        C::ConnectionTerminated => "the connection was closed".to_owned(),
        C::ConnectionTimeout => "no connection in time".to_owned(),
        C::ConnectionReadTimeout | C::ConnectionWriteTimeout | C::HttpResponseTimeout => {
            "no response in time".to_owned()
        }
        C::TlsCertificateError => "the server's certificate is not valid".to_owned(),
        C::InternalError(Some(text)) => text.clone(),
        other => format!("{other:?}"),
    }
}
