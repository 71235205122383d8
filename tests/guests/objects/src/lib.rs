//! A storage backend over the plain server of the scenarios (`support/objects.rs`):
//! honest unless its option `lie` says in which way it is not.
//!
//! It is written against the interfaces themselves, without the SDK, so that the
//! host is tested with what any language could send.
#![allow(unsafe_code)]

mod http;

use std::cell::RefCell;

use serde_json::Value;

wit_bindgen::generate!({
    path: "../../../wit",
    world: "storage-backend-plugin",
    generate_all,
});

use exports::tidelake::plugin::storage_backend::{Fetched, Guest, GuestStore, Store};
use http::Reply;
use tidelake::plugin::objects::{
    ByteRange, GetCondition, GetRange, ListRequest, Meta, ObjectVersion, Page, PutMode,
};
use tidelake::plugin::types::{Error, ErrorCode};
use tidelake::plugin::{clock, secrets};

struct Plugin;

impl exports::tidelake::plugin::meta::Guest for Plugin {
    fn describe() -> String {
        r#"{"name":"objects","version":"0.1.0","kind":"storage-backend",
            "description":"Objects on the server of the scenarios.",
            "options":{"type":"object","additionalProperties":false,"required":["server"],
                "properties":{"server":{"type":"string"},"secret":{"type":"string"},
                    "lie":{"type":"string"}}}}"#
            .to_owned()
    }
}

impl Guest for Plugin {
    type Store = Opened;
}

struct Opened {
    server: String,
    secret: Option<String>,
    lie: String,
    calls: RefCell<u32>,
}

fn error(code: ErrorCode, message: impl Into<String>) -> Error {
    Error { code, message: message.into() }
}

/// What the server's refusals mean.
fn refused(reply: &Reply) -> Error {
    let (code, what) = match reply.status {
        404 => (ErrorCode::NotFound, "there is no such object"),
        409 => (ErrorCode::AlreadyExists, "the object exists"),
        412 | 304 => (ErrorCode::Precondition, "the object is in another state"),
        416 => (ErrorCode::InvalidInput, "the object has no such range"),
        403 => (ErrorCode::Denied, "the server knows no such secret"),
        503 => (ErrorCode::Transient, "the server is busy"),
        _ => (ErrorCode::Internal, "the server answered strangely"),
    };
    error(code, format!("{what} (status {})", reply.status))
}

fn encoded(path: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"/-._~".contains(&b);
    let byte = |b: u8| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") };
    path.bytes().map(byte).collect()
}

fn range(range: GetRange) -> String {
    match range {
        GetRange::Bounded(ByteRange { start, end }) => format!("bytes={start}-{}", end - 1),
        GetRange::Offset(start) => format!("bytes={start}-"),
        GetRange::Suffix(length) => format!("bytes=-{length}"),
    }
}

fn condition(mode: &PutMode) -> Option<(&'static str, String)> {
    match mode {
        PutMode::Overwrite => None,
        PutMode::IfAbsent => Some(("if-none-match", "*".to_owned())),
        PutMode::IfMatch(version) => {
            Some(("if-match", version.etag.clone().unwrap_or_else(|| "none".to_owned())))
        }
    }
}

impl Opened {
    fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, String)],
        body: &[u8],
    ) -> Result<Reply, Error> {
        let mut headers = headers.to_vec();
        if let Some(name) = &self.secret {
            headers.push(("x-secret", secrets::get(name)?));
            headers.push(("x-time", clock::wall().to_string()));
        }
        let server = match self.lie.as_str() {
            "elsewhere" => "elsewhere.example:81",
            _ => &self.server,
        };
        let reply = http::send(method, server, path, &headers, body)
            .map_err(|code| error(ErrorCode::Transient, format!("the request failed: {code}")))?;
        match reply.status {
            200..300 => Ok(reply),
            _ => Err(refused(&reply)),
        }
    }

    fn meta(&self, path: &str, reply: &Reply) -> Result<Meta, Error> {
        let number = |name: &str| {
            let value = reply.header(name).and_then(|value| value.parse::<i64>().ok());
            value.ok_or_else(|| error(ErrorCode::Internal, format!("no {name}")))
        };
        Ok(Meta {
            path: if self.lie == "path" { format!("{path}x") } else { path.to_owned() },
            size: number("x-size")? as u64,
            modified: number("x-modified")?,
            etag: match self.lie.as_str() {
                "etag" => Some("a\nb".to_owned()),
                _ => reply.header("etag").map(str::to_owned),
            },
            version: None,
        })
    }

    fn version(&self, reply: &Reply) -> ObjectVersion {
        ObjectVersion { etag: reply.header("etag").map(str::to_owned), version: None }
    }
}

impl GuestStore for Opened {
    fn open(url: String, options: String) -> Result<Store, Error> {
        let wrong = |what: &str| error(ErrorCode::InvalidInput, what);
        if !url.starts_with("objects://") {
            return Err(wrong("the URL is not objects://..."));
        }
        let options: Value = serde_json::from_str(&options).map_err(|e| wrong(&e.to_string()))?;
        let text = |name: &str| options[name].as_str().map(str::to_owned);
        Ok(Store::new(Self {
            server: text("server").ok_or_else(|| wrong("`server` is missing"))?,
            secret: text("secret"),
            lie: text("lie").unwrap_or_default(),
            calls: RefCell::new(0),
        }))
    }

    fn list(&self, request: ListRequest) -> Result<Page, Error> {
        let query = format!(
            "/list?prefix={}&after={}&delimited={}&token={}",
            encoded(&request.prefix),
            encoded(request.start_after.as_deref().unwrap_or_default()),
            u8::from(request.delimited),
            encoded(request.token.as_deref().unwrap_or_default()),
        );
        let reply = self.ask("GET", &query, &[], &[])?;
        let mut page = Page { objects: vec![], prefixes: vec![], next: None };
        for line in String::from_utf8_lossy(&reply.body).lines() {
            let fields: Vec<&str> = line.split('\t').collect();
            match fields[..] {
                ["O", path, size, modified, etag] => page.objects.push(Meta {
                    path: path.to_owned(),
                    size: size.parse().unwrap_or(0),
                    modified: modified.parse().unwrap_or(0),
                    etag: Some(etag.to_owned()),
                    version: None,
                }),
                ["P", prefix] => page.prefixes.push(prefix.to_owned()),
                ["N", token] => page.next = Some(token.to_owned()),
                _ => return Err(error(ErrorCode::Internal, "an odd line")),
            }
        }
        match self.lie.as_str() {
            "unordered" => page.objects.reverse(),
            "endless" => {
                page = Page { objects: vec![], prefixes: vec![], next: Some("again".to_owned()) };
            }
            "tokens" => {
                let number = self.calls.replace_with(|calls| *calls + 1);
                page = Page { objects: vec![], prefixes: vec![], next: Some(number.to_string()) };
            }
            _ => {}
        }
        Ok(page)
    }

    fn head(&self, path: String, condition: GetCondition) -> Result<Meta, Error> {
        let headers = conditional(condition);
        let reply = self.ask("HEAD", &format!("/o/{}", encoded(&path)), &headers, &[])?;
        self.meta(&path, &reply)
    }

    fn get(&self, path: String, wanted: GetRange, when: GetCondition) -> Result<Fetched, Error> {
        let mut headers = conditional(when);
        headers.push(("range", range(wanted)));
        let mut reply = self.ask("GET", &format!("/o/{}", encoded(&path)), &headers, &[])?;
        let meta = self.meta(&path, &reply)?;
        let start = reply.header("x-start").and_then(|s| s.parse().ok()).unwrap_or(0);
        if self.lie == "short" {
            reply.body.pop();
        }
        Ok(Fetched { meta, start, bytes: reply.body })
    }

    fn get_ranges(&self, path: String, ranges: Vec<ByteRange>) -> Result<Vec<Vec<u8>>, Error> {
        let one = |wanted: &ByteRange| {
            let headers = [("range", range(GetRange::Bounded(*wanted)))];
            let mut reply = self.ask("GET", &format!("/o/{}", encoded(&path)), &headers, &[])?;
            if reply.body.len() as u64 != wanted.end - wanted.start {
                return Err(error(ErrorCode::InvalidInput, "the object ends before the range"));
            }
            if self.lie == "short" {
                reply.body.pop();
            }
            Ok(reply.body)
        };
        ranges.iter().map(one).collect()
    }

    fn put(&self, path: String, bytes: Vec<u8>, mode: PutMode) -> Result<ObjectVersion, Error> {
        match self.lie.as_str() {
            "conflict" => return Err(error(ErrorCode::AlreadyExists, "so it says")),
            "loop" => loop {
                std::hint::black_box(());
            },
            // Done, it says.
            "lost" => return Ok(written()),
            "lost-data" if path.ends_with(".parquet") => return Ok(written()),
            _ => {}
        }
        let honest = self.lie != "overwrites";
        let headers: Vec<_> = condition(&mode).into_iter().filter(|_| honest).collect();
        let reply = self.ask("PUT", &format!("/o/{}", encoded(&path)), &headers, &bytes)?;
        assert!(self.lie != "panic", "after it was written");
        Ok(self.version(&reply))
    }

    fn begin_upload(&self, path: String) -> Result<String, Error> {
        let reply = self.ask("POST", &format!("/b/{}", encoded(&path)), &[], &[])?;
        Ok(String::from_utf8_lossy(&reply.body).into_owned())
    }

    fn upload_part(
        &self,
        _: String,
        upload: String,
        number: u32,
        bytes: Vec<u8>,
    ) -> Result<String, Error> {
        self.ask("PUT", &format!("/u/{upload}/{number}"), &[], &bytes)?;
        Ok(number.to_string())
    }

    fn complete_upload(
        &self,
        path: String,
        upload: String,
        parts: Vec<String>,
        mode: PutMode,
    ) -> Result<ObjectVersion, Error> {
        if self.lie == "lost" || self.lie == "lost-data" && path.ends_with(".parquet") {
            return Ok(written());
        }
        let mut headers: Vec<_> = condition(&mode).into_iter().collect();
        headers.push(("x-upload", upload));
        let body = parts.join(",");
        let reply =
            self.ask("POST", &format!("/c/{}", encoded(&path)), &headers, body.as_bytes())?;
        Ok(self.version(&reply))
    }

    fn abort_upload(&self, _: String, upload: String) -> Result<(), Error> {
        self.ask("DELETE", &format!("/u/{upload}"), &[], &[]).map(drop)
    }

    fn delete(&self, paths: Vec<String>) -> Result<Vec<Option<Error>>, Error> {
        let one =
            |path: &String| match self.ask("DELETE", &format!("/o/{}", encoded(path)), &[], &[]) {
                Ok(_) => None,
                Err(error) if error.code == ErrorCode::NotFound => None,
                Err(error) => Some(error),
            };
        Ok(paths.iter().map(one).collect())
    }

    fn copy(&self, source: String, target: String, mode: PutMode) -> Result<(), Error> {
        let mut headers: Vec<_> = condition(&mode).into_iter().collect();
        headers.push(("x-source", encoded(&source)));
        self.ask("POST", &format!("/x/{}", encoded(&target)), &headers, &[]).map(drop)
    }
}

/// The state of an object that was never written.
fn written() -> ObjectVersion {
    ObjectVersion { etag: Some("\"1\"".to_owned()), version: None }
}

fn conditional(condition: GetCondition) -> Vec<(&'static str, String)> {
    match condition {
        GetCondition::Always => vec![],
        GetCondition::IfMatch(etag) => vec![("if-match", etag)],
        GetCondition::IfNoneMatch(etag) => vec![("if-none-match", etag)],
    }
}

export!(Plugin);
