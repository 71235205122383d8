//! The operations over a transport that plays the server: which requests are made, and
//! what comes of the answers.

use std::cell::RefCell;
use std::rc::Rc;

use proptest::prelude::*;
use serde_json::{Value, json};
use tidelake_sdk::http::{Request, Response};
use tidelake_sdk::storage_backend::{
    GetCondition, GetRange, ListRequest, ObjectVersion, PutMode, StorageBackend,
};
use tidelake_sdk::testing::{Installed, Outside};
use tidelake_sdk::{Error, ErrorKind, Result};

use crate::S3;

const DATE: &str = "Thu, 01 Jan 2026 00:00:00 GMT";

/// A server that gives one answer after the other, and keeps the requests.
struct Server {
    requests: Rc<RefCell<Vec<Request>>>,
    _outside: Installed,
}

fn server(answers: Vec<Result<Response>>) -> Server {
    let requests = Rc::<RefCell<Vec<Request>>>::default();
    let (kept, answers) = (Rc::clone(&requests), RefCell::new(answers.into_iter()));
    let outside = Outside::new()
        .secret("access_key", "AKIAIOSFODNN7EXAMPLE")
        .secret("secret_key", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\n")
        .http(move |request| {
            kept.borrow_mut().push(request.clone());
            answers.borrow_mut().next().unwrap_or_else(|| panic!("not expected: {request:?}"))
        });
    Server { requests, _outside: outside.install() }
}

impl Server {
    /// Method, URL without its signature, and headers of the requests.
    fn asked(&self) -> Vec<String> {
        let requests = self.requests.borrow();
        let line = |request: &Request| {
            let (base, query) = request.url.split_once('?').unwrap_or((&request.url, ""));
            let own = query.split('&').filter(|pair| !pair.starts_with("X-Amz-"));
            let query = own.collect::<Vec<_>>().join("&");
            let headers = request.headers.iter().filter(|(name, _)| name != "content-md5");
            let headers: Vec<_> = headers.map(|(n, v)| format!("{n}={v}")).collect();
            format!("{} {base}?{query} {}", request.method, headers.join(" "))
        };
        requests.iter().map(|r| line(r).trim_end().to_owned()).collect()
    }

    fn body(&self, number: usize) -> String {
        String::from_utf8(self.requests.borrow()[number].body.clone()).unwrap()
    }
}

fn opened(options: Value) -> S3 {
    S3::open("s3://lake/root", serde_json::from_value(options).unwrap()).unwrap()
}

fn s3() -> S3 {
    opened(json!({ "endpoint": "https://s" }))
}

fn answer(status: u16) -> Result<Response> {
    Ok(Response::new(status))
}

fn with(status: u16, headers: &[(&str, &str)], body: &str) -> Result<Response> {
    let response = Response::new(status).with_body(body);
    Ok(headers.iter().fold(response, |response, (name, value)| response.with_header(name, *value)))
}

fn refused(status: u16, code: &str) -> Result<Response> {
    with(status, &[], &format!("<Error><Code>{code}</Code></Error>"))
}

fn kind<T: std::fmt::Debug>(result: Result<T>) -> ErrorKind {
    result.unwrap_err().kind()
}

fn version(etag: &str) -> ObjectVersion {
    ObjectVersion { etag: Some(etag.to_owned()), version: None }
}

#[test]
fn requests_are_signed_with_all_their_headers() {
    let server = server(vec![with(200, &[("etag", "\"e\"")], "")]);
    let store = opened(json!({
        "region": "eu-central-1", "storage_class": "STANDARD_IA", "encryption": "aws:kms",
        "kms_key": "k", "bucket_owner": "1", "requester_pays": true,
    }));
    assert_eq!(store.put("a b+c", vec![1], &PutMode::IfAbsent).unwrap(), version("\"e\""));
    let request = server.requests.borrow()[0].clone();
    let headers: Vec<&str> = request.headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        headers,
        [
            "content-md5",
            "if-none-match",
            "x-amz-expected-bucket-owner",
            "x-amz-request-payer",
            "x-amz-server-side-encryption",
            "x-amz-server-side-encryption-aws-kms-key-id",
            "x-amz-storage-class",
        ]
    );
    let signed = format!("X-Amz-SignedHeaders=content-md5%3Bhost%3B{}", headers[1..].join("%3B"));
    let (base, query) = request.url.split_once('?').unwrap();
    assert_eq!(base, "https://lake.s3.eu-central-1.amazonaws.com/root/a%20b%2Bc");
    for part in [
        signed.as_str(),
        "X-Amz-Algorithm=AWS4-HMAC-SHA256",
        "X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20260101%2Feu-central-1%2Fs3%2Faws4_request",
        "X-Amz-Date=20260101T000000Z",
        "X-Amz-Expires=900",
        "X-Amz-Signature=",
    ] {
        assert!(query.contains(part), "{part}: {query}");
    }
    assert!(!request.url.contains("wJalr") && !query.contains("Security-Token"));
    assert_eq!(request.headers[0].1, "VaVACK0bpYmqIQ0mKcHfQQ==");
}

#[test]
fn tokens_are_sent_and_missing_keys_are_named() {
    let outside = Outside::new().secret("a", "key").secret("b", "word").secret("c", "to/ken");
    let outside = outside.http(|request| {
        assert!(request.url.contains("X-Amz-Security-Token=to%2Fken"), "{}", request.url);
        with(200, &[("content-length", "1"), ("last-modified", DATE)], "")
    });
    let outside = outside.install();
    let names = json!({ "access_key": "a", "secret_key": "b", "session_token": "c" });
    opened(json!({ "endpoint": "https://s", "secrets": names }))
        .head("x", &GetCondition::Always)
        .unwrap();
    let error = s3().head("x", &GetCondition::Always).unwrap_err();
    assert!(error.message().contains("`access_key`"), "{error}");
    // Not that the object is missing.
    assert_eq!(error.kind(), ErrorKind::Denied);
    drop(outside);
    let server = server(vec![answer(403)]);
    let public = opened(json!({ "endpoint": "https://s", "anonymous": true }));
    assert_eq!(kind(public.head("x", &GetCondition::Always)), ErrorKind::Denied);
    assert_eq!(server.requests.borrow()[0].url, "https://s/lake/root/x");
}

#[test]
fn conditions_are_asked_for_and_answered() {
    let put = |mode: &PutMode, answer| {
        let server = server(vec![answer]);
        let result = s3().put("x", vec![1], mode);
        (server.asked().remove(0), result)
    };
    let replace = PutMode::IfMatch(version("\"1\""));
    for (mode, header) in [
        (&PutMode::Overwrite, ""),
        (&PutMode::IfAbsent, " if-none-match=*"),
        (&replace, " if-match=\"1\""),
    ] {
        let (asked, result) = put(mode, with(200, &[("ETag", "2"), ("x-amz-version-id", "v")], ""));
        assert_eq!(asked, format!("PUT https://s/lake/root/x?{header}").trim_end());
        let written = ObjectVersion { version: Some("v".to_owned()), ..version("\"2\"") };
        assert_eq!(result.unwrap(), written);
    }
    for (mode, status, code, expected) in [
        (&PutMode::IfAbsent, 412, "PreconditionFailed", ErrorKind::AlreadyExists),
        (&PutMode::IfAbsent, 409, "ConditionalRequestConflict", ErrorKind::Transient),
        (&PutMode::IfAbsent, 501, "NotImplemented", ErrorKind::Unsupported),
        (&replace, 412, "PreconditionFailed", ErrorKind::Precondition),
        (&replace, 404, "NoSuchKey", ErrorKind::Precondition),
        (&replace, 404, "NoSuchBucket", ErrorKind::InvalidInput),
        (&PutMode::Overwrite, 412, "PreconditionFailed", ErrorKind::Internal),
    ] {
        assert_eq!(kind(put(mode, refused(status, code)).1), expected, "{mode:?} {code}");
    }
    // Whether it was done is not known, and nobody tries again.
    let (_, lost) = put(&PutMode::IfAbsent, Err(Error::transient("the connection was closed")));
    assert_eq!(kind(lost), ErrorKind::Transient);
    let nothing = PutMode::IfMatch(ObjectVersion::default());
    assert_eq!(kind(s3().put("x", vec![], &nothing)), ErrorKind::InvalidInput);
}

#[test]
fn ranges_are_what_was_asked_for() {
    let get = |range: GetRange, answers| {
        let server = server(answers);
        let result = s3().get("x", &range, &GetCondition::IfMatch("\"e\"".to_owned()));
        (server.asked(), result)
    };
    let part = |range: &str, body: &str| {
        let headers = [("content-range", range), ("last-modified", DATE), ("etag", "e")];
        with(206, &headers, body)
    };
    let (asked, got) = get(GetRange::Bounded(2..4), vec![part("bytes 2-3/9", "23")]);
    assert_eq!(asked, ["GET https://s/lake/root/x? if-match=\"e\" range=bytes=2-3"]);
    let got = got.unwrap();
    assert_eq!((got.start, got.bytes.as_slice(), got.meta.size), (2, &b"23"[..], 9));
    assert_eq!((got.meta.etag.as_deref(), got.meta.path.as_str()), (Some("\"e\""), "x"));
    assert_eq!(got.meta.modified, 1_767_225_600_000_000);
    let (asked, got) = get(GetRange::Suffix(20), vec![part("bytes 0-1/2", "01")]);
    assert!(asked[0].ends_with("range=bytes=-20"));
    assert_eq!(got.unwrap().bytes, b"01");
    // A server that does not heed ranges.
    let whole = || with(200, &[("last-modified", DATE)], "0123456789");
    let (_, got) = get(GetRange::Offset(8), vec![whole()]);
    assert_eq!(got.unwrap().bytes, b"89");
    let (_, got) = get(GetRange::Bounded(10..11), vec![whole()]);
    assert_eq!(kind(got), ErrorKind::InvalidInput);
    // Nothing is there: the size tells whether that may be.
    let size = |size| with(200, &[("content-length", size), ("last-modified", DATE)], "");
    let (_, got) = get(GetRange::Offset(7), vec![refused(416, "InvalidRange"), size("7")]);
    assert_eq!(got.unwrap().start, 7);
    let (_, got) = get(GetRange::Bounded(7..8), vec![refused(416, "InvalidRange"), size("7")]);
    assert_eq!(kind(got), ErrorKind::InvalidInput);
    let (asked, got) = get(GetRange::Suffix(0), vec![size("7")]);
    assert!(asked[0].starts_with("HEAD") && got.unwrap().start == 7);
    // What cannot be.
    for odd in ["bytes 1-2/9", "bytes 2-3", "2-3/9", "bytes x-3/9", ""] {
        let (_, got) = get(GetRange::Bounded(2..4), vec![part(odd, "23")]);
        assert!(got.is_err(), "{odd}");
    }
    let (_, got) = get(GetRange::Bounded(2..4), vec![part("bytes 2-3/9", "2")]);
    assert_eq!(kind(got), ErrorKind::Internal);
    let (_, got) = get(GetRange::Bounded(2..4), vec![refused(412, "PreconditionFailed")]);
    assert_eq!(kind(got), ErrorKind::Precondition);
    #[allow(clippy::reversed_empty_ranges)]
    let (asked, got) = get(GetRange::Bounded(4..2), vec![]);
    assert!(asked.is_empty() && kind(got) == ErrorKind::InvalidInput);
}

#[test]
fn listings_are_read_and_never_cut_short() {
    let list = |request: &ListRequest, body: &str| {
        let server = server(vec![with(200, &[], body)]);
        let result = s3().list(request);
        (server.asked().remove(0), result)
    };
    let entry = |key: &str| {
        format!(
            "<Contents><Key>{key}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>\
             <ETag>&quot;e&quot;</ETag><Size>7</Size></Contents>"
        )
    };
    let more = "<IsTruncated>true</IsTruncated><NextContinuationToken>t=</NextContinuationToken>";
    let body = format!(
        "<ListBucketResult>{more}{}<CommonPrefixes><Prefix>root/p/q/</Prefix></CommonPrefixes>{}{}\
         </ListBucketResult>",
        entry("root/p/a &amp; b"),
        entry("root/p/"),
        entry("root/p/z"),
    );
    let request = ListRequest {
        prefix: "p".to_owned(),
        start_after: Some("p/a".to_owned()),
        delimited: true,
        token: None,
    };
    let (asked, page) = list(&request, &body);
    let query = "delimiter=%2F&list-type=2&prefix=root%2Fp%2F&start-after=root%2Fp%2Fa";
    assert_eq!(asked, format!("GET https://s/lake/?{query}"));
    let page = page.unwrap();
    let paths: Vec<&str> = page.objects.iter().map(|meta| meta.path.as_str()).collect();
    assert_eq!(paths, ["p/a & b", "p/z"]);
    assert_eq!((page.objects[0].size, page.objects[0].modified), (7, 1_767_225_600_000_000));
    assert_eq!((page.prefixes, page.next.as_deref()), (vec!["p/q".to_owned()], Some("t=")));
    let next = ListRequest { token: Some("t=".to_owned()), ..request };
    let last = "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>";
    let (asked, page) = list(&next, last);
    assert!(asked.contains("continuation-token=t%3D") && !asked.contains("start-after"), "{asked}");
    assert_eq!(page.unwrap().next, None);
    let cut = "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>";
    for odd in [
        "",
        "<html/>",
        "<ListBucketResult/>",
        cut,
        &last[..50],
        "<Error><Code>x</Code></Error>",
        &last.replace("false", "perhaps"),
        &last.replace("<Is", "<Contents/><Is"),
        &body.replace(">7<", ">-7<"),
        &body.replace("2026-01", "2026-13"),
    ] {
        assert_eq!(kind(list(&next, odd).1), ErrorKind::Internal, "{odd}");
    }
    for answer in [refused(404, "NoSuchBucket"), refused(404, "NoSuchKey"), answer(404)] {
        let _absent = server(vec![answer]);
        assert_eq!(kind(s3().list(&next)), ErrorKind::InvalidInput);
    }
}

#[test]
fn uploads_count_from_one_and_can_fail_with_200() {
    let begun = "<InitiateMultipartUploadResult><UploadId>u/1</UploadId>\
                 </InitiateMultipartUploadResult>";
    let done =
        "<CompleteMultipartUploadResult><ETag>\"e-2\"</ETag></CompleteMultipartUploadResult>";
    let server_ = server(vec![
        with(200, &[], begun),
        with(200, &[("etag", "\"p1\"")], ""),
        with(200, &[], done),
        answer(204),
        refused(404, "NoSuchUpload"),
    ]);
    let store = s3();
    let upload = store.begin_upload("x").unwrap();
    let part = store.upload_part("x", &upload, 0, vec![1]).unwrap();
    let parts = [part, "\"p2\"".to_owned()];
    let written = store.complete_upload("x", &upload, &parts, &PutMode::IfAbsent).unwrap();
    assert_eq!(written, version("\"e-2\""));
    store.abort_upload("x", &upload).unwrap();
    store.abort_upload("x", &upload).unwrap();
    assert_eq!(
        server_.asked(),
        [
            "POST https://s/lake/root/x?uploads=",
            "PUT https://s/lake/root/x?partNumber=1&uploadId=u%2F1",
            "POST https://s/lake/root/x?uploadId=u%2F1 if-none-match=*",
            "DELETE https://s/lake/root/x?uploadId=u%2F1",
            "DELETE https://s/lake/root/x?uploadId=u%2F1",
        ]
    );
    let body = server_.body(2);
    assert!(body.contains("<PartNumber>2</PartNumber><ETag>&quot;p2&quot;</ETag>"), "{body}");
    drop(server_);
    for (status, code, expected) in [
        (200, "InternalError", ErrorKind::Transient),
        (200, "PreconditionFailed", ErrorKind::AlreadyExists),
        (412, "PreconditionFailed", ErrorKind::AlreadyExists),
        (409, "ConditionalRequestConflict", ErrorKind::Transient),
        (404, "NoSuchUpload", ErrorKind::Internal),
    ] {
        let _server = server(vec![refused(status, code)]);
        let result = store.complete_upload("x", "u", &parts, &PutMode::IfAbsent);
        assert_eq!(kind(result), expected, "{status} {code}");
    }
    let _server = server(vec![answer(200), answer(200)]);
    assert_eq!(kind(store.upload_part("x", "u", 1, vec![])), ErrorKind::Internal);
    assert_eq!(
        kind(store.complete_upload("x", "u", &parts, &PutMode::Overwrite)),
        ErrorKind::Internal
    );
    assert_eq!(kind(store.upload_part("x", "u", 10_000, vec![])), ErrorKind::Exhausted);
}

#[test]
fn deletions_are_answered_one_by_one() {
    let paths = ["a&b", "b", "c", "d"].map(str::to_owned);
    let body = "<DeleteResult><Deleted><Key>root/a&amp;b</Key></Deleted>\
                <Error><Key>root/b</Key><Code>AccessDenied</Code></Error>\
                <Error><Key>root/c</Key><Code>NoSuchKey</Code></Error></DeleteResult>";
    let many = server(vec![with(200, &[], body)]);
    let results = s3().delete(&paths).unwrap();
    assert_eq!(many.asked(), ["POST https://s/lake/?delete="]);
    assert!(many.body(0).contains("<Object><Key>root/a&amp;b</Key></Object>"));
    assert!(many.requests.borrow()[0].headers.iter().any(|(name, _)| name == "content-md5"));
    assert!(results[0].is_ok() && results[2].is_ok());
    assert_eq!(results[1].as_ref().unwrap_err().kind(), ErrorKind::Denied);
    // Nothing was said of it.
    assert_eq!(results[3].as_ref().unwrap_err().kind(), ErrorKind::Internal);
    drop(many);
    for (answer, good) in [
        (answer(204), true),
        (refused(404, "NoSuchKey"), true),
        (refused(404, "NoSuchBucket"), false),
        (refused(403, "AccessDenied"), false),
    ] {
        let one = server(vec![answer]);
        assert_eq!(s3().delete(&paths[1..2]).unwrap()[0].is_ok(), good);
        assert_eq!(one.asked(), ["DELETE https://s/lake/root/b?"]);
    }
    assert!(s3().delete(&[]).unwrap().is_empty());
}

#[test]
fn copies_that_fail_with_200_fail() {
    let copied = with(200, &[], "<CopyObjectResult><ETag>e</ETag></CopyObjectResult>");
    let good = server(vec![copied]);
    s3().copy("a b", "c", &PutMode::Overwrite).unwrap();
    let asked = "PUT https://s/lake/root/c? x-amz-copy-source=lake/root/a%20b";
    assert_eq!(good.asked(), [asked]);
    drop(good);
    for (answer, expected) in [
        (refused(200, "SlowDown"), ErrorKind::Transient),
        (refused(404, "NoSuchKey"), ErrorKind::NotFound),
        (answer(200), ErrorKind::Internal),
    ] {
        let _server = server(vec![answer]);
        assert_eq!(kind(s3().copy("a", "c", &PutMode::Overwrite)), expected);
    }
    // What must not be replaced is written, not copied.
    let head =
        || with(200, &[("content-length", "2"), ("last-modified", DATE), ("etag", "\"e\"")], "");
    let range = [("content-range", "bytes 0-1/2"), ("last-modified", DATE)];
    let carried = server(vec![head(), with(206, &range, "01"), refused(412, "PreconditionFailed")]);
    assert_eq!(kind(s3().copy("a", "c", &PutMode::IfAbsent)), ErrorKind::AlreadyExists);
    assert!(carried.asked()[1].contains("if-match=\"e\""));
    assert_eq!(carried.asked()[2], "PUT https://s/lake/root/c? if-none-match=*");
    drop(carried);
    // More than is carried is copied by the server, in parts; those are dropped again.
    let large = [("content-length", "9000000"), ("last-modified", DATE), ("etag", "\"e\"")];
    let begun = "<InitiateMultipartUploadResult><UploadId>u</UploadId>\
                 </InitiateMultipartUploadResult>";
    let part = "<CopyPartResult><ETag>p</ETag></CopyPartResult>";
    for (answers, expected, dropped) in [
        (
            vec![with(200, &[], part), refused(412, "PreconditionFailed")],
            ErrorKind::AlreadyExists,
            true,
        ),
        (vec![with(200, &[], part), refused(500, "InternalError")], ErrorKind::Transient, false),
        (vec![refused(200, "InternalError")], ErrorKind::Transient, true),
    ] {
        let first = [with(200, &large, ""), with(200, &[], begun)];
        let server = server(first.into_iter().chain(answers).chain([answer(204)]).collect());
        assert_eq!(kind(s3().copy("a", "c", &PutMode::IfAbsent)), expected);
        let asked = server.asked();
        let part = "partNumber=1&uploadId=u x-amz-copy-source=lake/root/a \
                    x-amz-copy-source-if-match=\"e\" x-amz-copy-source-range=bytes=0-8999999";
        assert!(asked[2].ends_with(part), "{asked:?}");
        assert_eq!(asked.last().unwrap().starts_with("DELETE"), dropped, "{asked:?}");
    }
    let changed = server(vec![head(), refused(412, "PreconditionFailed")]);
    assert_eq!(kind(s3().copy("a", "c", &PutMode::IfAbsent)), ErrorKind::Transient);
    drop(changed);
}

proptest! {
    /// Whatever a server answers, there is a result and no panic, and nobody is told
    /// that an object exists unless a condition was asked for.
    #[test]
    fn any_answer_is_taken(
        status in 200u16..600,
        body in "(<Error><Code>)?[A-Za-z<>/&;]{0,40}",
        header in "[ -~]{0,20}",
    ) {
        let headers = ["content-range", "last-modified", "etag", "content-length", "date", "retry-after"];
        let given: Vec<(&str, &str)> = headers.iter().map(|name| (*name, header.as_str())).collect();
        let _server = server((0..40).map(|_| with(status, &given, &body)).collect());
        let store = s3();
        let _ = store.list(&ListRequest::default());
        let _ = store.head("x", &GetCondition::Always);
        let _ = store.get("x", &GetRange::Bounded(0..9), &GetCondition::Always);
        let _ = store.get("x", &GetRange::Suffix(9), &GetCondition::Always);
        let _ = store.upload_part("x", "u", 0, vec![]);
        let _ = store.copy("x", "y", &PutMode::IfAbsent);
        let _ = store.delete(&["x".to_owned(), "y".to_owned()]);
        for result in [
            store.put("x", vec![], &PutMode::Overwrite).map(drop),
            store.complete_upload("x", "u", &[], &PutMode::Overwrite).map(drop),
            store.copy("x", "y", &PutMode::Overwrite),
            store.begin_upload("x").map(drop),
            store.abort_upload("x", "u"),
        ] {
            if let Err(error) = result {
                let conflict = matches!(error.kind(), ErrorKind::AlreadyExists | ErrorKind::Precondition);
                prop_assert!(!conflict, "{error}");
            }
        }
    }
}
