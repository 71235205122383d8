//! Whom a plugin may reach: the entries of `hosts`.
//!
//! | entry | allows |
//! |---|---|
//! | `api.example.com` | that host, by HTTPS on port 443 |
//! | `api.example.com:8443` | that host, by HTTPS on that port |
//! | `*.example.com` | every host below it, not `example.com` itself |
//! | `http://127.0.0.1:5000` | that host without encryption, and only if it is said so |
//!
//! One rule for all: nothing is sent without encryption unless the entry begins
//! with `http://`, and a port that is not written is the scheme's own.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};

/// One entry; see the module's head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostRule {
    /// Without encryption.
    plain: bool,
    /// All hosts that end with `.` and the name, not the name itself.
    below: bool,
    /// Lower case; an IPv6 address without its brackets.
    host: String,
    port: u16,
}

impl HostRule {
    /// Whether a request to a port of a host may be sent. `plain`: without
    /// encryption. The host is a name or an address without brackets.
    pub fn allows(&self, plain: bool, host: &str, port: u16) -> bool {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let named = match self.below {
            false => host == self.host,
            true => host
                .strip_suffix(&self.host)
                .and_then(|left| left.strip_suffix('.'))
                .is_some_and(|left| !left.is_empty()),
        };
        named && plain == self.plain && port == self.port
    }

    /// The entry that would allow a request, as it would be written.
    pub fn for_request(plain: bool, host: &str, port: u16) -> String {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        Self { plain, below: false, host, port }.to_string()
    }
}

fn own_port(plain: bool) -> u16 {
    if plain { 80 } else { 443 }
}

impl fmt::Display for HostRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.plain { "http://" } else { "" };
        let below = if self.below { "*." } else { "" };
        write!(f, "{scheme}{below}")?;
        match self.host.contains(':') {
            true => write!(f, "[{}]", self.host)?,
            false => f.write_str(&self.host)?,
        }
        if self.port != own_port(self.plain) {
            write!(f, ":{}", self.port)?;
        }
        Ok(())
    }
}

impl FromStr for HostRule {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = |what: &str| {
            Error::config(format!("{text:?} is not a host: {what}")).with_help(
                "write `name`, `name:port` or `*.name`; http:// before it to allow requests \
                 without encryption",
            )
        };
        let (plain, rest) = match text.split_once("://") {
            None => (false, text),
            Some(("https", rest)) => (false, rest),
            Some(("http", rest)) => (true, rest),
            Some(_) => return Err(wrong("only http:// and https:// can be reached")),
        };
        if rest.contains(['/', '?', '#', '@']) {
            return Err(wrong("paths and users do not belong here"));
        }
        let (below, rest) = match rest.strip_prefix("*.") {
            Some(rest) => (true, rest),
            None => (false, rest),
        };
        let (host, port) = match rest.strip_prefix('[').and_then(|r| r.split_once(']')) {
            Some((address, "")) => (address, None),
            Some((address, rest)) => (address, rest.strip_prefix(':').or(Some(""))),
            None => match rest.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (rest, None),
            },
        };
        let port = match port {
            None => own_port(plain),
            Some(port) => match port.parse() {
                Ok(port) if port > 0 => port,
                _ => return Err(wrong("the port is not 1 to 65535")),
            },
        };
        let v6 = rest.starts_with('[');
        let good = match v6 {
            true => host.parse::<std::net::Ipv6Addr>().is_ok() && !below,
            false => is_host(host),
        };
        match good {
            true => Ok(Self { plain, below, host: host.to_ascii_lowercase(), port }),
            false if host.contains('*') => Err(wrong("`*.` can only be at its beginning")),
            false => Err(wrong("names are letters, digits, `-` and `.`")),
        }
    }
}

fn is_host(host: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
    };
    host.len() <= 253 && host.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(rule: &str, url: (&str, &str, u16)) -> bool {
        rule.parse::<HostRule>().expect(rule).allows(url.0 == "http", url.1, url.2)
    }

    #[test]
    fn a_rule_allows_what_it_says_and_no_more() {
        assert!(allowed("a.example", ("https", "A.Example", 443)));
        assert!(allowed("a.example", ("https", "a.example.", 443)));
        assert!(!allowed("a.example", ("http", "a.example", 80)));
        assert!(!allowed("a.example", ("https", "a.example", 8443)));
        assert!(!allowed("a.example", ("https", "b.a.example", 443)));
        assert!(allowed("a.example:8443", ("https", "a.example", 8443)));
        assert!(!allowed("a.example:8443", ("https", "a.example", 443)));
        assert!(allowed("*.example", ("https", "c.b.example", 443)));
        assert!(!allowed("*.example", ("https", "example", 443)));
        assert!(!allowed("*.example", ("https", "badexample", 443)));
        assert!(!allowed("*.example", ("https", ".example", 443)));
        assert!(allowed("http://127.0.0.1:5000", ("http", "127.0.0.1", 5000)));
        assert!(!allowed("http://127.0.0.1:5000", ("https", "127.0.0.1", 5000)));
        assert!(!allowed("127.0.0.1:5000", ("http", "127.0.0.1", 5000)));
        assert!(allowed("[::1]:5000", ("https", "::1", 5000)));
    }

    #[test]
    fn rules_are_written_as_they_are_read() {
        for rule in ["a.example", "*.b.example:1", "http://c", "http://[::1]:9", "[2001:db8::1]"] {
            assert_eq!(rule.parse::<HostRule>().expect(rule).to_string(), rule);
        }
        assert_eq!(HostRule::for_request(true, "LocalHost", 80), "http://localhost");
        assert_eq!("https://a:443".parse::<HostRule>().expect("rule").to_string(), "a");
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for text in [
            "", "*", "*.", "a.*.b", "ftp://a", "a/b", "u@a", "a:0", "a:65536", "a:b", "[::1",
            "a b", "[zz]", "*.[::1]", "a..b", "é", "::1", "[::1]5",
        ] {
            let error = text.parse::<HostRule>().err();
            assert!(error.is_some_and(|e| e.help().is_some()), "{text:?}");
        }
    }
}
