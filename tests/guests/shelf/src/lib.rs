//! A storage backend on the SDK, over the plain server of the scenarios
//! (`support/objects.rs`): what an author would write, requests and all.

use serde::Deserialize;
use tidelake_sdk::http::{self, Method, Request, Response};
use tidelake_sdk::storage_backend::{
    Fetched, GetCondition, GetRange, ListRequest, Meta, ObjectVersion, Page, PutMode,
    StorageBackend,
};
use tidelake_sdk::{Error, ErrorKind, Result, clock, secrets};

/// Options of the plugin.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Options {
    /// Address of the server.
    server: String,
    /// Name of the secret that goes with every request.
    secret: Option<String>,
}

struct Shelf {
    server: String,
    secret: Option<String>,
}

/// What the server's refusals mean.
fn refused(response: &Response) -> Error {
    let kind = match response.status {
        404 => ErrorKind::NotFound,
        409 => ErrorKind::AlreadyExists,
        412 | 304 => ErrorKind::Precondition,
        416 => ErrorKind::InvalidInput,
        403 => ErrorKind::Denied,
        503 => ErrorKind::Transient,
        _ => ErrorKind::Internal,
    };
    Error::new(kind, format!("the server answered with status {}", response.status))
}

fn encoded(path: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"/-._~".contains(&b);
    let byte = |b: u8| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") };
    path.bytes().map(byte).collect()
}

impl Shelf {
    fn request(&self, method: Method, path: &str) -> Request {
        Request::new(method, format!("http://{}{path}", self.server))
    }

    fn object(&self, method: Method, path: &str) -> Request {
        self.request(method, &format!("/o/{}", encoded(path)))
    }

    fn ask(&self, mut request: Request) -> Result<Response> {
        if let Some(name) = &self.secret {
            request = request
                .header("x-secret", secrets::get(name)?)
                .header("x-time", clock::wall().to_string());
        }
        let response = http::send(&request)?;
        if response.is_success() { Ok(response) } else { Err(refused(&response)) }
    }
}

fn reading(request: Request, condition: &GetCondition) -> Request {
    match condition {
        GetCondition::Always => request,
        GetCondition::IfMatch(etag) => request.header("if-match", etag),
        GetCondition::IfNoneMatch(etag) => request.header("if-none-match", etag),
    }
}

fn writing(request: Request, mode: &PutMode) -> Request {
    match mode {
        PutMode::Overwrite => request,
        PutMode::IfAbsent => request.header("if-none-match", "*"),
        PutMode::IfMatch(version) => {
            request.header("if-match", version.etag.as_deref().unwrap_or("none"))
        }
    }
}

fn meta(path: &str, response: &Response) -> Result<Meta> {
    let number = |name: &str| {
        let value = response.header(name).and_then(|value| value.parse::<i64>().ok());
        value.ok_or_else(|| Error::internal(format!("the answer has no {name}")))
    };
    Ok(Meta {
        path: path.to_owned(),
        size: number("x-size")? as u64,
        modified: number("x-modified")?,
        etag: response.header("etag").map(str::to_owned),
        version: None,
    })
}

fn version(response: &Response) -> ObjectVersion {
    ObjectVersion { etag: response.header("etag").map(str::to_owned), version: None }
}

fn text(response: &Response) -> String {
    String::from_utf8_lossy(&response.body).into_owned()
}

impl StorageBackend for Shelf {
    const NAME: &'static str = "shelf";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const DESCRIPTION: &'static str = "Objects on the server of the scenarios, by the SDK.";
    type Options = Options;

    fn open(url: &str, options: Options) -> Result<Self> {
        match url.starts_with("shelf://") {
            true => Ok(Self { server: options.server, secret: options.secret }),
            false => Err(Error::invalid_input(format!("{url} is not shelf://..."))),
        }
    }

    fn list(&self, request: &ListRequest) -> Result<Page> {
        let query = format!(
            "/list?prefix={}&after={}&delimited={}&token={}",
            encoded(&request.prefix),
            encoded(request.start_after.as_deref().unwrap_or_default()),
            u8::from(request.delimited),
            encoded(request.token.as_deref().unwrap_or_default()),
        );
        let response = self.ask(self.request(Method::Get, &query))?;
        let mut page = Page::default();
        for line in text(&response).lines() {
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
                _ => return Err(Error::internal("a line that means nothing")),
            }
        }
        Ok(page)
    }

    fn head(&self, path: &str, condition: &GetCondition) -> Result<Meta> {
        let response = self.ask(reading(self.object(Method::Head, path), condition))?;
        meta(path, &response)
    }

    fn get(&self, path: &str, range: &GetRange, condition: &GetCondition) -> Result<Fetched> {
        let range = match range {
            GetRange::Bounded(range) => format!("bytes={}-{}", range.start, range.end - 1),
            GetRange::Offset(start) => format!("bytes={start}-"),
            GetRange::Suffix(length) => format!("bytes=-{length}"),
        };
        let request = self.object(Method::Get, path).header("range", range);
        let response = self.ask(reading(request, condition))?;
        let meta = meta(path, &response)?;
        let start = response.header("x-start").and_then(|s| s.parse().ok()).unwrap_or(0);
        Ok(Fetched { meta, start, bytes: response.body })
    }

    fn put(&self, path: &str, bytes: Vec<u8>, mode: &PutMode) -> Result<ObjectVersion> {
        let request = self.object(Method::Put, path).body(bytes);
        Ok(version(&self.ask(writing(request, mode))?))
    }

    fn begin_upload(&self, path: &str) -> Result<String> {
        Ok(text(&self.ask(self.request(Method::Post, &format!("/b/{}", encoded(path))))?))
    }

    fn upload_part(&self, _: &str, upload: &str, number: u32, bytes: Vec<u8>) -> Result<String> {
        self.ask(self.request(Method::Put, &format!("/u/{upload}/{number}")).body(bytes))?;
        Ok(number.to_string())
    }

    fn complete_upload(
        &self,
        path: &str,
        upload: &str,
        parts: &[String],
        mode: &PutMode,
    ) -> Result<ObjectVersion> {
        let request = self.request(Method::Post, &format!("/c/{}", encoded(path)));
        let request = request.header("x-upload", upload).body(parts.join(","));
        Ok(version(&self.ask(writing(request, mode))?))
    }

    fn abort_upload(&self, _: &str, upload: &str) -> Result<()> {
        self.ask(self.request(Method::Delete, &format!("/u/{upload}"))).map(drop)
    }

    fn delete(&self, paths: &[String]) -> Result<Vec<Result<()>>> {
        let one = |path: &String| match self.ask(self.object(Method::Delete, path)) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            answer => answer.map(drop),
        };
        Ok(paths.iter().map(one).collect())
    }

    fn copy(&self, source: &str, target: &str, mode: &PutMode) -> Result<()> {
        let request = self.request(Method::Post, &format!("/x/{}", encoded(target)));
        self.ask(writing(request.header("x-source", encoded(source)), mode)).map(drop)
    }
}

tidelake_sdk::export_storage_backend!(Shelf);
