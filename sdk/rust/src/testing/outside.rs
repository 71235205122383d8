//! What a plugin that talks to the outside finds there in a test.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::http::{Request, Response, Url};
use crate::kv::Entry;

type Transport = Rc<dyn Fn(&Request) -> Result<Response>>;
type Clock = Rc<dyn Fn() -> i64>;

/// The network, the secrets, the clock and the memory of a test: what
/// [`http`](crate::http), [`secrets`](crate::secrets), [`clock`](crate::clock) and
/// [`kv`](crate::kv) meet outside a component, on the thread that installed it.
///
/// ```
/// use tidelake_sdk::http::{self, Method, Request, Response};
/// use tidelake_sdk::testing::Outside;
///
/// let _outside = Outside::new()
///     .secret("token", "abc")
///     .http(|request| {
///         assert_eq!(request.url, "https://example.com/");
///         Ok(Response::new(204))
///     })
///     .install();
/// let response = http::send(&Request::new(Method::Get, "https://example.com/"))?;
/// assert_eq!(response.status, 204);
/// assert_eq!(tidelake_sdk::secrets::get("token")?, "abc");
/// # Ok::<(), tidelake_sdk::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct Outside {
    transport: Option<Transport>,
    secrets: HashMap<String, String>,
    clock: Option<Clock>,
    values: BTreeMap<String, Entry>,
    revision: u64,
}

impl Outside {
    /// A world without a network and without secrets, at 2026-01-01 00:00 UTC for ever.
    pub fn new() -> Self {
        Self::default()
    }

    /// Answers requests.
    #[must_use]
    pub fn http(mut self, transport: impl Fn(&Request) -> Result<Response> + 'static) -> Self {
        self.transport = Some(Rc::new(transport));
        self
    }

    /// Gives a secret.
    #[must_use]
    pub fn secret(mut self, name: &str, value: &str) -> Self {
        self.secrets.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Remembers a value, as if an earlier run had put it into [`kv`](crate::kv).
    #[must_use]
    pub fn value(mut self, key: &str, value: &[u8]) -> Self {
        self.revision += 1;
        let entry = Entry { value: value.to_vec(), revision: self.revision };
        self.values.insert(key.to_owned(), entry);
        self
    }

    /// Says what time it is, in microseconds since 1970-01-01 UTC.
    #[must_use]
    pub fn clock(mut self, wall: impl Fn() -> i64 + 'static) -> Self {
        self.clock = Some(Rc::new(wall));
        self
    }

    /// Puts it in place for this thread until the answer is dropped.
    pub fn install(self) -> Installed {
        Installed { before: CURRENT.replace(self) }
    }
}

/// An [`Outside`] that is in place.
#[must_use = "it is taken away when this is dropped"]
pub struct Installed {
    before: Outside,
}

impl Drop for Installed {
    fn drop(&mut self) {
        CURRENT.replace(std::mem::take(&mut self.before));
    }
}

thread_local!(static CURRENT: RefCell<Outside> = RefCell::default());

/// 2026-01-01 00:00 UTC.
const START: i64 = 1_767_225_600_000_000;

pub(crate) fn wall() -> i64 {
    let clock = CURRENT.with_borrow(|outside| outside.clock.clone());
    clock.map_or(START, |clock| clock())
}

pub(crate) fn monotonic() -> Duration {
    Duration::from_micros(wall().max(0).unsigned_abs())
}

pub(crate) fn secret(name: &str) -> Option<String> {
    CURRENT.with_borrow(|outside| outside.secrets.get(name).cloned())
}

pub(crate) fn kv_get(key: &str) -> Option<Entry> {
    CURRENT.with_borrow(|outside| outside.values.get(key).cloned())
}

/// Sets a value, or deletes it.
pub(crate) fn kv_change(key: &str, value: Option<&[u8]>, expected: Option<u64>) -> Result<u64> {
    CURRENT.with_borrow_mut(|outside| {
        let is = outside.values.get(key).map_or(0, |entry| entry.revision);
        if let Some(expected) = expected.filter(|expected| *expected != is) {
            let what = format!("the key has revision {is}, not {expected}");
            return Err(Error::precondition(what));
        }
        outside.revision += 1;
        let revision = outside.revision;
        match value {
            Some(value) => {
                let entry = Entry { value: value.to_vec(), revision };
                outside.values.insert(key.to_owned(), entry);
            }
            None => drop(outside.values.remove(key)),
        }
        Ok(revision)
    })
}

pub(crate) fn exchange(request: &Request, url: &Url<'_>) -> Result<Response> {
    let transport = CURRENT.with_borrow(|outside| outside.transport.clone());
    let transport = transport.ok_or_else(|| {
        Error::denied(format!(
            "no transport to {} is installed; see `tidelake_sdk::testing::Outside`",
            url.authority
        ))
    })?;
    transport(request)
}
