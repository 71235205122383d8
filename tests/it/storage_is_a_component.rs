//! A component as the store of a lake: it does all that a store must, and when it
//! does not, it is not believed. The guest is `tests/guests/objects`; `shelf` is one
//! on the SDK.

use std::sync::Arc;
use std::time::{Duration, Instant};

use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt, PutMode};
use serde_json::json;
use tidelake_core::config::{Interruption, PluginConfig, SecretSource};
use tidelake_lake::conformance;
use tidelake_plugin::{HostOptions, PluginHost};

use crate::support::objects::Server;
use crate::support::{lakes, plugin_cache, repository, shown};

fn config(server: &Server) -> PluginConfig {
    PluginConfig {
        source: Some(repository().join("target/test-guests/guest-objects.wasm")),
        grants: ["wasi:http", "clock", "secrets"].map(str::to_owned).into(),
        hosts: vec![format!("http://{}", server.address).parse().unwrap()],
        allow_unsigned: true,
        deadline_ms: 20_000,
        ..PluginConfig::default()
    }
}

fn host(config: PluginConfig) -> PluginHost {
    PluginHost::new(HostOptions {
        sources: [("objects".to_owned(), config)].into(),
        cache_dir: plugin_cache(),
        ..HostOptions::default()
    })
    .unwrap()
}

fn store(server: &Server, lie: &str) -> Arc<dyn ObjectStore> {
    let options = json!({ "server": server.address, "lie": lie });
    host(config(server)).storage("objects", "objects://lake", &options).unwrap()
}

fn at(name: &str) -> Path {
    Path::from(name)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_conforms() {
    let server = Server::start();
    conformance::store::all(&store(&server, ""), true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backend_on_the_sdk_conforms_too() {
    let server = Server::start();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("key");
    std::fs::write(&file, "open sesame\n").unwrap();
    let config = PluginConfig {
        source: Some(repository().join("target/test-guests/guest-shelf.wasm")),
        secrets: [("key".to_owned(), SecretSource::File(file))].into(),
        ..config(&server)
    };
    let host = PluginHost::new(HostOptions {
        sources: [("shelf".to_owned(), config)].into(),
        cache_dir: plugin_cache(),
        ..HostOptions::default()
    })
    .unwrap();
    let options = json!({ "server": server.address, "secret": "key" });
    let store = host.storage("shelf", "shelf://lake", &options).unwrap();
    conformance::store::all(&store, true).await;
    assert!(server.secrets().iter().all(|secret| secret == "open sesame"));
    assert!(!server.secrets().is_empty());
    // What no server answers is the store's error, not a panic or a hang.
    drop(server);
    let error = shown(&store.head(&at("x")).await.unwrap_err());
    assert!(error.contains("shelf"), "{error}");
}

#[tokio::test]
async fn a_component_serves_an_async_worker_that_is_alone() {
    let server = Server::start();
    let store = store(&server, "");
    store.put(&at("a"), vec![1, 2].into()).await.unwrap();
    assert_eq!(store.get(&at("a")).await.unwrap().bytes().await.unwrap(), vec![1, 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_on_a_component_keep_their_compare_and_swap() {
    let server = Server::start();
    lakes::logs_conform(store(&server, "")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_lies_is_not_believed() {
    let server = Server::start();
    let honest = store(&server, "");
    for number in 0..3 {
        honest.put(&at(&format!("x/{number}")), vec![7; 10].into()).await.unwrap();
    }
    let read = |lie: &'static str| {
        let store = store(&server, lie);
        async move {
            use object_store::Error;
            let all: Result<Vec<_>, Error> = {
                let mut listed = store.list(Some(&at("x")));
                let mut all = Vec::new();
                loop {
                    // The suite's own dependencies have no stream tools but this.
                    match std::future::poll_fn(|cx| listed.as_mut().poll_next(cx)).await {
                        Some(Ok(meta)) => all.push(meta),
                        Some(Err(error)) => break Err(error),
                        None => break Ok(all),
                    }
                }
            };
            match lie {
                "unordered" | "endless" | "tokens" => all.map(drop),
                _ => match store.get(&at("x/0")).await {
                    Ok(got) => got.bytes().await.map(drop),
                    Err(error) => Err(error),
                },
            }
        }
    };
    for (lie, says) in [
        ("unordered", "order of names"),
        ("endless", "same token twice"),
        ("tokens", "without coming to an end"),
        ("short", "9 bytes of x/0 where there are 10"),
        ("path", "\"x/0x\" for x/0"),
        ("etag", "control characters"),
    ] {
        let error = shown(&read(lie).await.expect_err(lie));
        assert!(error.contains(says) && error.contains("plugin `objects`"), "{lie}: {error}");
    }
    let ranges = store(&server, "short").get_ranges(&at("x/0"), &[0..5, 2..3]).await.unwrap_err();
    assert!(shown(&ranges).contains("4 bytes of x/0 where 5"), "{}", shown(&ranges));
    // Nobody asked it not to replace anything.
    let error = store(&server, "conflict").put(&at("x/9"), vec![1].into()).await.unwrap_err();
    assert!(matches!(error, Error::Generic { .. }), "{error:?}");
    assert!(shown(&error).contains("outcome: not known"), "{}", shown(&error));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_crashed_after_writing_is_not_known() {
    let server = Server::start();
    let store = store(&server, "panic");
    let x = at("x");
    let create = || store.put_opts(&x, vec![1].into(), PutMode::Create.into());
    let error = create().await.unwrap_err();
    assert!(matches!(error, Error::Generic { .. }), "{error:?}");
    let text = shown(&error);
    assert!(text.contains("crashed") && text.contains("outcome: not known"), "{text}");
    // A fresh instance, to which the store itself says that the object is there.
    let error = create().await.unwrap_err();
    assert!(matches!(error, Error::AlreadyExists { .. }), "{error:?}");
    assert_eq!(server.names(), ["x"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_go_to_the_listed_hosts_and_nowhere_else() {
    let server = Server::start();
    let elsewhere = store(&server, "elsewhere");
    let error = shown(&elsewhere.head(&at("x")).await.unwrap_err());
    assert!(error.contains("HttpRequestDenied") || error.contains("denied"), "{error}");
    assert!(server.requests().is_empty());
    let options = json!({ "server": server.address });
    let unlisted = PluginConfig { hosts: vec![], ..config(&server) };
    let closed = host(unlisted).storage("objects", "objects://lake", &options).unwrap();
    let error = closed.head(&at("x")).await.unwrap_err();
    let advice = format!("http://{}", server.address);
    let tidelake = std::error::Error::source(&error)
        .and_then(|source| source.downcast_ref::<tidelake_core::Error>())
        .unwrap();
    let help = tidelake.help().unwrap_or_default();
    assert!(help.contains(&advice) && help.contains("[plugin.objects]"), "{tidelake:?}");
    assert!(server.requests().is_empty());
    // A redirect is an answer, and nobody goes after it.
    let error = store(&server, "").head(&at("redirect")).await.unwrap_err();
    assert!(shown(&error).contains("status 302"), "{}", shown(&error));
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_and_huge_answers_end_at_the_limits() {
    let server = Server::start();
    let options = json!({ "server": server.address });
    for interrupt in [Interruption::Polls, Interruption::Epochs] {
        let slow = PluginConfig { deadline_ms: 700, ..config(&server) };
        let host = PluginHost::new(HostOptions {
            sources: [("objects".to_owned(), slow)].into(),
            cache_dir: plugin_cache(),
            interrupt,
            ..HostOptions::default()
        })
        .unwrap();
        let store = host.storage("objects", "objects://lake", &options).unwrap();
        let since = Instant::now();
        let error = shown(&store.head(&at("slow")).await.unwrap_err());
        assert!(since.elapsed() < Duration::from_secs(6), "{:?}", since.elapsed());
        let late = error.contains("did not finish within") || error.contains("Timeout");
        assert!(late, "{error}");
        // Others are served as before.
        store.put(&at("x"), vec![1].into()).await.unwrap();
    }
    let error = shown(&store(&server, "").get(&at("huge")).await.unwrap_err());
    assert!(error.contains("ResponseBodySize"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn passing_trouble_is_waited_out_by_readers_alone() {
    let server = Server::start();
    let store = store(&server, "");
    store.put(&at("x"), vec![1].into()).await.unwrap();
    server.be_busy(2);
    store.head(&at("x")).await.unwrap();
    server.be_busy(1);
    let error = store.put(&at("x"), vec![2].into()).await.unwrap_err();
    assert!(shown(&error).contains("outcome: not known"), "{}", shown(&error));
    assert_eq!(server.requests().iter().filter(|r| *r == "PUT /o/x").count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_reach_the_plugin_they_are_for() {
    let server = Server::start();
    let options = json!({ "server": server.address, "secret": "key" });
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("key");
    std::fs::write(&file, "open sesame\n").unwrap();
    let secrets = [("key".to_owned(), SecretSource::File(file))].into();
    let given = PluginConfig { secrets, ..config(&server) };
    let store = host(given).storage("objects", "objects://lake", &options).unwrap();
    store.put(&at("x"), vec![1].into()).await.unwrap();
    assert_eq!(server.secrets(), ["open sesame"]);
    let without = host(config(&server)).storage("objects", "objects://lake", &options).unwrap();
    let error = shown(&without.head(&at("x")).await.unwrap_err());
    assert!(error.contains("[plugin.objects.secrets]"), "{error}");
}

#[test]
fn what_was_not_granted_is_not_compiled() {
    let server = Server::start();
    let options = json!({ "server": server.address });
    for missing in ["wasi:http", "clock", "secrets"] {
        let mut config = config(&server);
        config.grants.retain(|grant| grant != missing);
        let host = host(config);
        let error = host.storage("objects", "objects://lake", &options).unwrap_err();
        assert!(error.message().contains("not granted"), "{error:?}");
        assert!(error.help().unwrap().contains(missing), "{error:?}");
        assert_eq!(host.compilations(), 0);
    }
    let host = host(config(&server));
    let error = host.storage("objects", "objects://lake", &json!({ "sever": 1 })).unwrap_err();
    assert!(error.message().contains("sever"), "{error:?}");
    let error = host.storage("objects", "s3://bucket", &options).unwrap_err();
    assert!(format!("{error:?}").contains("objects://"), "{error:?}");
}
