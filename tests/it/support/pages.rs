//! A server of pages: `/rows` answers NDJSON by `after` and `limit`, `/pages` a JSON object
//! that holds rows and the next cursor. It wants a token, and can fail now and then.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use super::listen::listen;

/// The token that every request must bring.
pub const TOKEN: &str = "open sesame";

#[derive(Default)]
struct State {
    rows: AtomicU64,
    /// Every so many requests one fails; 0: none does.
    fails: AtomicU64,
    requests: Mutex<Vec<String>>,
}

/// A running server; it ends with the process.
#[derive(Clone)]
pub struct Pages {
    /// Host and port.
    pub address: String,
    state: Arc<State>,
}

impl Pages {
    pub fn start() -> Self {
        listen(|address| Self { address, state: Arc::default() }, Self::serve)
    }

    /// There are rows 1 to `rows` from now on.
    pub fn grow(&self, rows: u64) {
        self.state.rows.store(rows, Ordering::SeqCst);
    }

    /// One of so many requests fails: by turns busy, to be left alone, and broken off.
    pub fn fail_every(&self, requests: u64) {
        self.state.fails.store(requests, Ordering::SeqCst);
    }

    /// How many requests came.
    pub fn requests(&self) -> usize {
        self.state.requests.lock().unwrap().len()
    }

    fn serve(&self, stream: TcpStream) -> std::io::Result<()> {
        let mut reader = BufReader::new(stream.try_clone()?);
        let mut writer = stream;
        loop {
            let (mut line, mut token) = (String::new(), String::new());
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let target = line.split(' ').nth(1).unwrap_or_default().to_owned();
            loop {
                let mut header = String::new();
                reader.read_line(&mut header)?;
                let Some((name, value)) = header.trim_end().split_once(": ") else { break };
                if name.eq_ignore_ascii_case("authorization") {
                    value.clone_into(&mut token);
                }
            }
            let (status, headers, body) = self.answer(&target, &token);
            let length = body.len();
            let head = format!("HTTP/1.1 {status} X\r\n{headers}content-length: {length}\r\n\r\n");
            writer.write_all(head.as_bytes())?;
            if status == 299 {
                // Breaks off in the middle of the body.
                writer.write_all(&body.as_bytes()[..length / 2])?;
                return Ok(());
            }
            writer.write_all(body.as_bytes())?;
        }
    }

    fn answer(&self, target: &str, token: &str) -> (u16, &'static str, String) {
        let count = {
            let mut requests = self.state.requests.lock().unwrap();
            requests.push(target.to_owned());
            requests.len() as u64
        };
        if token != format!("Bearer {TOKEN}") {
            return (401, "", "who are you?".to_owned());
        }
        let fails = self.state.fails.load(Ordering::SeqCst);
        let failing = fails > 0 && count.is_multiple_of(fails);
        match (failing, count / fails.max(1) % 3) {
            (true, 0) => return (503, "", "busy".to_owned()),
            (true, 1) => return (429, "retry-after: 0\r\n", String::new()),
            _ => {}
        }
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let number = |name: &str| {
            let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            pairs.filter(|(n, _)| *n == name).find_map(|(_, value)| value.parse::<u64>().ok())
        };
        let (after, limit) = (number("after").unwrap_or(0), number("limit").unwrap_or(50));
        let rows = self.state.rows.load(Ordering::SeqCst);
        let ids: Vec<u64> = (after + 1..=rows).take(limit as usize).collect();
        let objects: Vec<String> = ids.iter().map(|id| row(*id)).collect();
        let body = match (path, ids.last().filter(|last| **last < rows)) {
            ("/rows", _) => objects.join("\n"),
            (_, Some(next)) => format!(r#"{{"rows":[{}],"next":{next}}}"#, objects.join(",")),
            (_, None) => format!(r#"{{"rows":[{}]}}"#, objects.join(",")),
        };
        (if failing { 299 } else { 200 }, "", body)
    }
}

/// A row: four a minute, from 2024-03-01 on.
fn row(id: u64) -> String {
    let (hour, minute) = (id / 240, id / 4 % 60);
    let symbol = ["ABC", "DEF", "GHI"][id as usize % 3];
    format!(
        r#"{{"id":{id},"ts":"2024-03-{:02}T{:02}:{minute:02}:00Z","symbol":"{symbol}","price":{id}.25}}"#,
        1 + hour / 24,
        hour % 24,
    )
}
