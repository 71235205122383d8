//! What every object store that a lake is in has to do: public functions over one
//! that is empty below a prefix of its own. They panic when it does not.
//!
//! Locations, contents and races are such as tables, logs and readers make them.
//! [`all`] runs the whole; [`checked`] does so for people, and tells them check by check.

mod below;
mod checked;

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use object_store::path::Path;
use object_store::{
    Error, GetOptions, GetRange, ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutOptions,
    UpdateVersion, WriteMultipart,
};

pub use checked::{Checked, Outcome, checked};

/// A store that is shared.
pub type StoreRef = Arc<dyn ObjectStore>;

/// Names as partitions and logs have them, in the order of their bytes.
const NAMES: [&str; 7] = [
    "_delta_log/00000000000000000000.json",
    "_delta_log/00000000000000000001.json",
    "ts_day=2013-03-02/asset_class=50 %25/f.parquet",
    "ts_day=2013-03-02/asset_class=a%2Fb/f.parquet",
    "ts_day=2013-03-02/asset_class=k:v+ü&x=y/f.parquet",
    "ts_day=2013-03-02/f.parquet",
    "ts_day=2013-03-02b/f.parquet",
];

/// Everything. `updates`: whether the store can replace one state of an object.
pub async fn all(store: &StoreRef, updates: bool) {
    bytes_come_back(store).await;
    ranges_are_exact(store).await;
    listings_are_in_order(store).await;
    creating_is_once(store).await;
    if updates {
        updating_is_a_swap(store).await;
    }
    reading_has_conditions(store).await;
    parts_make_one_object(store).await;
    copies_are_objects(store).await;
    deleting_is_idempotent(store).await;
}

fn at(path: &str) -> Path {
    Path::parse(format!("conformance/{path}")).expect("a path")
}

/// Bytes that differ everywhere.
fn content(length: usize) -> Bytes {
    (0..length as u64).map(|i| (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect()
}

async fn read(store: &StoreRef, path: &Path) -> Bytes {
    store.get(path).await.expect("there").bytes().await.expect("readable")
}

fn mode(mode: PutMode) -> PutOptions {
    PutOptions { mode, ..PutOptions::default() }
}

/// Objects of any size are read as they were written, and replaced as a whole.
pub async fn bytes_come_back(store: &StoreRef) {
    let path = at("bytes/object");
    let missing = store.get(&path).await.expect_err("nothing is there");
    assert!(matches!(missing, Error::NotFound { .. }), "{missing:?}");
    let missing = store.head(&path).await.expect_err("nothing is there");
    assert!(matches!(missing, Error::NotFound { .. }), "{missing:?}");
    // Around the sizes at which stores begin to work in pieces.
    for size in [0, 1, (8 << 20) - 1, 8 << 20, (8 << 20) + 1, 21 << 20, 10] {
        let bytes = content(size);
        store.put(&path, bytes.clone().into()).await.expect("written");
        assert!(read(store, &path).await == bytes, "{size} bytes");
        let meta = store.head(&path).await.expect("there");
        assert_eq!((meta.size, &meta.location), (size as u64, &path));
    }
}

/// Ranges hold what they say, whichever way they are asked for.
pub async fn ranges_are_exact(store: &StoreRef) {
    let path = at("ranges/object");
    let size = 18 << 20;
    let bytes = content(size);
    store.put(&path, bytes.clone().into()).await.expect("written");
    let size = size as u64;
    let part = |range: &Range<u64>| bytes.slice(range.start as usize..range.end as usize);
    for (wanted, range) in [
        (GetRange::Bounded(0..1), 0..1),
        (GetRange::Bounded(5..9 << 20), 5..9 << 20),
        (GetRange::Bounded(size - 3..size + 9), size - 3..size),
        (GetRange::Offset(17 << 20), 17 << 20..size),
        (GetRange::Offset(3), 3..size),
        (GetRange::Suffix(8), size - 8..size),
        (GetRange::Suffix(9 << 20), size - (9 << 20)..size),
        (GetRange::Suffix(size + 1), 0..size),
    ] {
        let options = GetOptions { range: Some(wanted.clone()), ..GetOptions::default() };
        let got = store.get_opts(&path, options).await.expect("there");
        assert_eq!((&got.range, got.meta.size), (&range, size), "{wanted:?}");
        assert!(got.bytes().await.expect("readable") == part(&range), "{wanted:?}");
    }
    let ranges = [size - 8..size, 0..4, 2..6, 9 << 20..10 << 20, 0..17 << 20];
    let got = store.get_ranges(&path, &ranges).await.expect("there");
    assert_eq!(got.len(), ranges.len());
    for (range, got) in ranges.iter().zip(got) {
        assert!(got == part(range), "{range:?}");
    }
    for range in [GetRange::Bounded(size..size + 1), GetRange::Offset(size + 1)] {
        let options = GetOptions { range: Some(range), ..GetOptions::default() };
        assert!(store.get_opts(&path, options).await.is_err());
    }
}

/// Listings come in the order of names, stay below their prefix, and can be begun
/// anywhere.
pub async fn listings_are_in_order(store: &StoreRef) {
    let all: Vec<Path> = NAMES.iter().map(|name| at(&format!("list/{name}"))).collect();
    for path in all.iter().rev() {
        store.put(path, content(path.as_ref().len()).into()).await.expect("written");
    }
    let names = |listed: Vec<ObjectMeta>| {
        for meta in &listed {
            assert_eq!(meta.size, meta.location.as_ref().len() as u64, "{meta:?}");
        }
        listed.into_iter().map(|meta| meta.location).collect::<Vec<_>>()
    };
    let root = at("list");
    let listed = store.list(Some(&root)).try_collect().await.expect("listed");
    assert_eq!(names(listed), all);
    for (number, offset) in all.iter().enumerate() {
        let after = store.list_with_offset(Some(&root), offset).try_collect();
        assert_eq!(names(after.await.expect("listed")), all[number + 1..], "after {offset}");
    }
    // A prefix is whole segments.
    let day = at("list/ts_day=2013-03-02");
    let listed = store.list(Some(&day)).try_collect().await.expect("listed");
    assert_eq!(names(listed), all[2..6]);
    let half = at("list/ts_day=2013-03");
    assert!(store.list(Some(&half)).next().await.is_none());
    let here = store.list_with_delimiter(Some(&day)).await.expect("listed");
    assert_eq!(names(here.objects), [all[5].clone()]);
    assert_eq!(here.common_prefixes.len(), 3);
    let here = store.list_with_delimiter(Some(&root)).await.expect("listed");
    let below = ["_delta_log", "ts_day=2013-03-02", "ts_day=2013-03-02b"];
    assert_eq!(here.common_prefixes, below.map(|name| at(&format!("list/{name}"))));
    for path in &all {
        assert_eq!(read(store, path).await.len(), path.as_ref().len());
    }
}

/// Of those who create an object one wins, and the others are told that it exists.
pub async fn creating_is_once(store: &StoreRef) {
    for round in 0..4 {
        let path = at(&format!("create/{round}"));
        let racing = (0..8u8).map(|number| {
            let (store, path) = (Arc::clone(store), path.clone());
            tokio::spawn(async move {
                let bytes = Bytes::from(vec![number; 100]);
                (number, store.put_opts(&path, bytes.into(), mode(PutMode::Create)).await)
            })
        });
        let mut winner = None;
        for racer in racing.collect::<Vec<_>>() {
            match racer.await.expect("no panic") {
                (number, Ok(_)) => assert_eq!(winner.replace(number), None, "two have won"),
                (_, Err(Error::AlreadyExists { .. })) => {}
                (_, Err(other)) => panic!("{other:?}"),
            }
        }
        let winner = winner.expect("one wins");
        assert_eq!(read(store, &path).await, vec![winner; 100]);
    }
}

/// An update replaces the state that it names and no other.
pub async fn updating_is_a_swap(store: &StoreRef) {
    let path = at("update/object");
    let update = |version: &UpdateVersion| mode(PutMode::Update(version.clone()));
    let none = UpdateVersion { e_tag: Some("\"0\"".into()), version: None };
    let error = store.put_opts(&path, content(1).into(), update(&none)).await.expect_err("missing");
    let refused = matches!(error, Error::Precondition { .. } | Error::NotFound { .. });
    assert!(refused, "{error:?}");
    let first: UpdateVersion = store.put(&path, content(1).into()).await.expect("put").into();
    let racing = (2..10usize).map(|size| {
        let (store, path, options) = (Arc::clone(store), path.clone(), update(&first));
        tokio::spawn(
            async move { (size, store.put_opts(&path, content(size).into(), options).await) },
        )
    });
    let mut winner = None;
    for racer in racing.collect::<Vec<_>>() {
        match racer.await.expect("no panic") {
            (size, Ok(_)) => assert_eq!(winner.replace(size), None, "two have won"),
            (_, Err(Error::Precondition { .. })) => {}
            (_, Err(other)) => panic!("{other:?}"),
        }
    }
    assert_eq!(read(store, &path).await, content(winner.expect("one wins")));
}

/// Reading can be made to depend on the state of an object.
pub async fn reading_has_conditions(store: &StoreRef) {
    let path = at("conditions/object");
    store.put(&path, content(7).into()).await.expect("written");
    let etag = store.head(&path).await.expect("there").e_tag.expect("an etag");
    let get = |if_match: Option<&str>, if_none_match: Option<&str>| {
        let owned = |text: &str| text.to_owned();
        let options = GetOptions {
            if_match: if_match.map(owned),
            if_none_match: if_none_match.map(owned),
            ..GetOptions::default()
        };
        store.get_opts(&path, options)
    };
    get(Some(&etag), None).await.expect("it is in that state");
    get(None, Some("\"other\"")).await.expect("it is not in that state");
    let error = get(Some("\"other\""), None).await.expect_err("refused");
    assert!(matches!(error, Error::Precondition { .. }), "{error:?}");
    let error = get(None, Some(&etag)).await.expect_err("refused");
    assert!(matches!(error, Error::NotModified { .. }), "{error:?}");
}

/// What is written in parts is one object, when it is complete and not before.
pub async fn parts_make_one_object(store: &StoreRef) {
    let path = at("parts/object");
    for size in [0usize, 10, 5 << 20, (5 << 20) + 1, 17 << 20] {
        let bytes = content(size);
        let upload = store.put_multipart(&path).await.expect("begun");
        let mut upload = WriteMultipart::new_with_chunk_size(upload, 5 << 20);
        for chunk in bytes.chunks(777_777) {
            upload.wait_for_capacity(2).await.expect("written");
            upload.put(Bytes::copy_from_slice(chunk));
        }
        upload.finish().await.expect("complete");
        assert!(read(store, &path).await == bytes, "{size} bytes");
    }
    let dropped = at("parts/dropped");
    let upload = store.put_multipart(&dropped).await.expect("begun");
    let mut upload = WriteMultipart::new_with_chunk_size(upload, 5 << 20);
    upload.put(content(12 << 20));
    upload.abort().await.expect("aborted");
    assert!(matches!(store.head(&dropped).await, Err(Error::NotFound { .. })));
    let parts = at("parts");
    let listed: Vec<_> = store.list(Some(&parts)).try_collect().await.expect("listed");
    assert_eq!(listed.len(), 1, "{listed:?}");
}

/// Copies and renames, also such as must not replace anything.
pub async fn copies_are_objects(store: &StoreRef) {
    let [from, to, moved] = ["from a%2Fb", "to", "moved"].map(|name| at(&format!("copy/{name}")));
    store.put(&from, content(1000).into()).await.expect("written");
    store.copy(&from, &to).await.expect("copied");
    assert_eq!(read(store, &to).await, content(1000));
    let error = store.copy_if_not_exists(&from, &to).await.expect_err("it exists");
    assert!(matches!(error, Error::AlreadyExists { .. }), "{error:?}");
    store.rename(&to, &moved).await.expect("renamed");
    assert_eq!(read(store, &moved).await, content(1000));
    let error = store.copy(&to, &from).await.expect_err("it was moved");
    assert!(matches!(error, Error::NotFound { .. }), "{error:?}");
}

/// Deleting what is not there leaves it so.
pub async fn deleting_is_idempotent(store: &StoreRef) {
    let paths: Vec<Path> = (0..25).map(|number| at(&format!("delete/{number:03}"))).collect();
    for path in paths.iter().step_by(2) {
        store.put(path, content(3).into()).await.expect("written");
    }
    let kept = at("delete/kept");
    store.put(&kept, content(3).into()).await.expect("written");
    let all = stream::iter(paths.clone().into_iter().map(Ok)).boxed();
    let deleted: Vec<_> = store.delete_stream(all).collect().await;
    assert_eq!(deleted.len(), paths.len());
    for answer in deleted {
        // Stores may say that there was nothing.
        assert!(matches!(answer, Ok(_) | Err(Error::NotFound { .. })), "{answer:?}");
    }
    let listed: Vec<_> = store.list(Some(&at("delete"))).try_collect().await.expect("listed");
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].location, kept);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DurableLocal;
    use object_store::memory::InMemory;

    #[tokio::test(flavor = "multi_thread")]
    async fn memory_and_durable_directories_conform() {
        let memory: StoreRef = Arc::new(InMemory::new());
        all(&memory, true).await;
        let dir = tempfile::tempdir().unwrap();
        let local: StoreRef = Arc::new(DurableLocal::open(dir.path()).unwrap());
        all(&local, false).await;
    }
}
