//! Plugins over HTTP: what arrives is bounded, whole, and what was announced, or
//! nothing of it is kept.

use crate::support::stranger::{QUOTES, Scene, importing};
use crate::support::web::{Page, Web};

#[test]
fn it_is_added_with_the_signature_beside_it_and_runs() {
    let (scene, web) = (Scene::new(QUOTES), Web::start());
    let key = scene.keygen("acme");
    scene.sign("acme");
    let bytes = std::fs::read(&scene.wasm).unwrap();
    let url = web.put("/dist/spread.wasm", Page::File(bytes.clone()));
    let add = ["plugin", "add", &url, "--trust", &key];

    scene.run(&add).fails(1, &["not signed"]);
    scene.nothing_was_compiled();
    let signature = std::fs::read(format!("{}.minisig", scene.wasm.display())).unwrap();
    web.put("/dist/spread.wasm.minisig", Page::File(signature));
    scene.run(&["plugin", "add", &url]).fails(1, &["which is not trusted"]);
    scene.nothing_was_compiled();
    let verified = scene.json(&["plugin", "verify", &url, "--key", &key]);
    assert_eq!(verified["key"], key.as_str());

    // Reached by a redirect, and still what was announced.
    let moved = web.put("/spread.wasm", Page::Elsewhere(url.clone()));
    web.put("/spread.wasm.minisig", Page::Elsewhere(format!("{url}.minisig")));
    let wrong = "0".repeat(64);
    let expected =
        |sha256: &str| scene.run(&["plugin", "add", &moved, "--trust", &key, "--sha256", sha256]);
    // Certificates are for those who show some.
    let bare = [("SSL_CERT_FILE", "/nonexistent"), ("SSL_CERT_DIR", "/nonexistent")];
    scene.run_with(&["plugin", "verify", &moved, "--key", &key], &bare).success();
    expected(&wrong).fails(1, &["not the one whose sha256 was given", &wrong]);
    scene.nothing_was_compiled();
    let sha256 = scene.json(&["plugin", "inspect", &url, "--key", &key])["sha256"].clone();
    let sha256 = sha256.as_str().unwrap();
    expected(sha256).success();
    let lock = scene.lock();
    for part in [&format!("source = \"{moved}\""), sha256, &key] {
        assert!(lock.contains(part), "{part:?} is not in\n{lock}");
    }
    scene.run(&["validate"]).success();

    // A new version wants more: refused until it is granted, and then for another reason.
    std::fs::write(&scene.wasm, importing("tidelake:plugin/kv@0.1.0")).unwrap();
    scene.sign("acme");
    let signature = std::fs::read(format!("{}.minisig", scene.wasm.display())).unwrap();
    web.put("/dist/spread.wasm", Page::File(std::fs::read(&scene.wasm).unwrap()));
    web.put("/dist/spread.wasm.minisig", Page::File(signature));
    let update = scene.run(&["plugin", "add", "spread"]);
    update.fails(1, &["not granted", "was added without", "--grant kv"]);
    scene.run(&["plugin", "add", "spread", "--grant", "kv"]).fails(1, &["does not offer"]);
    assert_eq!(scene.lock(), lock);
}

#[test]
fn what_does_not_arrive_as_it_should_is_not_kept() {
    let (scene, web) = (Scene::new(QUOTES), Web::start());
    let bytes = std::fs::read(&scene.wasm).unwrap();
    let elsewhere = |to: &str| Page::Elsewhere(to.to_owned());
    let insecure = "http://plugins.invalid/spread.wasm";
    let round = format!("http://{}/round.wasm", web.address);
    let cases = [
        ("/gone.wasm", Page::Status(404), "there is no plugin at the address"),
        ("/secret.wasm", Page::Status(401), "does not give the file to everybody"),
        ("/broken.wasm", Page::Broken(bytes.clone(), 1000), "broke off after 1000 of"),
        ("/endless.wasm", Page::Endless, "more than the 134.2 MB that it may have"),
        ("/huge.wasm", Page::Announced(1 << 40), "more than the 134.2 MB that it may have"),
        ("/elsewhere.wasm", elsewhere(insecure), "without encryption"),
        ("/round.wasm", elsewhere(&round), "more than 5 redirects"),
        ("/busy.wasm", Page::Status(503), "try again later"),
        ("/text.wasm", Page::File(b"<html>".to_vec()), "not WebAssembly"),
    ];
    for (path, page, says) in cases {
        let url = web.put(path, page);
        scene.run(&["plugin", "add", &url, "--allow-unsigned"]).fails(1, &[says]);
        scene.nothing_was_compiled();
        assert_eq!(scene.lock(), "");
        assert!(!scene.project.root.join(".tidelake/plugins").exists(), "{path}");
    }
    scene.run(&["plugin", "add", insecure]).fails(1, &["without encryption", "--allow-http"]);
    let closed = ["plugin", "add", "http://127.0.0.1:1/spread.wasm"];
    scene.run(&closed).fails(1, &["the server cannot be reached"]);
}
