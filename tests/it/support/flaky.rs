//! Somebody between a client and a server of HTTP who makes trouble: answers 503
//! himself, or passes a conditional write on and loses the answer.

use std::io::{BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::listen::listen;
use super::objects::{Request, read};

/// How much trouble.
#[derive(Debug, Clone, Copy, Default)]
pub struct Trouble {
    /// Every so many requests one is answered with 503 and not passed on.
    pub busy: Option<usize>,
    /// Of every so many conditional writes one is done, and the answer is lost.
    pub lost: Option<usize>,
}

#[derive(Default)]
struct Counts {
    requests: AtomicUsize,
    conditional: AtomicUsize,
    busy: AtomicUsize,
    lost: AtomicUsize,
}

/// A proxy that runs until the process ends.
pub struct Proxy {
    /// Where clients find it.
    pub endpoint: String,
    counts: Arc<Counts>,
}

impl Proxy {
    /// Before the server at an address.
    pub fn before(server: &str, trouble: Trouble) -> Self {
        let server = server.to_owned();
        let (address, counts) = listen(
            |address| (address, Arc::<Counts>::default()),
            move |(_, counts), stream| pass(stream, &server, trouble, counts),
        );
        Self { endpoint: format!("http://{address}"), counts }
    }

    /// How often it answered 503, and how many answers it lost.
    pub fn made(&self) -> (usize, usize) {
        let of = |count: &AtomicUsize| count.load(Ordering::SeqCst);
        (of(&self.counts.busy), of(&self.counts.lost))
    }
}

/// Whether this is one of every so many.
fn due(count: &AtomicUsize, every: Option<usize>) -> bool {
    let number = count.fetch_add(1, Ordering::SeqCst) + 1;
    every.is_some_and(|every| number.is_multiple_of(every))
}

/// One request and its answer; then the connection ends.
fn pass(
    mut client: TcpStream,
    server: &str,
    trouble: Trouble,
    counts: &Counts,
) -> std::io::Result<()> {
    let Some(request) = read(&mut BufReader::new(client.try_clone()?))? else { return Ok(()) };
    if due(&counts.requests, trouble.busy) {
        counts.busy.fetch_add(1, Ordering::SeqCst);
        let body = "<Error><Code>SlowDown</Code><Message>Please reduce your request rate.\
                    </Message></Error>";
        let head = "HTTP/1.1 503 Slow Down\r\nretry-after: 1\r\nconnection: close\r\n";
        return write!(client, "{head}content-length: {}\r\n\r\n{body}", body.len());
    }
    let conditional = request.method == "PUT"
        && (request.headers.contains_key("if-none-match")
            || request.headers.contains_key("if-match"));
    let lost = conditional && due(&counts.conditional, trouble.lost);
    let answer = forwarded(request, server)?;
    if lost {
        counts.lost.fetch_add(1, Ordering::SeqCst);
        return Ok(());
    }
    client.write_all(&answer)
}

fn forwarded(request: Request, server: &str) -> std::io::Result<Vec<u8>> {
    let mut upstream = TcpStream::connect(server)?;
    upstream.set_nodelay(true)?;
    let Request { method, path, mut headers, body } = request;
    headers.insert("connection".to_owned(), "close".to_owned());
    let mut text = format!("{method} {path} HTTP/1.1\r\n");
    for (name, value) in &headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    upstream.write_all(text.as_bytes())?;
    upstream.write_all(&body)?;
    let mut answer = Vec::new();
    upstream.read_to_end(&mut answer)?;
    Ok(answer)
}
