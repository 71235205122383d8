//! What the operator configures. Keys are never options: options name the secrets that
//! hold them.

use schemars::JsonSchema;
use serde::Deserialize;
use tidelake_sdk::{Error, Result};

/// Options of the plugin.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct S3Options {
    /// The region that requests are signed for (`us-east-1`, unless set). Where a server
    /// has none, any will do; for R2 it is `auto`.
    pub region: Option<String>,
    /// Where the server is: `https://host`, a port and a path after it if it has such.
    /// AWS's for the region, unless set.
    pub endpoint: Option<String>,
    /// Where the bucket's name stands in URLs.
    pub addressing: Addressing,
    /// Which secrets are the keys.
    pub secrets: SecretNames,
    /// Sends requests without keys: enough to read what is public.
    pub anonymous: bool,
    /// The storage class of what is written; the bucket's own, unless set. Classes that
    /// must be restored before they can be read are not offered.
    pub storage_class: Option<StorageClass>,
    /// How the server encrypts what is written; as the bucket says, unless set.
    pub encryption: Option<Encryption>,
    /// The key of `aws:kms`: its id or its ARN.
    pub kms_key: Option<String>,
    /// Requests are refused unless the bucket is this account's.
    pub bucket_owner: Option<String>,
    /// Pays for the requests, where the bucket's owner does not.
    pub requester_pays: bool,
}

/// Where the bucket's name stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Addressing {
    /// `virtual` on AWS, unless the bucket's name has a `.`; `path` at an `endpoint`.
    #[default]
    Auto,
    /// In the path: `https://host/bucket/key`.
    Path,
    /// In the host's name: `https://bucket.host/key`.
    Virtual,
}

/// Names under `[plugin.s3.secrets]`, not the secrets themselves.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SecretNames {
    /// The secret with the id of the access key.
    pub access_key: String,
    /// The secret with the secret access key.
    pub secret_key: String,
    /// The secret with the session token of temporary keys. It need not be given.
    pub session_token: String,
}

impl Default for SecretNames {
    fn default() -> Self {
        Self {
            access_key: "access_key".to_owned(),
            secret_key: "secret_key".to_owned(),
            session_token: "session_token".to_owned(),
        }
    }
}

impl SecretNames {
    /// Refuses what cannot be a name: most likely the secret itself, which is not shown.
    pub(crate) fn check(&self) -> Result<()> {
        for (option, name) in [
            ("secrets.access_key", &self.access_key),
            ("secrets.secret_key", &self.secret_key),
            ("secrets.session_token", &self.session_token),
        ] {
            let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-".contains(&b);
            if name.is_empty() || name.len() > 64 || !name.bytes().all(plain) {
                return Err(Error::option(
                    option,
                    "that is no name of a secret (lower case letters, digits, `_` and `-`); the \
                     secret itself does not belong here, but where [plugin.s3.secrets] says",
                ));
            }
        }
        Ok(())
    }
}

/// A storage class whose objects can be read at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[allow(missing_docs)] // S3's names
pub enum StorageClass {
    Standard,
    StandardIa,
    OnezoneIa,
    IntelligentTiering,
    GlacierIr,
    ReducedRedundancy,
}

impl StorageClass {
    pub(crate) fn header(self) -> &'static str {
        match self {
            Self::Standard => "STANDARD",
            Self::StandardIa => "STANDARD_IA",
            Self::OnezoneIa => "ONEZONE_IA",
            Self::IntelligentTiering => "INTELLIGENT_TIERING",
            Self::GlacierIr => "GLACIER_IR",
            Self::ReducedRedundancy => "REDUCED_REDUNDANCY",
        }
    }
}

/// How the server encrypts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum Encryption {
    /// With keys of the server's own.
    #[serde(rename = "AES256")]
    Aes256,
    /// With a key of the key management service.
    #[serde(rename = "aws:kms")]
    Kms,
}

impl Encryption {
    pub(crate) fn header(self) -> &'static str {
        match self {
            Self::Aes256 => "AES256",
            Self::Kms => "aws:kms",
        }
    }
}
