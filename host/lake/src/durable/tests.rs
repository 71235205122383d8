use object_store::ObjectStoreExt;

use super::*;

fn store() -> (tempfile::TempDir, DurableLocal) {
    let directory = tempfile::tempdir().unwrap();
    let store = DurableLocal::open(&directory.path().join("new/lake")).unwrap();
    (directory, store)
}

fn names(directory: &FsPath) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(directory)
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn puts_and_creates() {
    let (_guard, store) = store();
    let path = Path::parse("t/c=a%2Fb%20c/f.json").unwrap();
    store.put(&path, "one".into()).await.unwrap();
    store.put(&path, "two".into()).await.unwrap();
    let create = || store.put_opts(&path, "three".into(), PutMode::Create.into());
    assert!(matches!(create().await, Err(object_store::Error::AlreadyExists { .. })));
    assert_eq!(store.get(&path).await.unwrap().bytes().await.unwrap(), "two");
    // The name on disk is the path itself, and no temporary stays.
    let root = store.directories.root();
    assert_eq!(names(&root.join("t")), ["c=a%2Fb%20c"]);
    assert_eq!(names(&root.join("t/c=a%2Fb%20c")), ["f.json"]);
}

#[tokio::test]
async fn one_creator_wins() {
    let (_guard, store) = store();
    let path = Path::from("log/0.json");
    let tasks: Vec<_> = (0..8)
        .map(|i| {
            let (store, path) = (store.clone(), path.clone());
            tokio::spawn(async move {
                let text = format!("writer {i}");
                store.put_opts(&path, text.into(), PutMode::Create.into()).await.is_ok()
            })
        })
        .collect();
    let mut winners = 0;
    for task in tasks {
        winners += u32::from(task.await.unwrap());
    }
    assert_eq!(winners, 1);
    assert_eq!(names(&store.directories.root().join("log")), ["0.json"]);
}

#[tokio::test]
async fn uploads_show_when_complete() {
    let (_guard, store) = store();
    let path = Path::from("t/f");
    let directory = store.directories.root().join("t");
    let mut upload = store.put_multipart(&path).await.unwrap();
    let (a, b) = (upload.put_part("hello ".into()), upload.put_part("world".into()));
    // Parts may finish in any order.
    b.await.unwrap();
    a.await.unwrap();
    assert!(store.head(&path).await.is_err());
    upload.complete().await.unwrap();
    assert_eq!(store.get(&path).await.unwrap().bytes().await.unwrap(), "hello world");

    let mut aborted = store.put_multipart(&Path::from("t/g")).await.unwrap();
    aborted.put_part("x".into()).await.unwrap();
    aborted.abort().await.unwrap();
    let dropped = store.put_multipart(&Path::from("t/h")).await.unwrap();
    drop(dropped);
    assert_eq!(names(&directory), ["f"]);
}

#[tokio::test]
async fn leftovers_of_the_dead_are_swept() {
    let (_guard, store) = store();
    let directory = store.directories.root().join("t");
    std::fs::create_dir(&directory).unwrap();
    std::fs::write(directory.join("f#00000000010000000002"), "half").unwrap();
    let mut alive = store.put_multipart(&Path::from("u/g")).await.unwrap();
    // The first write to a directory sweeps it.
    store.put(&Path::from("t/f"), "whole".into()).await.unwrap();
    assert_eq!(names(&directory), ["f"]);

    std::fs::write(directory.join("f#7"), "half").unwrap();
    std::fs::write(directory.join("f#seven"), "a name like any other").unwrap();
    assert_eq!(store.sweep().unwrap(), 1);
    assert_eq!(names(&directory), ["f", "f#seven"]);
    alive.put_part("x".into()).await.unwrap();
    alive.complete().await.unwrap();
    assert!(store.head(&Path::from("u/g")).await.is_ok());
}

#[tokio::test]
async fn a_removed_directory_is_made_again() {
    let (_guard, store) = store();
    store.put(&Path::from("t/u/f"), "1".into()).await.unwrap();
    std::fs::remove_dir_all(store.directories.root().join("t")).unwrap();
    store.put(&Path::from("t/u/f"), "2".into()).await.unwrap();
    store.copy(&Path::from("t/u/f"), &Path::from("v/w/f")).await.unwrap();
    assert_eq!(store.get(&Path::from("v/w/f")).await.unwrap().bytes().await.unwrap(), "2");
}
