//! What a storage backend costs: objects are written, read, listed and deleted, one call
//! at a time, and each call is timed.
//!
//! Most of it is the store's own time and the network's: the host counts how long the
//! guest waited for answers, so that what is the plugin's can be told from what is not.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{ObjectStore, ObjectStoreExt};
use tidelake_core::plugin::PluginInfo;
use tidelake_core::{Error, ErrorKind, Result};

use super::since;
use crate::host::PluginHost;
use crate::stats::PluginStats;

/// Such as logs and footers are.
const SMALL: usize = 64 << 10;
/// Such as data files are: one piece of them, as the host asks for it.
const LARGE: usize = 8 << 20;
/// Small objects for each large one.
const SMALLS: usize = 16;

/// One operation that was measured.
#[derive(Debug, Clone)]
pub struct Operation {
    /// What was done.
    pub name: &'static str,
    /// Bytes that one call moved.
    pub bytes: u64,
    /// How long each call took, shortest first.
    pub times: Vec<Duration>,
}

impl Operation {
    /// The middle one of the times.
    pub fn median(&self) -> Duration {
        self.times.get(self.times.len() / 2).copied().unwrap_or_default()
    }

    /// All of them together.
    pub fn total(&self) -> Duration {
        self.times.iter().sum()
    }
}

/// What was measured.
#[derive(Debug, Clone)]
pub struct Measured {
    /// The operations, in the order in which they were done.
    pub operations: Vec<Operation>,
    /// What the host counted, all of them together.
    pub stats: PluginStats,
}

/// Does each operation `times` times (on small objects, more often) below `prefix`, where
/// nothing is yet, and leaves nothing there.
pub async fn measure(
    host: &PluginHost,
    info: &PluginInfo,
    store: &Arc<dyn ObjectStore>,
    prefix: &str,
    times: usize,
) -> Result<Measured> {
    let store = PrefixStore::new(Arc::clone(store), prefix);
    let named = |size: &str, count: usize| -> Vec<Path> {
        (0..count).map(|number| Path::from(format!("{size}/{number:06}"))).collect()
    };
    let (small, large) = (named("small", times * SMALLS), named("large", times));
    // The first instance is made, and the connection: neither counts.
    let first = Path::from("first");
    done(store.put(&first, Bytes::from_static(b"x").into()).await)?;
    let before = host.stats().remove(&info.name).unwrap_or_default();
    let put = |path: Path, size| {
        let (store, bytes) = (&store, content(size));
        async move { store.put(&path, bytes.into()).await.map(drop) }
    };
    let get = |path: Path| {
        let store = &store;
        async move { store.get(&path).await?.bytes().await.map(drop) }
    };
    let list = |_| async { store.list(None).try_collect::<Vec<_>>().await.map(drop) };
    let head = |path: Path| {
        let store = &store;
        async move { store.head(&path).await.map(drop) }
    };
    let measured: Result<_> = async {
        Ok(vec![
            timed("put 64 KiB", SMALL, &small, |path| put(path, SMALL)).await?,
            timed("put 8 MiB", LARGE, &large, |path| put(path, LARGE)).await?,
            timed("get 64 KiB", SMALL, &small, get).await?,
            timed("get 8 MiB", LARGE, &large, get).await?,
            timed("head", 0, &small, head).await?,
            timed("list", 0, &large, list).await?,
        ])
    }
    .await;
    let after = host.stats().remove(&info.name).unwrap_or_default();
    // Also after a failure.
    let all = small.into_iter().chain(large).chain([first]).map(Ok);
    let deleted: Vec<_> = store.delete_stream(futures::stream::iter(all).boxed()).collect().await;
    let operations = measured?;
    for deleted in deleted {
        done(deleted)?;
    }
    Ok(Measured { operations, stats: since(after, &before) })
}

async fn timed<F>(
    name: &'static str,
    bytes: usize,
    paths: &[Path],
    call: impl Fn(Path) -> F,
) -> Result<Operation>
where
    F: Future<Output = object_store::Result<()>>,
{
    let mut times = Vec::with_capacity(paths.len());
    for path in paths {
        let start = Instant::now();
        done(call(path.clone()).await).map_err(|error| error.with("operation", name))?;
        times.push(start.elapsed());
    }
    times.sort();
    Ok(Operation { name, bytes: bytes as u64, times })
}

fn done<T>(result: object_store::Result<T>) -> Result<T> {
    result.map_err(|error| {
        Error::new(ErrorKind::Unavailable, "the store could not be measured").with_source(error)
    })
}

/// Bytes that no network makes shorter.
fn content(length: usize) -> Bytes {
    (0..length as u64).map(|i| (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect()
}
