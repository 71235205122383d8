//! Plugins in a registry, here Debian's docker-registry: published, added by a tag and
//! pinned by digest, and refused when anything on the way is not as it should be.

use crate::support::registry::Registry;
use crate::support::stranger::{QUOTES, Scene, importing};
use crate::support::web::breaking;

const SQL: &str = "SELECT symbol, min(mid) AS mid FROM quotes GROUP BY symbol";

/// Publishes the scene's plugin; its name with the digest.
fn push(scene: &Scene, name: &str) -> String {
    let wasm = scene.wasm.to_string_lossy();
    let pushed = scene.json(&["plugin", "push", &wasm, name]);
    pushed["source"].as_str().unwrap().to_owned()
}

#[test]
fn pushed_added_by_its_tag_pinned_by_its_digest_and_run() {
    let (scene, registry) = (Scene::new(QUOTES), Registry::start());
    let key = scene.keygen("acme");
    let name = registry.name("acme/spread:1");
    let wasm = scene.wasm.to_string_lossy().into_owned();
    scene.run(&["plugin", "push", &wasm, &name]).fails(1, &["not signed", "plugin sign"]);
    scene.sign("acme");
    let first = push(&scene, &name);
    assert!(first.starts_with(&format!("{name}@sha256:")), "{first}");

    scene.run(&["plugin", "add", &name]).fails(1, &["signed with key", "not trusted"]);
    scene.nothing_was_compiled();
    let added = scene.json(&["plugin", "add", &name, "--trust", &key]);
    assert_eq!((&added["source"], &added["replaced"]), (&first.as_str().into(), &().into()));
    assert_eq!(added["signer"]["key"], key.as_str());
    assert!(scene.lock().contains(&format!("source = \"{first}\"")), "{}", scene.lock());

    // The added plugin and the one in the registry are looked at alike.
    let there = scene.json(&["plugin", "inspect", &name, "--key", &key]);
    let here = scene.json(&["plugin", "inspect", "spread"]);
    assert_eq!((&there["sha256"], &there["name"]), (&here["sha256"], &here["name"]));
    assert_eq!(there["signature"], here["signature"]);
    scene.run(&["plugin", "verify", &name, "--key", &key]).success();

    let csv = "ts,symbol,bid,ask\n2024-03-01T10:00:00Z,A,99.0,101.0\n";
    let path = scene.project.write("quotes.csv", csv);
    let project = &scene.project;
    project.run(&["ingest", "quotes", &path.to_string_lossy()]).success();
    project.run(&["run", "--now", "2024-03-20"]).success();
    assert_eq!(project.query(SQL)[0]["mid"], 100.0);
    // What it did is told by a process that did none of it.
    let list = project.json(&["plugin", "list"]);
    let row = list.as_array().unwrap().iter().find(|row| row["name"] == "spread").unwrap();
    let number = |key: &str| row["stats"][key].as_u64().unwrap();
    assert_eq!((number("rows_in"), number("rows_out"), number("traps")), (1, 1, 0), "{row:#}");
    assert!(number("calls") > 1 && number("cpu_nanos") > 0, "{row:#}");
    assert!(number("peak_memory") > 0, "{row:#}");

    // The tag moves on: what is pinned stays until it is updated by name.
    scene.build_anew("second");
    let unsigned = ["plugin", "push", &wasm, &name];
    scene.run(&unsigned).fails(1, &["built anew since it was signed"]);
    scene.sign("acme");
    let second = push(&scene, &name);
    assert_ne!(first, second);
    let again = scene.json(&["plugin", "add", &first]);
    assert_eq!(again["source"], first.as_str());
    let updated = scene.json(&["plugin", "add", "spread"]);
    assert_eq!(updated["source"], second.as_str());
    assert_eq!(updated["replaced"], "0.1.0");
    let pinned = scene.lock();
    assert!(pinned.contains(&second) && !pinned.contains(&first), "{pinned}");
    let kept = scene.run(&["plugin", "add", "spread"]).success();
    assert!(kept.stdout.contains("kept spread"), "{kept:?}");

    // A version that wants more is refused until that is granted.
    std::fs::write(&scene.wasm, importing("tidelake:plugin/kv@0.1.0")).unwrap();
    scene.sign("acme");
    push(&scene, &name);
    let wider = ["plugin", "add", "spread"];
    scene.run(&wider).fails(1, &["not granted", "was added without", "--grant kv"]);
    let granted = [&wider[..], &["--grant", "kv"]].concat();
    scene.run(&granted).fails(1, &["does not offer"]);
    assert_eq!(scene.lock(), pinned);
    scene.run(&["validate"]).success();
}

#[test]
fn what_is_not_as_it_should_be_is_never_compiled() {
    let (scene, registry) = (Scene::new(QUOTES), Registry::start());
    let (key, other) = (scene.keygen("acme"), scene.keygen("other"));
    scene.sign("acme");
    let wasm = scene.wasm.to_string_lossy().into_owned();
    let name = registry.name("acme/spread:1");
    let pushed = push(&scene, &name);
    let refused = |source: &str, trust: &str, says: &[&str]| {
        scene.run(&["plugin", "add", source, "--trust", trust]).fails(1, says);
        scene.nothing_was_compiled();
        assert_eq!(scene.lock(), "");
        assert!(!scene.project.root.join(".tidelake/plugins").exists(), "{source}");
    };
    refused(&name, &other, &["which is not trusted"]);
    let missing = "the registry has no such artifact";
    refused(&registry.name("acme/spread:2"), &key, &[missing]);
    refused(&registry.name("nobody/nothing"), &key, &[missing]);
    let digest = "0".repeat(64);
    refused(&format!("{name}@sha256:{digest}"), &key, &[missing]);
    refused("oci://spread", &key, &["names no artifact", "oci://registry/repository:tag"]);
    refused("oci://127.0.0.1:1/spread", &key, &["the registry cannot be reached"]);

    let unsigned = registry.name("acme/unsigned");
    std::fs::rename(format!("{wasm}.minisig"), scene.path("kept.minisig")).unwrap();
    scene.run(&["plugin", "push", &wasm, &unsigned, "--allow-unsigned"]).success();
    refused(&unsigned, &key, &["not signed"]);
    registry.put_image("library/shell", "application/vnd.oci.image.layer.v1.tar+gzip");
    refused(&registry.name("library/shell"), &key, &["is no plugin", "tar+gzip"]);
    registry.put_image("library/odd", "application/wasm");
    scene
        .run(&["plugin", "add", &registry.name("library/odd"), "--allow-unsigned"])
        .fails(1, &["not WebAssembly"]);
    let text = scene.project.write("text.wasm", "no component").to_string_lossy().into_owned();
    let push_text = ["plugin", "push", &text, &unsigned, "--allow-unsigned"];
    scene.run(&push_text).fails(1, &["not WebAssembly"]);

    // The registry is gone in the middle of the component.
    let cut = breaking(&registry.address, 10_000);
    refused(&name.replace(&registry.address, &cut), &key, &["broke off after"]);

    // Somebody changes what the registry keeps: the component, then the manifest too.
    let sha256 = tidelake_plugin::trust::digest(&std::fs::read(&scene.wasm).unwrap());
    let change = |sha256: &str| {
        let path = registry.blob(sha256);
        let mut bytes = std::fs::read(&path).unwrap();
        let end = bytes.len() - 1;
        bytes[end] ^= 1;
        std::fs::write(&path, bytes).unwrap();
    };
    change(&sha256);
    refused(&name, &key, &["the component is not the one that is named by its digest", &sha256]);
    change(&sha256);
    scene.run(&["plugin", "add", &pushed, "--trust", &key]).success();
}

#[test]
fn a_registry_that_wants_a_password_gets_it_from_docker_or_the_environment() {
    let (scene, registry) = (Scene::new(QUOTES), Registry::with_password());
    let key = scene.keygen("acme");
    scene.sign("acme");
    let wasm = scene.wasm.to_string_lossy().into_owned();
    let name = registry.name("acme/spread:1");
    let push = ["plugin", "push", &wasm, &name];
    let add = ["plugin", "add", &name, "--trust", &key];
    let who = ["the registry wants to know who we are", "TIDELAKE_OCI_USER", "docker login"];
    scene.run(&push).fails(1, &who);
    scene.run(&add).fails(1, &who);
    let variables = |password| [("TIDELAKE_OCI_USER", "me"), ("TIDELAKE_OCI_PASSWORD", password)];
    let wrong = ["refuses these credentials"];
    scene.run_with(&push, &variables("wrong")).fails(1, &wrong);
    scene.run_with(&push, &variables("secret")).success();
    scene.run_with(&add, &variables("wrong")).fails(1, &wrong);
    scene.nothing_was_compiled();

    // me:secret
    let auths =
        format!("{{\"auths\": {{\"{}\": {{\"auth\": \"bWU6c2VjcmV0\"}}}}}}", registry.address);
    scene.project.write("docker/config.json", auths);
    let added = scene.run(&add).success();
    assert!(!scene.lock().contains("secret") && !added.stdout.contains("secret"), "{added:?}");
}
