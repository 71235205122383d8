//! One request: put together, signed, sent.

use jiff::Timestamp;
use rusty_s3::signing;
use tidelake_sdk::http::{self, Method, Request, Response};
use tidelake_sdk::storage_backend::{GetCondition, PutMode};
use tidelake_sdk::{Error, ErrorKind, Result, clock, secrets};
use url::Url;

use crate::place::Place;

/// How long a signed request is good for, in seconds: as far as clocks may differ.
const GOOD_FOR: u64 = 900;
/// Bytes of an answer that is not an object: listings of 1,000 long keys fit in.
const ANSWER: usize = 8 << 20;

/// A request on its way.
pub(crate) struct Call<'a> {
    place: &'a Place,
    method: Method,
    url: Url,
    query: Vec<(&'static str, String)>,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    limit: usize,
}

impl<'a> Call<'a> {
    /// About the object at a path.
    pub(crate) fn object(place: &'a Place, method: Method, path: &str) -> Result<Self> {
        Ok(Self::new(place, method, place.url(Some(&place.key(path)?))))
    }

    /// About the bucket.
    pub(crate) fn bucket(place: &'a Place, method: Method) -> Self {
        Self::new(place, method, place.url(None))
    }

    fn new(place: &'a Place, method: Method, url: Url) -> Self {
        let (query, headers, body) = Default::default();
        Self { place, method, url, query, headers, body, limit: ANSWER }
    }

    pub(crate) fn query(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// With a body, and its MD5, by which the server sees what the way did to it.
    pub(crate) fn body(self, body: Vec<u8>) -> Self {
        use base64::Engine;
        use md5::Digest;
        let digest = md5::Md5::digest(&body);
        let digest = base64::engine::general_purpose::STANDARD.encode(digest);
        Self { body, ..self.header("content-md5", digest) }
    }

    /// The answer may have so many bytes, as long as there is room for an error in it.
    pub(crate) fn limit(mut self, bytes: u64) -> Self {
        self.limit = usize::try_from(bytes).unwrap_or(usize::MAX).max(1 << 20);
        self
    }

    /// Under a condition on the object that is read.
    pub(crate) fn reading(self, condition: &GetCondition) -> Self {
        match condition {
            GetCondition::Always => self,
            GetCondition::IfMatch(etag) => self.header("if-match", etag),
            GetCondition::IfNoneMatch(etag) => self.header("if-none-match", etag),
        }
    }

    /// Under a condition on the object that is replaced.
    pub(crate) fn writing(self, mode: &PutMode) -> Result<Self> {
        match mode {
            PutMode::Overwrite => Ok(self),
            PutMode::IfAbsent => Ok(self.header("if-none-match", "*")),
            PutMode::IfMatch(version) => match &version.etag {
                Some(etag) => Ok(self.header("if-match", etag)),
                None => Err(Error::invalid_input(
                    "only a state with an etag can be replaced, and this one has none",
                )),
            },
        }
    }

    /// With what the operator wants of new objects.
    pub(crate) fn creating(mut self) -> Self {
        let options = &self.place.options;
        let class = options.storage_class.map(|class| class.header().to_owned());
        let encryption = options.encryption.map(|encryption| encryption.header().to_owned());
        for (name, value) in [
            ("x-amz-storage-class", class),
            ("x-amz-server-side-encryption", encryption),
            ("x-amz-server-side-encryption-aws-kms-key-id", options.kms_key.clone()),
        ] {
            self.headers.extend(value.map(|value| (name, value)));
        }
        self
    }

    /// Signs and sends. What is not 2xx is an answer, too.
    pub(crate) fn send(mut self) -> Result<Response> {
        let options = &self.place.options;
        if let Some(owner) = &options.bucket_owner {
            self.headers.push(("x-amz-expected-bucket-owner", owner.clone()));
        }
        if options.requester_pays {
            self.headers.push(("x-amz-request-payer", "requester".to_owned()));
        }
        self.query.sort();
        self.headers.sort();
        let url = if options.anonymous { self.unsigned() } else { self.signed()? };
        let mut request = Request::new(self.method, url).body(self.body).limit(self.limit);
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        http::send(&request)
    }

    fn unsigned(&self) -> Url {
        let mut url = self.url.clone();
        if !self.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&self.query);
        }
        url
    }

    /// All headers are signed: none of them may get lost on the way, conditions least of
    /// all. The secrets are asked for anew: they may have been replaced.
    fn signed(&self) -> Result<Url> {
        let names = &self.place.options.secrets;
        let key = secret_of(&names.access_key)?;
        let secret = secret_of(&names.secret_key)?;
        let token = secrets::get_optional(&names.session_token)?;
        let date = Timestamp::from_microsecond(clock::wall())
            .map_err(|error| Error::internal(format!("the time of this machine: {error}")))?;
        let method = match self.method {
            Method::Get => rusty_s3::Method::Get,
            Method::Head => rusty_s3::Method::Head,
            Method::Put => rusty_s3::Method::Put,
            Method::Post => rusty_s3::Method::Post,
            Method::Delete => rusty_s3::Method::Delete,
        };
        Ok(signing::sign(
            &date,
            method,
            self.url.clone(),
            key.trim(),
            secret.trim(),
            token.as_deref().map(str::trim),
            self.place.bucket.region(),
            GOOD_FOR,
            self.query.iter().map(|(name, value)| (*name, value.as_str())),
            self.headers.iter().map(|(name, value)| (*name, value.as_str())),
        ))
    }
}

/// A secret that there must be. One that is missing must not look like an object that is.
fn secret_of(name: &str) -> Result<String> {
    secrets::get(name).map_err(|error| match error.kind() {
        ErrorKind::NotFound => Error::denied(format!(
            "{}; what is public can be read without, by `anonymous = true`",
            error.message()
        )),
        _ => error,
    })
}
