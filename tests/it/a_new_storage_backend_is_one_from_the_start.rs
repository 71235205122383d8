//! The author's path of a storage backend: new, build, test, bench, sign, add, a lake on it,
//! run; and what `plugin test` says of stores that do not keep to what a store must.

use serde_json::Value;

use crate::support::author::{added, built, doubles, new_plugin, tested};
use crate::support::objects::Server;
use crate::support::{Outcome, Project, repository};

/// What `plugin test` is told of the server.
fn reach(server: &Server) -> [String; 4] {
    let options = format!("{{\"server\": \"http://{}\"}}", server.address);
    ["--options".into(), options, "--host".into(), format!("http://{}", server.address)]
}

#[test]
fn a_new_storage_backend_is_built_tested_signed_added_and_keeps_a_lake() {
    let (project, server) = (Project::new(""), Server::start());
    let dir = new_plugin(&project, "storage-backend", "fresh-store");
    let made = built(&project, &dir, "storage-backend", "fresh-store");
    assert_eq!(made["capabilities"], serde_json::json!(["secrets", "wasi:http"]), "{made}");

    let with = reach(&server);
    let with: Vec<&str> = with.iter().map(String::as_str).collect();
    tested(&project, &dir, &made, &with);
    let path = dir.to_string_lossy();
    let bench = project.json(&[&["plugin", "bench", &path, "--times", "2"], &with[..]].concat());
    let operations = bench["operations"].as_array().unwrap();
    let names: Vec<&str> = operations.iter().map(|o| o["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"put 8 MiB") && names.contains(&"list"), "{bench}");
    assert!(operations.iter().all(|o| o["per_second"].as_f64() > Some(0.0)), "{bench}");
    let number = |key: &str| bench[key].as_f64().unwrap_or_else(|| panic!("{key}: {bench}"));
    assert!(number("waiting_seconds") > 0.0, "{bench}");
    assert!(number("waiting_seconds") < number("busy_seconds"), "{bench}");
    // A piece of 8 MiB was in it.
    assert!(number("peak_memory") > (8 << 20) as f64, "{bench}");
    assert_eq!(server.names(), [""; 0], "both have removed what they wrote");

    added(&project, &made, &["--grant", "wasi:http", "--grant", "secrets"]);
    let address = &server.address;
    let lake = format!(
        "[lake]\nurl = \"fresh-store://lake/prefix\"\n\
         options = {{ server = \"http://{address}\" }}\n\n\
         [plugin.fresh-store]\ngrants = [\"wasi:http\", \"secrets\"]\n\
         hosts = [\"http://{address}\"]\ndeadline = \"20s\"\n"
    );
    let scaled = new_plugin(&project, "transform", "scaled");
    let scaled = built(&project, &scaled, "transform", "scaled");
    let section =
        format!("{lake}\n[plugin.scaled]\nsource = {}\nallow_unsigned = true\n", scaled["path"]);
    doubles(&project, "scaled", &section);
    let names = server.names();
    assert!(!names.is_empty() && names.iter().all(|n| n.starts_with("lake/prefix/")), "{names:?}");
    assert!(!project.root.join("lake").exists());
}

fn report(outcome: &Outcome) -> Value {
    serde_json::from_str(&outcome.stdout).unwrap_or_else(|e| panic!("{e}: {outcome:?}"))
}

#[test]
fn a_store_that_lies_fails_by_the_name_of_the_check() {
    let (project, server) = (Project::new(""), Server::start());
    let guest = repository().join("target/test-guests/guest-objects.wasm");
    let test = |lie: &str, with: &[&str]| {
        let options = format!("{{\"server\": \"{}\", \"lie\": \"{lie}\"}}", server.address);
        let host = format!("http://{}", server.address);
        let guest = guest.to_string_lossy();
        let args = ["plugin", "test", &guest, "--options", &options, "--host", &host];
        let granted = ["wasi:http", "clock", "secrets"].map(|grant| ["--grant", grant]).concat();
        project.run(&[&args[..], &granted, with].concat())
    };
    test("", &[]).fails(1, &["which store", "--url URL"]);
    let url = ["--url", "objects://lake", "--json"];
    let honest = report(&test("", &url).success());
    assert_eq!(honest["ok"], true, "{honest}");
    for (lie, name) in [
        ("short", "objects of any size come back"),
        ("unordered", "listings are complete and in order"),
        ("conflict", "objects of any size come back"),
    ] {
        let outcome = test(lie, &url);
        assert_eq!(outcome.code, Some(1), "{outcome:?}");
        assert!(!outcome.stderr.contains("panicked"), "{outcome:?}");
        let report = report(&outcome);
        let failed: Vec<&str> = report["checks"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|check| check["verdict"] == "failed")
            .map(|check| check["name"].as_str().unwrap())
            .collect();
        assert!(failed.contains(&name), "{lie}: {failed:?}");
    }
    // Every check is told to people, too.
    let shown = test("short", &["--url", "objects://lake"]);
    assert!(shown.stdout.contains("failed: ranges are exact"), "{shown:?}");
}
