//! The server behind the guest `objects`: objects in memory, over plain HTTP, with
//! conditions that hold. It can also be slow, too large, busy, or redirect.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::listen::listen;

/// Entries of one page of a listing: few, so that there are several pages.
const PAGE: usize = 4;

#[derive(Default)]
struct State {
    objects: BTreeMap<String, (Vec<u8>, u64)>,
    uploads: BTreeMap<String, BTreeMap<u32, Vec<u8>>>,
    etag: u64,
    requests: Vec<String>,
    secrets: Vec<String>,
    /// Answers 503 so many times.
    busy: u32,
}

/// A running server; it ends with the process.
#[derive(Clone)]
pub struct Server {
    /// Host and port.
    pub address: String,
    state: Arc<Mutex<State>>,
}

pub(super) struct Request {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: Vec<u8>,
}

struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

fn answer(status: u16) -> Answer {
    Answer { status, headers: Vec::new(), body: Vec::new() }
}

impl Answer {
    fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.headers.push((name.to_owned(), value.to_string()));
        self
    }
}

impl Server {
    pub fn start() -> Self {
        listen(|address| Self { address, state: Arc::default() }, Self::serve)
    }

    /// Requests so far, as `METHOD path`.
    pub fn requests(&self) -> Vec<String> {
        self.state.lock().unwrap().requests.clone()
    }

    /// Secrets that were sent.
    pub fn secrets(&self) -> Vec<String> {
        self.state.lock().unwrap().secrets.clone()
    }

    /// Names of all objects.
    pub fn names(&self) -> Vec<String> {
        self.state.lock().unwrap().objects.keys().cloned().collect()
    }

    /// The next so many requests are answered with 503.
    pub fn be_busy(&self, times: u32) {
        self.state.lock().unwrap().busy = times;
    }

    fn serve(&self, stream: TcpStream) -> std::io::Result<()> {
        stream.set_nodelay(true)?;
        let mut reader = BufReader::new(stream.try_clone()?);
        let mut writer = stream;
        while let Some(request) = read(&mut reader)? {
            let head = request.method == "HEAD";
            let answer = self.answer(&request);
            let mut text = format!("HTTP/1.1 {} X\r\n", answer.status);
            for (name, value) in &answer.headers {
                text.push_str(&format!("{name}: {value}\r\n"));
            }
            text.push_str(&format!("content-length: {}\r\n\r\n", answer.body.len()));
            writer.write_all(text.as_bytes())?;
            if !head {
                writer.write_all(&answer.body)?;
            }
        }
        Ok(())
    }

    fn answer(&self, request: &Request) -> Answer {
        let path = request.path.clone();
        {
            let mut state = self.state.lock().unwrap();
            state.requests.push(format!("{} {path}", request.method));
            state.secrets.extend(request.headers.get("x-secret").cloned());
            if state.busy > 0 {
                state.busy -= 1;
                return answer(503);
            }
        }
        // Objects whose names say what happens to those who read them.
        match path.as_str() {
            "/o/slow" => std::thread::sleep(Duration::from_secs(30)),
            "/o/huge" => return Answer { body: vec![0; 40 << 20], ..answer(200) },
            "/o/redirect" => return answer(302).with("location", "http://127.0.0.1:1/o/x"),
            _ => {}
        }
        let (area, rest) = path[1..].split_once(['/', '?']).unwrap_or((&path[1..], ""));
        let name = decoded(rest);
        let mut state = self.state.lock().unwrap();
        match (request.method.as_str(), area) {
            ("GET", "list") => state.list(rest),
            ("GET" | "HEAD", "o") => state.read(&name, request),
            ("PUT", "o") => state.write(&name, request.body.clone(), request),
            ("DELETE", "o") => {
                answer(if state.objects.remove(&name).is_some() { 200 } else { 404 })
            }
            ("POST", "b") => {
                state.etag += 1;
                let upload = format!("u{}", state.etag);
                state.uploads.insert(upload.clone(), BTreeMap::new());
                Answer { body: upload.into_bytes(), ..answer(200) }
            }
            ("PUT", "u") => {
                let (upload, number) = name.split_once('/').unwrap();
                let Some(parts) = state.uploads.get_mut(upload) else { return answer(404) };
                parts.insert(number.parse().unwrap(), request.body.clone());
                answer(200)
            }
            ("DELETE", "u") => {
                state.uploads.remove(&name);
                answer(200)
            }
            ("POST", "c") => {
                let parts = state.uploads.remove(&request.headers["x-upload"]);
                let Some(parts) = parts else { return answer(404) };
                let whole = parts.into_values().flatten().collect();
                state.write(&name, whole, request)
            }
            ("POST", "x") => {
                let source = decoded(&request.headers["x-source"]);
                match state.objects.get(&source).map(|(bytes, _)| bytes.clone()) {
                    Some(bytes) => state.write(&name, bytes, request),
                    None => answer(404),
                }
            }
            _ => answer(400),
        }
    }
}

impl State {
    fn read(&self, name: &str, request: &Request) -> Answer {
        let Some((bytes, etag)) = self.objects.get(name) else { return answer(404) };
        let etag = format!("\"{etag}\"");
        let header = |name: &str| request.headers.get(name);
        if header("if-match").is_some_and(|wanted| *wanted != etag) {
            return answer(412);
        }
        if header("if-none-match").is_some_and(|unwanted| *unwanted == etag) {
            return answer(304);
        }
        let size = bytes.len();
        let (mut start, mut end) = (0, size);
        if let Some(range) = header("range") {
            let (from, to) = range.strip_prefix("bytes=").unwrap().split_once('-').unwrap();
            match (from.parse::<usize>(), to.parse::<usize>()) {
                (Ok(from), Ok(to)) => (start, end) = (from, size.min(to.saturating_add(1))),
                (Ok(from), Err(_)) => start = from,
                (Err(_), Ok(last)) => start = size - last.min(size),
                (Err(_), Err(_)) => return answer(400),
            }
            if start >= size {
                return answer(416);
            }
        }
        Answer { body: bytes[start..end].to_vec(), ..answer(200) }
            .with("etag", etag)
            .with("x-size", size)
            .with("x-modified", 1_700_000_000_000_000u64)
            .with("x-start", start)
    }

    fn write(&mut self, name: &str, bytes: Vec<u8>, request: &Request) -> Answer {
        let now = self.objects.get(name).map(|(_, etag)| format!("\"{etag}\""));
        if request.headers.contains_key("if-none-match") && now.is_some() {
            return answer(409);
        }
        if let Some(wanted) = request.headers.get("if-match")
            && now.as_ref() != Some(wanted)
        {
            return answer(412);
        }
        self.etag += 1;
        self.objects.insert(name.to_owned(), (bytes, self.etag));
        answer(200).with("etag", format!("\"{}\"", self.etag))
    }

    fn list(&self, query: &str) -> Answer {
        let query: BTreeMap<&str, String> = query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(key, value)| (key, decoded(value)))
            .collect();
        let prefix = match query["prefix"].as_str() {
            "" => String::new(),
            prefix => format!("{prefix}/"),
        };
        let after = query["token"].clone().max(query["after"].clone());
        let delimited = query["delimited"] == "1";
        let (mut lines, mut entries, mut last) = (Vec::new(), 0, String::new());
        for (name, (bytes, etag)) in &self.objects {
            let Some(below) = name.strip_prefix(&prefix).filter(|_| *name > after) else {
                continue;
            };
            if entries == PAGE {
                lines.push(format!("N\t{last}"));
                break;
            }
            let line = match below.split_once('/').filter(|_| delimited) {
                Some((segment, _)) => format!("P\t{prefix}{segment}"),
                None => format!("O\t{name}\t{}\t1700000000000000\t\"{etag}\"", bytes.len()),
            };
            if lines.last() != Some(&line) {
                lines.push(line);
            }
            entries += 1;
            last.clone_from(name);
        }
        Answer { body: lines.join("\n").into_bytes(), ..answer(200) }
    }
}

fn decoded(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((first, more)) = rest.split_first() {
        match first {
            b'%' => {
                let hex = std::str::from_utf8(&more[..2]).unwrap();
                bytes.push(u8::from_str_radix(hex, 16).unwrap());
                rest = &more[2..];
            }
            byte => {
                bytes.push(*byte);
                rest = more;
            }
        }
    }
    String::from_utf8(bytes).unwrap()
}

pub(super) fn read(reader: &mut BufReader<TcpStream>) -> std::io::Result<Option<Request>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split(' ');
    let (method, path) = (words.next().unwrap().to_owned(), words.next().unwrap().to_owned());
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let length = headers.get("content-length").map_or(0, |l| l.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Some(Request { method, path, headers, body }))
}
