//! One request and its answer, in the steps that `wasi:http` wants.

use wasip2::http::outgoing_handler::handle;
use wasip2::http::types::{
    ErrorCode, Fields, IncomingBody, Method, OutgoingBody, OutgoingRequest, Scheme,
};
use wasip2::io::streams::StreamError;

/// An answer.
pub struct Reply {
    pub status: u16,
    headers: Vec<(String, Vec<u8>)>,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(n, _)| n == name);
        found.and_then(|(_, value)| std::str::from_utf8(value).ok())
    }
}

/// Sends a request without encryption. The error is the name of `wasi:http`'s code.
pub fn send(
    method: &str,
    server: &str,
    path: &str,
    headers: &[(&str, String)],
    body: &[u8],
) -> Result<Reply, String> {
    let named = |code: ErrorCode| format!("{code:?}");
    let fields = Fields::new();
    for (name, value) in headers {
        fields.append(name, value.as_bytes()).map_err(|e| format!("{name}: {e:?}"))?;
    }
    let request = OutgoingRequest::new(fields);
    let method = match method {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "PUT" => Method::Put,
        "POST" => Method::Post,
        "DELETE" => Method::Delete,
        other => Method::Other(other.to_owned()),
    };
    let odd = |()| "an odd request".to_owned();
    request.set_method(&method).map_err(odd)?;
    request.set_scheme(Some(&Scheme::Http)).map_err(odd)?;
    request.set_authority(Some(server)).map_err(odd)?;
    request.set_path_with_query(Some(path)).map_err(odd)?;
    let outgoing = request.body().map_err(odd)?;
    let future = handle(request, None).map_err(named)?;
    {
        let stream = outgoing.write().map_err(odd)?;
        let mut rest = body;
        while !rest.is_empty() {
            let room = stream.check_write().map_err(|e| format!("{e:?}"))? as usize;
            let (now, later) = rest.split_at(room.min(rest.len()));
            stream.write(now).map_err(|e| format!("{e:?}"))?;
            rest = later;
        }
    }
    OutgoingBody::finish(outgoing, None).map_err(named)?;
    future.subscribe().block();
    let response = match future.get() {
        Some(Ok(response)) => response.map_err(named)?,
        _ => return Err("no answer".to_owned()),
    };
    let status = response.status();
    let headers = response.headers().entries();
    let incoming = response.consume().map_err(odd)?;
    let mut body = Vec::new();
    {
        let stream = incoming.stream().map_err(odd)?;
        loop {
            match stream.blocking_read(1 << 16) {
                Ok(bytes) => body.extend_from_slice(&bytes),
                Err(StreamError::Closed) => break,
                Err(error) => return Err(format!("{error:?}")),
            }
        }
    }
    drop(IncomingBody::finish(incoming));
    Ok(Reply { status, headers, body })
}
