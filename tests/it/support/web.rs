//! A web server on this machine that also misbehaves: breaks off, never ends, sends on.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};

use super::listen::listen;

/// What is at a path.
#[derive(Clone)]
pub enum Page {
    /// This file.
    File(Vec<u8>),
    /// This file, of which only so much arrives.
    Broken(Vec<u8>, usize),
    /// Bytes without an end, whose number was not told.
    Endless,
    /// So many bytes, it says; none arrives.
    Announced(u64),
    /// Another address.
    Elsewhere(String),
    /// This status, and nothing.
    Status(u16),
}

/// A running server; it ends with the process.
#[derive(Clone)]
pub struct Web {
    /// Host and port.
    pub address: String,
    pages: Arc<Mutex<BTreeMap<String, Page>>>,
}

impl Web {
    pub fn start() -> Self {
        listen(|address| Self { address, pages: Arc::default() }, Self::serve)
    }

    /// Puts something at a path; its address.
    pub fn put(&self, path: &str, page: Page) -> String {
        self.pages.lock().unwrap().insert(path.to_owned(), page);
        format!("http://{}{path}", self.address)
    }

    fn serve(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let mut lines = BufReader::new(stream.try_clone()?).lines();
        let first = lines.next().unwrap_or_else(|| Ok(String::new()))?;
        while !lines.next().unwrap_or_else(|| Ok(String::new()))?.is_empty() {}
        let path = first.split(' ').nth(1).unwrap_or_default();
        let page = self.pages.lock().unwrap().get(path).cloned();
        let mut head = |status: u16, more: &str| {
            write!(stream, "HTTP/1.1 {status} X\r\nconnection: close\r\n{more}\r\n")
        };
        match page.unwrap_or(Page::Status(404)) {
            Page::File(bytes) => {
                head(200, &format!("content-length: {}\r\n", bytes.len()))?;
                stream.write_all(&bytes)
            }
            Page::Broken(bytes, at) => {
                head(200, &format!("content-length: {}\r\n", bytes.len()))?;
                stream.write_all(&bytes[..at])
            }
            Page::Endless => {
                head(200, "")?;
                loop {
                    stream.write_all(&[0; 1 << 16])?;
                }
            }
            Page::Announced(length) => head(200, &format!("content-length: {length}\r\n")),
            Page::Elsewhere(to) => head(302, &format!("location: {to}\r\ncontent-length: 0\r\n")),
            Page::Status(status) => head(status, "content-length: 0\r\n"),
        }
    }
}

/// Stands before another server and breaks each answer off after so many bytes.
pub fn breaking(upstream: &str, after: u64) -> String {
    let upstream = upstream.to_owned();
    let served = move |_: &String, near| between(near, &upstream, after);
    listen(|address| address, served)
}

fn between(near: TcpStream, upstream: &str, after: u64) -> std::io::Result<()> {
    let far = TcpStream::connect(upstream)?;
    let (mut from, mut to) = (near.try_clone()?, far.try_clone()?);
    std::thread::spawn(move || drop(std::io::copy(&mut from, &mut to)));
    let _ = std::io::copy(&mut (&far).take(after), &mut &near);
    near.shutdown(std::net::Shutdown::Both)?;
    far.shutdown(std::net::Shutdown::Both)
}
