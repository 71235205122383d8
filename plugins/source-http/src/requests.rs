//! Requests of pages, and what comes back in place of one.

use std::time::Duration;

use tidelake_sdk::http::{self, Method, Request, Response};
use tidelake_sdk::{Error, ErrorKind, Result, ResultExt, secrets};

use crate::options::{Cursor, Options};

/// Characters of a refusal's body that an error shows.
const SHOWN: usize = 200;

/// What a request brought.
pub(crate) enum Answer {
    /// A page.
    Page(Response),
    /// A wait that the server asks for, and what it said.
    Wait(Duration, String),
}

/// Asks for the page at a cursor; the first one without.
pub(crate) fn fetch(options: &Options, cursor: Option<&str>) -> Result<Answer> {
    let mut request = Request::new(Method::Get, url(options, cursor)?);
    for (name, value) in &options.headers {
        request = request.header(name, reveal(value)?);
    }
    let response = http::send(&request)?;
    if response.is_success() {
        return Ok(Answer::Page(response));
    }
    let status = response.status;
    let busy = matches!(status, 408 | 425 | 429 | 500..=599);
    let wait = response.header("retry-after").and_then(|text| text.trim().parse().ok());
    if let Some(seconds) = wait.filter(|_| busy) {
        let reason = format!("{} answered with status {status}", request.target());
        return Ok(Answer::Wait(Duration::from_secs(seconds), reason));
    }
    let (kind, help) = match status {
        _ if busy => (ErrorKind::Transient, ""),
        401 | 403 => (ErrorKind::Denied, "; check `headers` and the secret that they name"),
        404 | 410 => (ErrorKind::NotFound, "; check `url`"),
        300..=399 => (ErrorKind::InvalidInput, "; redirects are not followed: correct `url`"),
        _ => (ErrorKind::InvalidInput, ""),
    };
    let said = String::from_utf8_lossy(&response.body);
    let said: String = said.trim().chars().take(SHOWN).collect();
    let said = if said.is_empty() { said } else { format!(" ({said})") };
    Err(Error::new(kind, format!("the answer has status {status}{said}{help}")))
        .at(|| request.target().to_string())
}

/// The URL of a page.
fn url(options: &Options, cursor: Option<&str>) -> Result<String> {
    let param = match (&options.cursor, cursor) {
        (Cursor::Header { param: None, .. }, Some(next)) => return same_origin(options, next),
        (Cursor::Number { param, .. }, Some(number)) => Some((param, number)),
        (Cursor::Row { param, .. } | Cursor::Page { param, .. }, Some(value)) => {
            Some((param, value))
        }
        (Cursor::Header { param: Some(param), .. }, Some(value)) => Some((param, value)),
        (_, None) => None,
    };
    let mut url = options.url.clone();
    let mut add = |name: &str, value: &str| {
        url.push(if url.contains('?') { '&' } else { '?' });
        url.push_str(&format!("{}={}", encoded(name), encoded(value)));
    };
    if let Some(size) = &options.page_size {
        add(&size.param, &size.rows.to_string());
    }
    if let Some((name, value)) = param {
        add(name, value);
    }
    Ok(url)
}

/// The next page of a link. It gets the same headers, and so must be of the same server.
fn same_origin(options: &Options, next: &str) -> Result<String> {
    let origin = origin(&options.url);
    if next.starts_with('/') && !next.starts_with("//") {
        return Ok(format!("{origin}{next}"));
    }
    if let Some(query) = next.strip_prefix('?') {
        let path = options.url.split('?').next().unwrap_or_default();
        return Ok(format!("{path}?{query}"));
    }
    match self::origin(next) == origin && next.contains("://") {
        true => Ok(next.to_owned()),
        false => Err(Error::denied(format!(
            "the next page is at {next}, not at {origin}, which alone gets the headers"
        ))),
    }
}

/// Scheme and authority of a URL.
fn origin(url: &str) -> &str {
    let start = url.find("://").map_or(0, |at| at + 3);
    let end = url[start..].find(['/', '?', '#']).map_or(url.len(), |at| start + at);
    &url[..end]
}

/// The next page that a header names.
pub(crate) fn next(response: &Response, name: Option<&str>) -> Option<String> {
    match name {
        Some(name) => response.header(name).map(str::trim).filter(|v| !v.is_empty()),
        None => {
            let links = response.headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case("link"));
            links.flat_map(|(_, value)| split_links(value)).find_map(link_next)
        }
    }
    .map(str::to_owned)
}

/// The links of a header: commas within `<…>` separate nothing.
fn split_links(value: &str) -> impl Iterator<Item = &str> {
    let mut inside = false;
    value.split(move |c| {
        match c {
            '<' => inside = true,
            '>' => inside = false,
            _ => {}
        }
        c == ',' && !inside
    })
}

/// The target of `<target>; rel="next"`.
fn link_next(link: &str) -> Option<&str> {
    let (target, parameters) = link.trim().strip_prefix('<')?.split_once('>')?;
    let is_next = parameters.split(';').any(|parameter| {
        let (name, value) = parameter.trim().split_once('=').unwrap_or_default();
        let mut words = value.trim().trim_matches('"').split_ascii_whitespace();
        name.trim().eq_ignore_ascii_case("rel") && words.any(|w| w.eq_ignore_ascii_case("next"))
    });
    is_next.then_some(target.trim())
}

/// A value of a header, with the secret that it names.
fn reveal(value: &str) -> Result<String> {
    match value.rsplit_once("secret:") {
        Some((before, name)) if !name.is_empty() && !name.contains(' ') => {
            Ok(format!("{before}{}", secrets::get(name)?))
        }
        _ => Ok(value.to_owned()),
    }
}

fn encoded(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    let byte = |b: u8| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") };
    text.bytes().map(byte).collect()
}
