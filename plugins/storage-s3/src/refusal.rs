//! What a server says when it does not do what it was asked to.

use tidelake_sdk::http::Response;
use tidelake_sdk::storage_backend::{GetCondition, PutMode};
use tidelake_sdk::{Error, ErrorKind, clock};

use crate::xml::{self, Element};

/// Clocks that differ by so many seconds are worth a word: S3 takes a quarter of an hour.
const SKEW: i64 = 300;
/// Characters of a server's own words that are shown.
const SHOWN: usize = 300;

/// What was asked, as far as a refusal means different things.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// To read, without a condition.
    Read,
    /// To read what is, or is not, in one state.
    ReadIf,
    /// To write, whatever is there.
    Write,
    /// To write what is not there.
    Create,
    /// To replace one state.
    Replace,
}

impl From<&GetCondition> for Asked {
    fn from(condition: &GetCondition) -> Self {
        match condition {
            GetCondition::Always => Self::Read,
            GetCondition::IfMatch(_) | GetCondition::IfNoneMatch(_) => Self::ReadIf,
        }
    }
}

impl From<&PutMode> for Asked {
    fn from(mode: &PutMode) -> Self {
        match mode {
            PutMode::Overwrite => Self::Write,
            PutMode::IfAbsent => Self::Create,
            PutMode::IfMatch(_) => Self::Replace,
        }
    }
}

/// A refusal, read.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    /// S3's code; none, if it did not say one.
    pub(crate) code: Option<String>,
    message: String,
    request: Option<String>,
    /// Where the bucket is.
    region: Option<String>,
    retry_after: Option<String>,
    /// Seconds that the server's clock is ahead of this machine's.
    ahead: Option<i64>,
    /// An answer to `HEAD` has no code, ever.
    silent: bool,
}

impl Refusal {
    /// Reads an answer that is not 2xx.
    pub(crate) fn of(response: &Response) -> Self {
        let silent = response.body.is_empty();
        let read = xml::read_as(&response.body, "Error").ok();
        Self::new(response, read.as_ref(), silent)
    }

    /// An error inside of an answer, whose own status says that all is well.
    pub(crate) fn within(response: &Response, error: &Element) -> Self {
        Self::new(response, Some(error), false)
    }

    fn new(response: &Response, error: Option<&Element>, silent: bool) -> Self {
        let of = |name| error.and_then(|error| error.get(name));
        let header = |name| response.header(name).map(clean);
        let server = response.header("date").and_then(seconds);
        Self {
            status: response.status,
            code: of("Code").map(clean).filter(|code| !code.is_empty()),
            message: of("Message").map(clean).unwrap_or_default(),
            request: of("RequestId").map(clean).or_else(|| header("x-amz-request-id")),
            region: header("x-amz-bucket-region").or_else(|| of("Region").map(clean)),
            retry_after: header("retry-after"),
            ahead: server.map(|server| server - clock::wall() / 1_000_000),
            silent,
        }
    }

    /// A refusal of one of several things that were asked for at once.
    pub(crate) fn of_one(code: &str, message: &str) -> Self {
        let code = Some(clean(code)).filter(|code| !code.is_empty());
        Self { status: 200, code, message: clean(message), ..Self::default() }
    }

    pub(crate) fn is(&self, code: &str) -> bool {
        self.code.as_deref() == Some(code)
    }

    /// What the caller can do; see the table of the crate's head.
    fn kind(&self, asked: Asked) -> ErrorKind {
        use ErrorKind as K;
        let conditional = match asked {
            Asked::Create => K::AlreadyExists,
            Asked::Replace | Asked::ReadIf => K::Precondition,
            // Nobody asked for a condition.
            Asked::Read | Asked::Write => K::Internal,
        };
        let code = self.code.as_deref().unwrap_or_default();
        match code {
            "PreconditionFailed" => return conditional,
            "NoSuchKey" | "NoSuchVersion" => {
                return match asked {
                    Asked::Replace => K::Precondition,
                    _ => K::NotFound,
                };
            }
            "NoSuchBucket"
            | "PermanentRedirect"
            | "TemporaryRedirect"
            | "Redirect"
            | "AuthorizationHeaderMalformed"
            | "AuthorizationQueryParametersError"
            | "IllegalLocationConstraintException"
            | "InvalidBucketName"
            | "InvalidRegion" => {
                return K::InvalidInput;
            }
            "NoSuchUpload" => return K::NotFound,
            "ConditionalRequestConflict"
            | "OperationAborted"
            | "SlowDown"
            | "InternalError"
            | "ServiceUnavailable"
            | "RequestTimeout"
            | "Throttling"
            | "ThrottlingException"
            | "TooManyRequests"
            | "RequestLimitExceeded"
            | "BadDigest"
            | "IncompleteBody" => {
                return K::Transient;
            }
            "AccessDenied"
            | "AllAccessDisabled"
            | "AccountProblem"
            | "ExpiredToken"
            | "InvalidAccessKeyId"
            | "InvalidSecurity"
            | "InvalidToken"
            | "MissingSecurityHeader"
            | "NotSignedUp"
            | "RequestExpired"
            | "RequestTimeTooSkewed"
            | "SignatureDoesNotMatch"
            | "TokenRefreshRequired"
            | "UnauthorizedAccess" => return K::Denied,
            "NotImplemented" => return K::Unsupported,
            _ => {}
        }
        match self.status {
            412 => conditional,
            304 if asked == Asked::ReadIf => K::Precondition,
            404 if self.silent && asked == Asked::Replace => K::Precondition,
            404 if self.silent => K::NotFound,
            401 | 403 => K::Denied,
            501 => K::Unsupported,
            408 | 409 | 429 | 500.. => K::Transient,
            301 | 302 | 307 | 308 | 400..=499 => K::InvalidInput,
            _ => K::Internal,
        }
    }

    /// The error, in words that say what to do.
    pub(crate) fn error(&self, asked: Asked) -> Error {
        let kind = self.kind(asked);
        let mut text = match (&self.code, self.status) {
            (Some(code), 200) => format!("the server answered {code}"),
            (Some(code), status) => format!("the server answered {status} {code}"),
            (None, status) => format!("the server answered {status}"),
        };
        if !self.message.is_empty() {
            text.push_str(&format!(" ({})", self.message.trim_end_matches('.')));
        }
        if let Some(request) = &self.request {
            text.push_str(&format!(", request {request}"));
        }
        if let Some(pause) = &self.retry_after {
            text.push_str(&format!(", to be tried again after {pause} s"));
        }
        if let Some(advice) = self.advice(kind) {
            text.push_str("; ");
            text.push_str(&advice);
        }
        Error::new(kind, text)
    }

    fn advice(&self, kind: ErrorKind) -> Option<String> {
        let code = self.code.as_deref().unwrap_or_default();
        let refused = matches!(kind, ErrorKind::Denied | ErrorKind::InvalidInput);
        if let Some(ahead) = self.ahead.filter(|ahead| refused && ahead.abs() > SKEW) {
            let way = if ahead > 0 { "behind" } else { "ahead of" };
            return Some(format!(
                "this machine's clock is {} s {way} the server's, and signatures are of their \
                 time: set the clock",
                ahead.abs()
            ));
        }
        if kind == ErrorKind::InvalidInput
            && let Some(region) = &self.region
        {
            return Some(format!("the bucket is in the region `{region}`: set `region` to it"));
        }
        let text = match code {
            "NoSuchBucket" => "create the bucket, or mend the lake's URL",
            "ConditionalRequestConflict" | "OperationAborted" => {
                "somebody else writes the same object at this moment"
            }
            "InvalidAccessKeyId" => "the access key is not one of this server's",
            "SignatureDoesNotMatch" => {
                "the secret key is not the access key's, or a proxy changes requests on their way"
            }
            "ExpiredToken" | "InvalidToken" | "TokenRefreshRequired" => {
                "get new temporary keys; they are read anew with every request, if they come from \
                 files"
            }
            "RequestTimeTooSkewed" | "RequestExpired" => "set this machine's clock",
            "AccessDenied" => {
                "the key needs s3:GetObject, s3:PutObject, s3:DeleteObject, s3:AbortMultipartUpload \
                 and s3:ListBucket there"
            }
            "NotImplemented" => {
                "the server does not know what was asked, a condition most likely: no lake can be \
                 kept on it"
            }
            "InvalidObjectState" => "the object is archived: restore it first",
            "" if self.status == 403 => {
                "wrong keys, a wrong clock or a missing permission; requests other than HEAD say which"
            }
            "" if kind == ErrorKind::InvalidInput => {
                "that is no answer of S3: does `endpoint` name its server?"
            }
            _ => return None,
        };
        Some(text.to_owned())
    }
}

/// Words of a server as they may be shown.
fn clean(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(SHOWN).collect()
}

/// Seconds since 1970 of a date as HTTP writes it.
fn seconds(date: &str) -> Option<i64> {
    jiff::fmt::rfc2822::parse(date).ok().map(|date| date.timestamp().as_second())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, code: &str) -> Response {
        let body = match code {
            "" => String::new(),
            code => format!("<Error><Code>{code}</Code><Message>m</Message></Error>"),
        };
        Response::new(status).with_body(body)
    }

    fn kinds(status: u16, code: &str) -> [ErrorKind; 5] {
        use Asked as A;
        [A::Read, A::ReadIf, A::Write, A::Create, A::Replace]
            .map(|asked| Refusal::of(&answer(status, code)).error(asked).kind())
    }

    #[test]
    fn a_refusal_means_what_was_asked() {
        use ErrorKind as K;
        let conditional =
            [K::Internal, K::Precondition, K::Internal, K::AlreadyExists, K::Precondition];
        assert_eq!(kinds(412, "PreconditionFailed"), conditional);
        assert_eq!(kinds(412, ""), conditional);
        assert_eq!(kinds(304, "")[1], K::Precondition);
        assert_eq!(kinds(304, "")[2], K::Internal);
        let missing = [K::NotFound, K::NotFound, K::NotFound, K::NotFound, K::Precondition];
        assert_eq!(kinds(404, "NoSuchKey"), missing);
        for (status, code, kind) in [
            (404, "NoSuchBucket", K::InvalidInput),
            (409, "ConditionalRequestConflict", K::Transient),
            (409, "OperationAborted", K::Transient),
            (409, "", K::Transient),
            (409, "BucketNotEmpty", K::Transient),
            (403, "AccessDenied", K::Denied),
            (403, "", K::Denied),
            (400, "ExpiredToken", K::Denied),
            (403, "RequestTimeTooSkewed", K::Denied),
            (301, "PermanentRedirect", K::InvalidInput),
            (503, "SlowDown", K::Transient),
            (500, "", K::Transient),
            (429, "", K::Transient),
            (400, "RequestTimeout", K::Transient),
            (501, "NotImplemented", K::Unsupported),
            (400, "EntityTooLarge", K::InvalidInput),
            (200, "InternalError", K::Transient),
            (200, "Whatever", K::Internal),
        ] {
            assert_eq!(kinds(status, code), [kind; 5], "{status} {code}");
        }
        // Another kind of server knows nothing of the object.
        let page = Response::new(404).with_body("<html>Not found</html>");
        let error = Refusal::of(&page).error(Asked::Read);
        assert_eq!(error.kind(), K::InvalidInput);
        assert!(error.message().contains("`endpoint`"), "{error}");
    }

    #[test]
    fn a_refusal_says_what_to_do() {
        let shown =
            |response: Response| Refusal::of(&response).error(Asked::Write).message().to_owned();
        let busy = answer(503, "SlowDown").with_header("Retry-After", "7");
        let busy = shown(busy.with_header("x-amz-request-id", "R1"));
        assert_eq!(
            busy,
            "the server answered 503 SlowDown (m), request R1, to be tried again after 7 s"
        );
        let moved =
            answer(301, "PermanentRedirect").with_header("x-amz-bucket-region", "eu-west-3");
        assert!(shown(moved).contains("region `eu-west-3`"));
        // The test's clock says 2026-01-01.
        let late = answer(403, "AccessDenied").with_header("date", "Thu, 01 Jan 2026 00:20:00 GMT");
        assert!(shown(late).contains("1200 s behind"));
        let right =
            answer(403, "AccessDenied").with_header("date", "Thu, 01 Jan 2026 00:00:09 GMT");
        assert!(shown(right).contains("s3:PutObject"));
        let long = Response::new(400).with_body(format!(
            "<Error><Code>A\nB</Code><Message>{}</Message></Error>",
            "x".repeat(9999)
        ));
        let long = shown(long);
        assert!(long.contains("400 AB (") && long.len() < 500, "{long}");
    }
}
