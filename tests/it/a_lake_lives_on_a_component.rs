//! A lake wholly on a storage plugin, through the real binary: nothing of it is on
//! this machine's disk, and everything that holds for a directory holds for it.

use std::sync::Arc;

use tidelake::{Engine, OpenOptions};
use tidelake_core::clock::FixedClock;
use tidelake_core::config;
use tidelake_core::time::Micros;

use crate::support::objects::Server;
use crate::support::ticks;
use crate::support::{Project, lakes, oracle, plugin_cache, plugins, repository};

/// The lake, kept by the guest `objects` on this server.
fn lake(server: &Server) -> String {
    format!(
        r#"
[lake]
url = "objects://lake/prefix"
options = {{ server = "{0}", secret = "key" }}

[plugin.objects]
source = "{1}"
allow_unsigned = true
grants = ["wasi:http", "secrets", "clock"]
hosts = ["http://{0}"]
deadline = "20s"

[plugin.objects.secrets]
key = "env:TIDELAKE_TEST_SECRET"
"#,
        server.address,
        repository().join("target/test-guests/guest-objects.wasm").display(),
    )
}

fn with_secret(project: &Project, args: &[&str]) -> crate::support::Outcome {
    let mut command = project.command(args);
    let output = command.env("TIDELAKE_TEST_SECRET", "open sesame").output().unwrap();
    crate::support::Outcome::of(args, output)
}

fn moved(server: &Server, format: &str) {
    let project = Project::new(&(lake(server) + &ticks::config(format, "")));
    let all = lakes::rows_move(&project, |args| with_secret(&project, args));
    assert!(server.names().iter().any(|name| name.starts_with("ticks/")));
    assert!(server.secrets().iter().all(|secret| secret == "open sesame"));
    assert_eq!(seen(&project, lakes::NOW), oracle::digest("ticks", &[ticks::batch(&all)]));
}

/// The digest of all rows, as this process reads them.
fn seen(project: &Project, now: &str) -> tidelake_core::hash::Digest {
    let text = std::fs::read_to_string(project.root.join("tidelake.toml")).unwrap();
    let word = project.write("word", "open sesame");
    let text = text.replace("env:TIDELAKE_TEST_SECRET", &format!("file:{}", word.display()));
    let options = OpenOptions {
        clock: Arc::new(FixedClock(Micros::parse(now).unwrap())),
        command: "the test".to_owned(),
        plugin_dirs: vec![plugins()],
        cache_dir: Some(plugin_cache()),
    };
    let engine = Engine::open(&project.root, config::parse(&text).unwrap(), options).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let session = oracle::session(&engine).await;
        let (rows, _) =
            session.query("SELECT * FROM ticks").await.unwrap().collect().await.unwrap();
        oracle::digest("ticks", &rows)
    })
}

#[test]
fn delta_on_a_component_is_a_lake_like_any_other() {
    let server = Server::start();
    moved(&server, "delta");
    assert!(server.names().iter().any(|name| name.starts_with("ticks/_delta_log/")));
}

#[test]
fn our_own_log_on_a_component_is_a_lake_like_any_other() {
    moved(&Server::start(), "parquet");
}

/// A backend that says it has done what it has not: nothing is let go of for its sake.
#[test]
fn a_backend_that_lies_about_writes_is_given_no_rows_to_lose() {
    let now = "2024-03-20T00:00:00Z";
    for (lie, says, untouched) in [
        ("lost", "what it says it has written is not there", true),
        ("overwrites", "replaces an object that it was told only to create", true),
        // Honest about small things.
        ("lost-data", "there is no such file in the lake", false),
    ] {
        let server = Server::start();
        let lying = lake(&server).replace("secret = \"key\"", &format!("lie = {lie:?}"));
        let project = Project::new(&(lying + &ticks::config("delta", "")));
        let rows = ticks::Ticks::new(3).day(Micros::parse("2024-03-01").unwrap(), 300);
        let file = project.write("day.csv", ticks::csv(&rows));
        with_secret(&project, &["ingest", "ticks", file.to_str().unwrap()]).success();
        with_secret(&project, &["run", "--now", now]).fails(1, &[says]);
        let lake = server.names();
        assert!(!untouched || !lake.iter().any(|name| name.starts_with("ticks/")), "{lake:?}");
        // Nor by another run, which finds what the first one committed.
        with_secret(&project, &["run", "--now", now]).fails(1, &[says]);
        let status = with_secret(&project, &["status", "--json", "--now", now]).success();
        let status: serde_json::Value = serde_json::from_str(&status.stdout).unwrap();
        let rows = |tier: &str| status[0][tier]["rows"].as_u64().unwrap();
        assert_eq!(rows("hot") + rows("warm"), 300, "{lie}: {status}");
    }
}

#[test]
fn eight_hosts_commit_to_one_delta_table() {
    let server = Server::start();
    lakes::eight_hosts_commit_at_once(&lake(&server).replace(", secret = \"key\"", ""));
}

#[test]
fn what_is_wrong_with_the_storage_is_told_before_it_is_used() {
    let server = Server::start();
    let good = lake(&server);
    let wrong = |text: String, code: i32, says: &[&str]| {
        with_secret(&Project::new(&text), &["validate"]).fails(code, says);
    };
    wrong(good.replace("server =", "sever ="), 1, &["sever", "`server`", "tidelake.toml:4"]);
    wrong(
        good.replace("objects://", "other://"),
        1,
        &["no plugin named `other`", "[plugin.other]"],
    );
    wrong(good.replace(", \"clock\"", ""), 1, &["clock", "not granted"]);
    let hosts = format!("hosts = [\"http://{}\"]", server.address);
    wrong(good.replace(&hosts, ""), 1, &["may reach no host", "[plugin.objects]"]);
    let other = good.replace("[lake]", "[lake]\nstorage = \"mask\"");
    wrong(other, 1, &["is a transform, not a storage-backend"]);
    assert!(server.requests().is_empty());
    // Without its secret nothing can be done, and what is to be done is said.
    let project = Project::new(&(good + &ticks::config("delta", "")));
    let outcome = project.command(&["verify"]).env_remove("TIDELAKE_TEST_SECRET").output().unwrap();
    crate::support::Outcome::of(&["verify"], outcome).fails(1, &["TIDELAKE_TEST_SECRET"]);
}
