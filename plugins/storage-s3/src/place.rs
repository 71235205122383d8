//! Where objects are: a URL and options become a bucket, paths become keys and back.

use rusty_s3::{Bucket, UrlStyle};
use tidelake_sdk::{Error, Result};
use url::Url;

use crate::options::{Addressing, Encryption, S3Options};

/// The longest key that S3 takes, in bytes.
const LONGEST: usize = 1024;

/// A bucket, a prefix in it, and how it is spoken to.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) bucket: Bucket,
    /// Empty, or segments with a `/` after each.
    root: String,
    pub(crate) options: S3Options,
}

impl Place {
    pub(crate) fn new(url: &str, options: S3Options) -> Result<Self> {
        let (name, root) = parts(url)?;
        options.secrets.check()?;
        if options.kms_key.is_some() && options.encryption != Some(Encryption::Kms) {
            return Err(Error::option("kms_key", "only `encryption = \"aws:kms\"` has a key"));
        }
        for (option, value) in [
            ("region", &options.region),
            ("kms_key", &options.kms_key),
            ("bucket_owner", &options.bucket_owner),
        ] {
            let sound = |text: &String| {
                !text.is_empty() && text.len() <= 2048 && text.bytes().all(|b| b.is_ascii_graphic())
            };
            if value.as_ref().is_some_and(|text| !sound(text)) {
                return Err(Error::option(
                    option,
                    "it is empty, or has other than plain characters",
                ));
            }
        }
        let region = options.region.clone().unwrap_or_else(|| "us-east-1".to_owned());
        let (endpoint, aws) = match &options.endpoint {
            Some(endpoint) => (endpoint_of(endpoint)?, false),
            None => (own_endpoint(&region)?, true),
        };
        let style = match options.addressing {
            Addressing::Path => UrlStyle::Path,
            Addressing::Virtual => UrlStyle::VirtualHost,
            Addressing::Auto if aws && !name.contains('.') => UrlStyle::VirtualHost,
            Addressing::Auto => UrlStyle::Path,
        };
        let bucket = Bucket::new(endpoint, style, name.to_owned(), region).map_err(|error| {
            Error::invalid_input(format!(
                "the bucket `{name}` has no URL at this endpoint: {error}; with `addressing = \
                 \"path\"` its name need not be part of a host's"
            ))
        })?;
        Ok(Self { bucket, root, options })
    }

    /// The key of a path.
    pub(crate) fn key(&self, path: &str) -> Result<String> {
        if !natural(path) {
            return Err(Error::invalid_input(format!(
                "{path:?} cannot be the path of an object: segments are not empty, not `.` and \
                 not `..`, and have no control characters"
            )));
        }
        let key = format!("{}{path}", self.root);
        if key.len() > LONGEST {
            let what = format!("{path}: a key of {} bytes, S3 takes {LONGEST}", key.len());
            return Err(Error::invalid_input(what));
        }
        Ok(key)
    }

    /// The path of a key; none, if no path has it.
    pub(crate) fn path<'a>(&self, key: &'a str) -> Option<&'a str> {
        key.strip_prefix(&self.root).filter(|path| natural(path))
    }

    /// What keys below a prefix begin with.
    pub(crate) fn below(&self, prefix: &str) -> Result<String> {
        if prefix.is_empty() { Ok(self.root.clone()) } else { Ok(self.key(prefix)? + "/") }
    }

    /// The URL of a key, or of the bucket.
    pub(crate) fn url(&self, key: Option<&str>) -> Url {
        match key {
            Some(key) => self.bucket.object_url(key),
            None => self.bucket.base_url().clone(),
        }
    }
}

/// Whether a path is one that a URL can hold as it is.
fn natural(path: &str) -> bool {
    let segment = |s: &str| !s.is_empty() && s != "." && s != "..";
    path.split('/').all(segment) && !path.chars().any(char::is_control)
}

/// Bucket and root of `s3://bucket/prefix`. Nothing of it is decoded: keys are as they
/// are written.
fn parts(url: &str) -> Result<(&str, String)> {
    let wrong = |why: &str| Error::invalid_input(format!("{url} is not s3://bucket/prefix: {why}"));
    let scheme = |scheme| url.strip_prefix(scheme);
    let rest = scheme("s3://").or_else(|| scheme("s3a://"));
    let rest = rest.ok_or_else(|| wrong("it does not begin with s3://"))?;
    let (name, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    if name.len() < 3 || name.len() > 255 || !name.bytes().all(plain) {
        return Err(wrong(
            "names of buckets have 3 characters or more, letters, digits, `-` and `.`",
        ));
    }
    let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
    match prefix {
        "" => Ok((name, String::new())),
        prefix if natural(prefix) => Ok((name, format!("{prefix}/"))),
        _ => Err(wrong("the prefix has a segment that is empty, `.` or `..`")),
    }
}

fn endpoint_of(text: &str) -> Result<Url> {
    let wrong = |why: &str| Error::option("endpoint", format!("{text:?}: {why}"));
    if !text.starts_with("https://") && !text.starts_with("http://") {
        return Err(wrong("write https:// or http:// before it"));
    }
    let url: Url = text.parse().map_err(|error: url::ParseError| wrong(&error.to_string()))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Error::option("endpoint", "keys do not belong there"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("`?` and `#` do not belong there"));
    }
    Ok(url)
}

/// AWS's endpoint of a region.
fn own_endpoint(region: &str) -> Result<Url> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    if !region.bytes().all(plain) {
        return Err(Error::option("region", format!("{region:?} is no region of AWS")));
    }
    let china = if region.starts_with("cn-") { ".cn" } else { "" };
    let url = format!("https://s3.{region}.amazonaws.com{china}");
    url.parse().map_err(|_| Error::option("region", format!("{region:?} is no region of AWS")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidelake_sdk::ErrorKind;

    fn place(url: &str, options: S3Options) -> Result<Place> {
        Place::new(url, options)
    }

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn a_url_and_options_are_an_address() {
        let at = |url: &str, options| {
            let place = place(url, options).unwrap();
            place.url(Some(&place.key("a b/c+d=ü%.json").unwrap())).to_string()
        };
        let key = "a%20b/c%2Bd%3D%C3%BC%25.json";
        let aws = S3Options { region: some("eu-central-1"), ..S3Options::default() };
        let host = "s3.eu-central-1.amazonaws.com";
        assert_eq!(at("s3://lake", aws.clone()), format!("https://lake.{host}/{key}"));
        assert_eq!(at("s3://la.ke/p/q/", aws.clone()), format!("https://{host}/la.ke/p/q/{key}"));
        let path = S3Options { addressing: Addressing::Path, ..aws };
        assert_eq!(at("s3a://lake/", path), format!("https://{host}/lake/{key}"));
        let minio = |endpoint: &str| S3Options { endpoint: some(endpoint), ..S3Options::default() };
        let local = minio("http://127.0.0.1:9000");
        assert_eq!(at("s3://lake/x", local), format!("http://127.0.0.1:9000/lake/x/{key}"));
        let deeper = minio("https://store.example/s3/");
        assert_eq!(at("s3://lake", deeper.clone()), format!("https://store.example/s3/lake/{key}"));
        let named = S3Options { addressing: Addressing::Virtual, ..deeper };
        assert_eq!(at("s3://lake", named), format!("https://lake.store.example/s3/{key}"));
        let china = S3Options { region: some("cn-north-1"), ..S3Options::default() };
        assert!(at("s3://lake", china).starts_with("https://lake.s3.cn-north-1.amazonaws.com.cn/"));
        assert!(at("s3://lake", S3Options::default()).contains(".us-east-1."));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let wrong = |url: &str, options: S3Options, part: &str| {
            let error = place(url, options).expect_err(part);
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            assert!(error.message().contains(part), "{error}");
        };
        for (url, part) in [
            ("gs://lake", "s3://"),
            ("s3://", "names of buckets"),
            ("s3://a", "names of buckets"),
            ("s3://key:word@lake", "names of buckets"),
            ("s3://lake//x", "segment"),
            ("s3://lake/../x", "segment"),
        ] {
            wrong(url, S3Options::default(), part);
        }
        for (endpoint, part) in [
            ("minio:9000", "https://"),
            ("https://", "endpoint"),
            ("https://user:word@minio", "keys do not belong"),
            ("https://minio/?a=b", "`?`"),
        ] {
            wrong(
                "s3://lake",
                S3Options { endpoint: some(endpoint), ..S3Options::default() },
                part,
            );
        }
        let secrets = crate::options::SecretNames {
            secret_key: "wJalrXUtnFEMI/K7MDENG".to_owned(),
            ..Default::default()
        };
        let told = S3Options { secrets, ..S3Options::default() };
        let error = place("s3://lake", told).unwrap_err();
        assert!(!error.message().contains("wJalr"), "{error}");
        let odd = S3Options { region: some("eu/x"), ..S3Options::default() };
        wrong("s3://lake", odd, "region");
        let key = S3Options { kms_key: some("k"), ..S3Options::default() };
        wrong("s3://lake", key, "aws:kms");
        let shout = S3Options { addressing: Addressing::Virtual, ..S3Options::default() };
        wrong("s3://LAKE", shout, "addressing");
    }

    #[test]
    fn keys_are_paths_below_the_root() {
        let place = place("s3://lake/p", S3Options::default()).unwrap();
        assert_eq!(place.key("a/b").unwrap(), "p/a/b");
        assert_eq!((place.path("p/a/b"), place.path("q/a")), (Some("a/b"), None));
        assert_eq!(place.below("").unwrap(), "p/");
        assert_eq!(place.below("a").unwrap(), "p/a/");
        for odd in ["", "/a", "a/", "a//b", "../x", "a/./b", "a\nb", &"x".repeat(1023)] {
            assert_eq!(place.key(odd).unwrap_err().kind(), ErrorKind::InvalidInput, "{odd:?}");
        }
        for odd in ["p/", "p//a", "p/a/", "p/a/../b", "p/\u{1}"] {
            assert_eq!(place.path(odd), None, "{odd:?}");
        }
    }
}
