use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use futures::stream::{BoxStream, StreamExt};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    ObjectStoreExt, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult,
};
use tidelake_core::ErrorKind;
use tidelake_core::table::LogKind;

use super::*;
use crate::conformance::{self, LogRef};
use crate::{DurableLocal, Lake};

fn format(kind: LogKind) -> &'static str {
    match kind {
        LogKind::Delta => "parquet",
        LogKind::Files => "json",
    }
}

fn log(store: Arc<dyn ObjectStore>, kind: LogKind) -> LogRef {
    match kind {
        LogKind::Delta => Arc::new(delta::DeltaLog::new(store, "trades@1h")),
        LogKind::Files => Arc::new(files::FilesLog::new(store, "trades@1h")),
    }
}

async fn conforms(kind: LogKind, store: impl Fn() -> Arc<dyn ObjectStore>) {
    conformance::all(format(kind), || {
        let store = store();
        let handle: Box<dyn Fn() -> LogRef + Send + Sync> =
            Box::new(move || log(store.clone(), kind));
        std::future::ready(handle)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn both_logs_conform_in_memory() {
    for kind in [LogKind::Files, LogKind::Delta] {
        conforms(kind, || Arc::new(InMemory::new())).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn both_logs_conform_on_disk() {
    for kind in [LogKind::Files, LogKind::Delta] {
        let root = tempfile::tempdir().unwrap();
        let number = AtomicU8::new(0);
        conforms(kind, || {
            let number = number.fetch_add(1, Ordering::Relaxed);
            Arc::new(DurableLocal::open(&root.path().join(number.to_string())).unwrap())
        })
        .await;
    }
}

/// The Delta log works on a runtime of one thread, too.
#[tokio::test]
async fn delta_needs_no_second_thread() {
    let handle = {
        let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        move || log(store.clone(), LogKind::Delta)
    };
    conformance::checkpoints_keep_everything("parquet", &handle).await;
}

/// What goes wrong with the next creation of an object.
const NOTHING: u8 = 0;
const LOSE_ANSWER: u8 = 1;
const REFUSE: u8 = 2;
const LOSE_ANSWER_AND_SIGHT: u8 = 3;
const BLIND: u8 = 4;

#[derive(Debug)]
struct Faulty {
    inner: Arc<dyn ObjectStore>,
    next: AtomicU8,
}

impl fmt::Display for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Faulty")
    }
}

fn lost() -> object_store::Error {
    object_store::Error::Generic { store: "Faulty", source: "the connection broke".into() }
}

#[async_trait]
impl ObjectStore for Faulty {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> object_store::Result<PutResult> {
        if options.mode != PutMode::Create {
            return self.inner.put_opts(location, payload, options).await;
        }
        match self.next.swap(NOTHING, Ordering::SeqCst) {
            REFUSE => return Err(lost()),
            NOTHING => return self.inner.put_opts(location, payload, options).await,
            LOSE_ANSWER_AND_SIGHT => self.next.store(BLIND, Ordering::SeqCst),
            _ => {}
        }
        self.inner.put_opts(location, payload, options).await?;
        Err(lost())
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> object_store::Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(location, options).await
    }

    async fn get_opts(
        &self,
        location: &Path,
        options: GetOptions,
    ) -> object_store::Result<GetResult> {
        if self.next.load(Ordering::SeqCst) == BLIND {
            return Err(lost());
        }
        self.inner.get_opts(location, options).await
    }

    async fn get_ranges(
        &self,
        location: &Path,
        ranges: &[Range<u64>],
    ) -> object_store::Result<Vec<bytes::Bytes>> {
        self.inner.get_ranges(location, ranges).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, object_store::Result<Path>>,
    ) -> BoxStream<'static, object_store::Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> object_store::Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(
        &self,
        from: &Path,
        to: &Path,
        options: CopyOptions,
    ) -> object_store::Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_answers_are_found_out() {
    for kind in [LogKind::Files, LogKind::Delta] {
        let inner: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let init = conformance::init(format(kind));
        log(inner.clone(), kind).create(&init, Micros(0)).await.unwrap();
        let mut logs = Vec::new();
        for fault in [LOSE_ANSWER, REFUSE, LOSE_ANSWER_AND_SIGHT] {
            let store = Faulty { inner: inner.clone(), next: fault.into() };
            let log = log(Arc::new(store), kind);
            log.load().await.unwrap();
            logs.push(log);
        }
        let [landed, refused, blind]: [LogRef; 3] = logs.try_into().unwrap();
        conformance::ambiguous(format(kind), landed, refused, blind).await;
        // It had landed all the same.
        assert_eq!(log(inner, kind).load().await.unwrap().unwrap().version, 3);
    }
}

/// A commit file that was torn is not taken for a table without its rows.
#[tokio::test(flavor = "multi_thread")]
async fn torn_entries_are_corrupt() {
    for (kind, directory) in
        [(LogKind::Files, files::LOG_DIRECTORY), (LogKind::Delta, delta::LOG_DIRECTORY)]
    {
        let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let log = log(store.clone(), kind);
        let state = log.create(&conformance::init(format(kind)), Micros(0)).await.unwrap();
        let commit = Commit {
            base: 0,
            add: vec![conformance::file(1)],
            remove: vec![],
            watermark: state.watermark,
            operation: "export",
            at: Micros(0),
        };
        log.commit(&commit).await.unwrap();
        let newest = Path::parse(format!("trades@1h/{directory}/{:020}.json", 1)).unwrap();
        let whole = store.get(&newest).await.unwrap().bytes().await.unwrap();
        for keep in [0, whole.len() / 2] {
            store.put(&newest, whole.slice(..keep).into()).await.unwrap();
            let error = log.load().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{kind:?} {keep}: {error:?}");
            assert!(error.help().is_some());
        }
    }
}

/// The log of a Delta table as other programs read it.
#[tokio::test(flavor = "multi_thread")]
async fn delta_paths_are_urls() {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let lake = Lake::from_store(store.clone(), "memory".into());
    let table = lake.table("t", LogKind::Delta);
    table.log().create(&conformance::init("parquet"), Micros(0)).await.unwrap();
    let file = conformance::file(4);
    assert!(file.path.contains("asset_class=a%2Fb"), "{}", file.path);
    let commit = Commit {
        base: 0,
        add: vec![file.clone()],
        remove: vec![],
        watermark: tidelake_core::commit::Watermark::EMPTY,
        operation: "export",
        at: Micros(0),
    };
    table.log().commit(&commit).await.unwrap();
    let entry = Path::parse(format!("t/_delta_log/{:020}.json", 1)).unwrap();
    let text = store.get(&entry).await.unwrap().bytes().await.unwrap();
    let text = std::str::from_utf8(&text).unwrap();
    assert!(text.contains("asset_class=a%252Fb"), "{text}");
    assert!(text.contains(r#""asset_class":"a/b""#), "{text}");
    assert!(text.contains(r#"\"numRecords\":5"#), "{text}");
    assert_eq!(lake.existing("t").await.unwrap(), Some(LogKind::Delta));

    let mut empty = file;
    empty.partition[1].1 = Some(String::new());
    let error = table.log().commit(&Commit { base: 1, add: vec![empty], ..commit }).await;
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Input);
    let left: Vec<_> = store.list(None).collect().await;
    assert_eq!(left.len(), 2);
}
