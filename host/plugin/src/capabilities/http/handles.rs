//! What stands behind the handles of `wasi:http` and of its streams.
//!
//! All handles of WASI are of one type for the engine; what one is, its number says
//! here. Numbers are never used twice, so that a handle that outlived its work leads
//! nowhere. Below [`FIRST`] are those of `crate::inert`, which need no entry.

use std::collections::HashMap;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, Request};
use tokio::task::AbortHandle;
use wasmtime::{Result, Trap, bail};

use super::BODY;
use super::transport::{Failure, Incoming, Outcome};
use crate::capabilities::Reach;

/// The first number that is ours.
pub(crate) const FIRST: u32 = 16;
/// Handles that a guest may hold at once.
const MOST: usize = 1024;
/// How long a wait lasts before it looks at the deadline again.
const LOOK: Duration = Duration::from_millis(50);

/// One handle.
#[derive(Debug)]
pub(super) enum Entry {
    Fields {
        map: HeaderMap,
        frozen: bool,
    },
    Request(Box<Head>),
    Options {
        first_byte: Option<Duration>,
    },
    /// The body of a request, to be written; whether its stream was taken.
    Upload {
        exchange: u32,
        streaming: bool,
    },
    OutStream {
        exchange: u32,
    },
    Future {
        exchange: u32,
    },
    Response(Incoming),
    /// The body of an answer, until its stream is taken.
    Download(Option<Bytes>),
    InStream(Bytes),
    Trailers {
        taken: bool,
    },
    /// Ready when the answer to a request is there.
    Pollable {
        exchange: u32,
    },
}

/// A request that was not handed over yet.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) exchange: u32,
    pub(super) method: Method,
    /// `None`: HTTPS.
    pub(super) plain: Option<bool>,
    pub(super) authority: Option<String>,
    pub(super) path: Option<String>,
    pub(super) headers: HeaderMap,
}

/// A request on its way and its answer.
#[derive(Debug, Default)]
struct Exchange {
    body: Body,
    /// Handed over, with the time it may take; taken when it is sent.
    request: Option<(Request<()>, Duration)>,
    task: Option<AbortHandle>,
    answer: Option<Outcome>,
    taken: bool,
}

#[derive(Debug, Default)]
enum Body {
    #[default]
    None,
    Open(BytesMut),
    Done(Bytes),
    /// Dropped before it was finished: such a request is never sent.
    Cut,
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

/// The number of an exchange, and its answer.
type Arrival = (u32, Outcome);

/// All handles of one instance.
#[derive(Debug)]
pub(crate) struct Handles {
    next: u32,
    entries: HashMap<u32, Entry>,
    exchanges: HashMap<u32, Exchange>,
    arrivals: (Sender<Arrival>, Receiver<Arrival>),
    /// When the current call's time is over.
    until: Option<Instant>,
}

impl Default for Handles {
    fn default() -> Self {
        Self {
            next: FIRST,
            entries: HashMap::new(),
            exchanges: HashMap::new(),
            arrivals: channel(),
            until: None,
        }
    }
}

impl Handles {
    /// A call begins that may last so long.
    pub(crate) fn begin(&mut self, limit: Duration) {
        self.until = Instant::now().checked_add(limit);
    }

    /// The time that is left of the current call.
    pub(super) fn left(&self) -> Duration {
        let now = Instant::now();
        self.until.map_or(Duration::from_secs(60), |until| until.saturating_duration_since(now))
    }

    pub(super) fn add(&mut self, entry: Entry) -> Result<u32> {
        if self.entries.len() >= MOST {
            bail!("more than {MOST} handles at once");
        }
        let Some(next) = self.next.checked_add(1) else { bail!("all handles are used up") };
        let number = std::mem::replace(&mut self.next, next);
        self.entries.insert(number, entry);
        Ok(number)
    }

    pub(super) fn get(&mut self, number: u32) -> Result<&mut Entry> {
        match self.entries.get_mut(&number) {
            Some(entry) => Ok(entry),
            None => bail!("a handle of something that is gone"),
        }
    }

    pub(super) fn take(&mut self, number: u32) -> Result<Entry> {
        match self.entries.remove(&number) {
            Some(entry) => Ok(entry),
            None => bail!("a handle of something that is gone"),
        }
    }

    /// The guest dropped a handle.
    pub(crate) fn drop(&mut self, number: u32) {
        match self.entries.remove(&number) {
            Some(Entry::Request(head)) => drop(self.exchanges.remove(&head.exchange)),
            Some(Entry::Future { exchange }) => drop(self.exchanges.remove(&exchange)),
            Some(Entry::Upload { exchange, .. }) => {
                if let Some(exchange) = self.exchanges.get_mut(&exchange) {
                    exchange.body = Body::Cut;
                    if exchange.request.take().is_some() {
                        exchange.answer = Some(Err(Failure::plain("HTTP-protocol-error")));
                    }
                }
            }
            _ => {}
        }
    }

    /// A new request, not yet handed over.
    pub(super) fn exchange(&mut self) -> Result<u32> {
        let Some(next) = self.next.checked_add(1) else { bail!("all handles are used up") };
        let number = std::mem::replace(&mut self.next, next);
        self.exchanges.insert(number, Exchange::default());
        Ok(number)
    }

    /// Opens the body of a request, once.
    pub(super) fn open_body(&mut self, exchange: u32) -> bool {
        match self.exchanges.get_mut(&exchange) {
            Some(Exchange { body: body @ Body::None, request: None, task: None, .. }) => {
                *body = Body::Open(BytesMut::new());
                true
            }
            _ => false,
        }
    }

    /// Bytes that may still be written to the body of a request; `None`: it is closed.
    pub(super) fn room(&self, exchange: u32) -> Option<usize> {
        match &self.exchanges.get(&exchange)?.body {
            Body::Open(bytes) => Some(BODY - bytes.len()),
            _ => None,
        }
    }

    /// Appends to the body of a request; false: it is closed, or full.
    pub(super) fn write(&mut self, exchange: u32, more: &[u8]) -> bool {
        match self.exchanges.get_mut(&exchange).map(|exchange| &mut exchange.body) {
            Some(Body::Open(bytes)) if more.len() <= BODY - bytes.len() => {
                bytes.extend_from_slice(more);
                true
            }
            _ => false,
        }
    }

    /// The body is complete; its length.
    pub(super) fn finish(&mut self, exchange: u32, reach: &Reach) -> usize {
        let Some(found) = self.exchanges.get_mut(&exchange) else { return 0 };
        let mut length = 0;
        if let Body::Open(bytes) = &mut found.body {
            length = bytes.len();
            found.body = Body::Done(std::mem::take(bytes).freeze());
        }
        self.send(exchange, reach);
        length
    }

    /// The request is handed over.
    pub(super) fn hand_over(
        &mut self,
        exchange: u32,
        request: Request<()>,
        limit: Duration,
        reach: &Reach,
    ) {
        if let Some(found) = self.exchanges.get_mut(&exchange) {
            match found.body {
                Body::Cut => found.answer = Some(Err(Failure::plain("HTTP-protocol-error"))),
                _ => found.request = Some((request, limit)),
            }
        }
        self.send(exchange, reach);
    }

    /// Forgets a request that may not be sent.
    pub(super) fn forget(&mut self, exchange: u32) {
        self.exchanges.remove(&exchange);
    }

    /// Sends a request that was handed over and is complete.
    fn send(&mut self, number: u32, reach: &Reach) {
        let arrivals = self.arrivals.0.clone();
        let Some(exchange) = self.exchanges.get_mut(&number) else { return };
        let body = match &exchange.body {
            Body::None => Bytes::new(),
            Body::Done(bytes) => bytes.clone(),
            Body::Open(_) | Body::Cut => return,
        };
        let Some((request, limit)) = exchange.request.take() else { return };
        // Its length was not known when it was handed over.
        let declared = request.headers().get(http::header::CONTENT_LENGTH);
        let declared = declared.map(|value| value.to_str().ok().and_then(|v| v.parse().ok()));
        if declared.is_some_and(|declared| declared != Some(body.len() as u64)) {
            exchange.answer = Some(Err(Failure::request_size(body.len() as u64)));
            return;
        }
        let answer = move |outcome| drop(arrivals.send((number, outcome)));
        match reach.transport.send(request.map(|()| body), limit, answer) {
            Ok(task) => exchange.task = Some(task),
            Err(failure) => exchange.answer = Some(Err(failure)),
        }
    }

    /// Notes what has arrived.
    fn collect(&mut self) {
        while let Ok((number, outcome)) = self.arrivals.1.try_recv() {
            self.arrived(number, outcome);
        }
    }

    fn arrived(&mut self, number: u32, outcome: Outcome) {
        if let Some(exchange) = self.exchanges.get_mut(&number) {
            exchange.task = None;
            exchange.answer = Some(outcome);
        }
    }

    /// Whether a pollable is ready. Those that are not ours always are.
    pub(super) fn ready(&mut self, pollable: u32) -> bool {
        self.collect();
        match self.entries.get(&pollable) {
            Some(Entry::Pollable { exchange }) => self
                .exchanges
                .get(exchange)
                .is_none_or(|exchange| exchange.answer.is_some() || exchange.taken),
            _ => true,
        }
    }

    /// Waits until one of some pollables is ready, at most until the deadline.
    pub(super) fn wait(&mut self, pollables: &[u32]) -> Result<Vec<u32>> {
        loop {
            let mut ready = Vec::new();
            for (index, pollable) in pollables.iter().enumerate() {
                if self.ready(*pollable) {
                    ready.push(index as u32);
                }
            }
            if !ready.is_empty() {
                return Ok(ready);
            }
            if self.exchanges.values().all(|exchange| exchange.task.is_none()) {
                bail!("it waits for the answer to a request that it did not finish");
            }
            let left = self.left();
            if left.is_zero() {
                return Err(Trap::Interrupt.into());
            }
            if let Ok((number, outcome)) = self.arrivals.1.recv_timeout(left.min(LOOK)) {
                self.arrived(number, outcome);
            }
        }
    }

    /// The answer to a request: `None` when it is not there yet, and nothing in it
    /// when it was taken before.
    pub(super) fn answer(&mut self, exchange: u32) -> Option<Option<Outcome>> {
        self.collect();
        let found = self.exchanges.get_mut(&exchange)?;
        if found.taken {
            return Some(None);
        }
        let answer = found.answer.take()?;
        found.taken = true;
        Some(Some(answer))
    }
}
