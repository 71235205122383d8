//! A lake on S3, by the plugin `s3`: against moto, which answers most like the real one,
//! and s3s, which verifies signatures. All that holds for a directory holds for it, also
//! when the server is busy and when answers are lost.

use std::process::Command;
use std::sync::Arc;

use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt};
use serde_json::json;
use tidelake_core::time::Micros;
use tidelake_lake::conformance;

use crate::support::flaky::{Proxy, Trouble};
use crate::support::s3::Server;
use crate::support::{Outcome, Project, lakes, oracle, python, repository, shown, ticks};

fn servers() -> [Server; 2] {
    [Server::moto(), Server::s3s()]
}

fn store_at(server: &Server, url: &str) -> Arc<dyn ObjectStore> {
    let options = json!({ "endpoint": server.endpoint() });
    server.host().storage("s3", url, &options).unwrap()
}

fn store(server: &Server) -> Arc<dyn ObjectStore> {
    store_at(server, "s3://lake/some/prefix")
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_does_all_that_a_store_must() {
    for server in servers() {
        conformance::store::all(&store(&server), true).await;
        // Below a prefix and without one.
        conformance::store::listings_are_in_order(&store_at(&server, "s3://lake")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn listings_have_several_pages() {
    for server in servers() {
        let store = store(&server);
        let at = |number: usize| Path::from(format!("many/{number:05}"));
        let writing: Vec<_> = (0..8)
            .map(|worker| {
                let store = Arc::clone(&store);
                tokio::spawn(async move {
                    for number in (worker..1203).step_by(8) {
                        store.put(&at(number), vec![1].into()).await.unwrap();
                    }
                })
            })
            .collect();
        for worker in writing {
            worker.await.unwrap();
        }
        let root = Path::from("many");
        let listed = store.list_with_delimiter(Some(&root)).await.unwrap();
        let names: Vec<_> = listed.objects.into_iter().map(|meta| meta.location).collect();
        assert_eq!(names, (0..1203).map(at).collect::<Vec<_>>());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn large_copies_replace_nothing_either() {
    for server in servers() {
        let store = store(&server);
        let [from, to] = ["from a%2Fb", "to"].map(Path::from);
        // More than is carried, so that the server copies it as a part of an upload.
        let bytes: Vec<u8> =
            (0..11u32 << 20).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        store.put(&from, bytes.clone().into()).await.unwrap();
        store.copy_if_not_exists(&from, &to).await.unwrap();
        assert!(store.get(&to).await.unwrap().bytes().await.unwrap() == bytes);
        let error = store.copy_if_not_exists(&from, &to).await.unwrap_err();
        assert!(matches!(error, Error::AlreadyExists { .. }), "{error:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_on_s3_keep_their_compare_and_swap() {
    for server in servers() {
        lakes::logs_conform(store(&server)).await;
    }
}

#[test]
fn eight_hosts_commit_to_one_table_on_s3() {
    for server in servers() {
        lakes::eight_hosts_commit_at_once(&server.lake("eight", &server.endpoint()));
    }
}

/// The whole story, seen by whoever reads it through the same storage.
fn story(server: &Server, format: &str, endpoint: &str) -> Project {
    let text = server.lake("story/x", endpoint) + &ticks::config(format, "");
    let project = Project::new(&text);
    let all = lakes::rows_move(&project, |args| project.run(args));
    let seen = oracle::look(&project.root, "ticks", Micros::parse(lakes::NOW).unwrap());
    assert_eq!(seen.query, oracle::digest("ticks", &[ticks::batch(&all)]));
    project
}

/// What delta-rs reads of the table, by its own client of S3.
fn read_by_delta_rs(endpoint: &str) -> (u64, u64) {
    let script = r#"
import json, sys
import pyarrow
from deltalake import DeltaTable, QueryBuilder
table = DeltaTable("s3://lake/story/x/ticks", storage_options={
    "AWS_ENDPOINT_URL": sys.argv[1], "AWS_ALLOW_HTTP": "true", "AWS_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "test-access", "AWS_SECRET_ACCESS_KEY": "test-secret"})
rows = QueryBuilder().register("ticks", table).execute(
    "SELECT count(*) AS n, sum(size) AS s FROM ticks")
[row] = pyarrow.table(rows).to_pylist()
print(json.dumps([row["n"], row["s"]]))
"#;
    let output = Command::new(python()).args(["-c", script, endpoint]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_str(&text).unwrap()
}

#[test]
fn delta_on_s3_is_a_lake_like_any_other() {
    for server in servers() {
        story(&server, "delta", &server.endpoint());
        assert_eq!(read_by_delta_rs(&server.endpoint()), (2010, (1..=2010).sum()));
    }
}

#[test]
fn our_own_log_on_s3_is_a_lake_like_any_other() {
    for server in servers() {
        story(&server, "parquet", &server.endpoint());
    }
}

/// What `tidelake demo` types, with its project, its data and S3 in place of a directory.
#[test]
fn the_demo_can_be_told_on_s3() {
    let server = Server::s3s();
    let demo = repository().join("host/cli/src/commands/demo/tidelake.toml");
    let text = std::fs::read_to_string(demo).unwrap() + &server.lake("demo", &server.endpoint());
    let project = Project::new(&text);
    let data = repository().join("examples/data");
    let [stocks, classes] =
        ["stocks.csv.gz", "asset-classes.csv"].map(|f| data.join(f).display().to_string());
    let now = ["--now", "2013-03-02"];
    project.run(&["ingest", "stocks", &stocks, "--lookup", &classes, "--on", "Ticker"]).success();
    for command in ["plan", "run", "verify"] {
        project.run(&[command, now[0], now[1]]).success();
    }
    assert_eq!(project.scalar("SELECT count(*) AS n FROM stocks"), 12_154);
    let status = project.json(&["status", "stocks", now[0], now[1]]);
    for tier in ["hot", "warm", "cold"] {
        assert_ne!(status[0][tier]["rows"], 0, "{status}");
    }
    let months = "SELECT sum(volume) AS v FROM \"stocks@1mo\"";
    // The monthly bars are of what the lake holds.
    let bars = "SELECT sum(Volume) AS v FROM stocks WHERE Date < DATE '2012-12-01'";
    assert_eq!(project.scalar(months).as_f64(), project.scalar(bars).as_f64());
    assert!(!project.root.join("lake").exists());
}

#[test]
fn what_a_busy_server_refuses_is_waited_out_or_done_by_the_next_run() {
    let server = Server::s3s();
    let proxy = Proxy::before(&server.address, Trouble { busy: Some(23), lost: None });
    troubled(&server, &proxy, "delta");
    assert!(proxy.made().0 > 3, "{:?}", proxy.made());
}

#[test]
fn a_commit_whose_answer_was_lost_is_neither_lost_nor_doubled() {
    for format in ["delta", "parquet"] {
        let server = Server::s3s();
        let proxy = Proxy::before(&server.address, Trouble { busy: None, lost: Some(2) });
        troubled(&server, &proxy, format);
        assert!(proxy.made().1 > 0, "{:?}", proxy.made());
    }
}

/// Runs until one succeeds; then all rows are there, once.
fn troubled(server: &Server, proxy: &Proxy, format: &str) {
    let text = server.lake("trouble", &proxy.endpoint) + &ticks::config(format, "");
    let project = Project::new(&text);
    let start = Micros::parse("2024-03-01").unwrap();
    let mut made = ticks::Ticks::new(3);
    let mut all = Vec::new();
    for day in 0..3 {
        let rows = made.day(Micros(start.0 + day * ticks::DAY), 200);
        let file = project.write(&format!("{day}.csv"), ticks::csv(&rows));
        project.run(&["ingest", "ticks", file.to_str().unwrap()]).success();
        all.extend(rows);
        let mut tries = 0;
        while project.run(&["run", "--now", lakes::NOW]).code != Some(0) {
            tries += 1;
            assert!(tries < 10, "{:?}", project.run(&["run", "--now", lakes::NOW]));
        }
    }
    // The same lake, seen without the trouble.
    project.configure(&(server.lake("trouble", &server.endpoint()) + &ticks::config(format, "")));
    project.run(&["run", "--now", lakes::NOW]).success();
    let seen = oracle::look(&project.root, "ticks", Micros::parse(lakes::NOW).unwrap());
    assert_eq!(seen.query, oracle::digest("ticks", &[ticks::batch(&all)]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_told_with_what_to_do() {
    let moto = Server::moto();
    let absent = store_at(&moto, "s3://nowhere");
    let x = Path::from("x");
    for error in [
        absent.list_with_delimiter(None).await.map(drop).unwrap_err(),
        absent.get(&x).await.map(drop).unwrap_err(),
        absent.put(&x, vec![1].into()).await.map(drop).unwrap_err(),
    ] {
        let text = shown(&error);
        assert!(text.contains("NoSuchBucket") && text.contains("create the bucket"), "{text}");
        assert!(!text.contains("outcome"), "{text}");
    }
    let s3s = Server::s3s();
    let known = store(&s3s);
    known.put(&x, vec![1].into()).await.unwrap();
    std::fs::write(s3s.dir.path().join("secret_key"), "another").unwrap();
    // Keys are read anew for every request.
    let error = known.get(&x).await.map(drop).unwrap_err();
    assert!(matches!(error, Error::PermissionDenied { .. }), "{error:?}");
    assert!(shown(&error).contains("SignatureDoesNotMatch"), "{}", shown(&error));
    assert!(!shown(&error).contains("another"), "{}", shown(&error));
    std::fs::remove_file(s3s.dir.path().join("secret_key")).unwrap();
    let error = known.get(&x).await.map(drop).unwrap_err();
    assert!(shown(&error).contains("secret_key"), "{}", shown(&error));
    let project =
        Project::new(&moto.lake("p", &moto.endpoint()).replace("endpoint =", "end_point ="));
    project.run(&["validate"]).fails(1, &["end_point", "`endpoint`"]);
}

#[test]
fn https_is_spoken_to_servers_whose_certificate_is_trusted_and_to_no_others() {
    let server = Server::moto_with_tls();
    let endpoint = format!("https://{}", server.address);
    let text = server.lake("tls", &endpoint) + &ticks::config("delta", "");
    // Whoever signed the certificate is not among those that this machine trusts.
    let project = Project::new(&text);
    let strange = project.run(&["status"]);
    strange.fails(1, &["the server's certificate is refused", "UnknownIssuer", "SSL_CERT_FILE"]);
    // One that is said to be trusted.
    let authority = server.dir.path().join("ca.pem");
    lakes::rows_move(&project, |args| {
        let output = project.command(args).env("SSL_CERT_FILE", &authority).output().unwrap();
        Outcome::of(args, output)
    });
    // Nothing is sent in the clear unless it is said so.
    let plain = text.replace("endpoint = \"https", "endpoint = \"http");
    let plain = Project::new(&plain).run(&["status"]);
    plain.fails(1, &["http://127.0.0.1", "`hosts`", "[plugin.s3]"]);
}
