//! Plugins that did not come with tidelake: who may run, who may not, and that those
//! who may not are never compiled.

use std::path::Path;

use crate::support::Outcome;
use crate::support::stranger::{QUOTES, Scene, importing};

const SQL: &str = "SELECT symbol, min(mid) AS mid, count(*) AS n FROM quotes GROUP BY symbol";

#[test]
fn keygen_sign_verify_add_list_inspect_run() {
    let scene = Scene::new(QUOTES);
    let key = scene.keygen("mine");
    let wasm = scene.wasm.to_string_lossy().into_owned();

    // Nothing is written over, and the secret is for its owner alone.
    let again = ["plugin", "keygen", &scene.path("mine"), "--no-password"];
    scene.run(&again).fails(1, &["there is a key already", "mine.key"]);
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(scene.path("mine.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    scene.run(&["plugin", "verify", &wasm, "--key", &key]).fails(1, &["not signed"]);
    scene.sign("mine");
    let verified = scene.json(&["plugin", "verify", &wasm, "--key", &scene.path("mine.pub")]);
    assert_eq!(verified["key"], key.as_str());
    let sha256 = scene.json(&["plugin", "inspect", &wasm])["sha256"].as_str().unwrap().to_owned();
    assert!(verified["comment"].as_str().unwrap().contains(&sha256), "{verified}");

    scene.add(&[]).fails(1, &["is signed with key", "not trusted", "--trust"]);
    scene.nothing_was_compiled();
    let added = scene.add(&["--trust", &key]).success();
    assert!(added.stdout.contains("added spread") && added.stdout.contains(&sha256), "{added:?}");
    let lock = std::fs::read_to_string(scene.project.root.join("tidelake.lock")).unwrap();
    for part in ["[plugin.spread]", &sha256, &key, "grants = []"] {
        assert!(lock.contains(part), "{part:?} is not in\n{lock}");
    }

    // From here on with the cache of all scenarios, where the other plugins are compiled.
    let project = &scene.project;
    let list = project.json(&["plugin", "list"]);
    let row = list.as_array().unwrap().iter().find(|p| p["name"] == "spread").unwrap();
    assert_eq!(row["sha256"], sha256.as_str());
    assert_eq!(row["signer"]["key"], key.as_str());
    assert_eq!(row["from"], "added");
    let table = project.run(&["plugin", "list"]).success().stdout;
    assert!(table.lines().all(|line| line.chars().count() <= 80), "{table}");
    assert!(table.contains("format-parquet") && table.contains("installed"), "{table}");

    let report = project.json(&["plugin", "inspect", "spread"]);
    assert_eq!((&report["kind"], &report["interface"]), (&"transform".into(), &"0.1.0".into()));
    assert_eq!(report["signature"]["state"], "good");
    let bid = report["options"].as_array().unwrap().iter().find(|o| o["name"] == "bid").unwrap();
    assert_eq!((&bid["takes"], &bid["default"]), (&"a text".into(), &"bid".into()));
    assert_eq!(bid["description"], "The column of bid prices.");

    // No `source` and no word in the configuration: the lock is enough.
    let csv = "ts,symbol,bid,ask\n2024-03-01T10:00:00Z,A,99.0,101.0\n";
    let path = project.write("quotes.csv", csv);
    project.run(&["ingest", "quotes", &path.to_string_lossy()]).success();
    project.run(&["validate"]).success();
    project.run(&["run", "--now", "2024-03-20"]).success();
    assert_eq!(project.query(SQL)[0]["mid"], 100.0);
}

#[test]
fn a_key_with_a_password_signs_only_with_it() {
    let scene = Scene::new(QUOTES);
    let with = |args: &[&str], password: Option<&str>| {
        let mut command = scene.project.command(args);
        match password {
            Some(password) => command.env("TIDELAKE_KEY_PASSWORD", password),
            None => command.env_remove("TIDELAKE_KEY_PASSWORD"),
        };
        Outcome::of(args, command.output().unwrap())
    };
    let (base, key) = (scene.path("locked"), scene.path("locked.key"));
    let wasm = scene.wasm.to_string_lossy().into_owned();
    let keygen = ["plugin", "keygen", &base];
    with(&keygen, None)
        .fails(1, &["nobody can be asked", "TIDELAKE_KEY_PASSWORD", "--no-password"]);
    with(&keygen, Some("sesame")).success();
    let sign = ["plugin", "sign", &wasm, "--key", &key];
    with(&sign, None).fails(1, &["TIDELAKE_KEY_PASSWORD"]);
    with(&sign, Some("wrong")).fails(1, &["the password is not this key's"]);
    with(&sign, Some("sesame")).success();
    let public = scene.path("locked.pub");
    scene.run(&["plugin", "verify", &wasm, "--key", &public]).success();
    let not_a_key = ["plugin", "sign", &wasm, "--key", &wasm];
    with(&not_a_key, Some("sesame")).fails(1, &["secret key"]);
}

#[test]
fn what_nobody_trusted_signed_is_never_compiled() {
    // Named by the configuration, or only lying in the project: the same rule.
    let config = format!("{QUOTES}\n[plugin.spread]\nsource = \"spread.wasm\"\n");
    let scene = Scene::new(&config);
    scene.run(&["plugin", "inspect", "spread"]).success();
    scene.run(&["plugin", "add", &scene.wasm.to_string_lossy()]).fails(1, &["not signed"]);
    scene.nothing_was_compiled();
    let refused = |says: &[&str]| {
        let report = scene.json(&["plugin", "inspect", "spread"]);
        let message = report["error"]["message"].as_str().unwrap_or_default();
        for text in says {
            assert!(message.contains(text), "{text:?} is not said: {report:#}");
        }
        scene.nothing_was_compiled();
    };
    refused(&["not signed"]);

    // Signed, by somebody else than the one who is trusted.
    let (mine, _) = (scene.keygen("mine"), scene.keygen("other"));
    scene.project.configure(&format!("[plugins]\ntrusted_keys = [\"{mine}\"]\n{config}"));
    scene.sign("other");
    refused(&["not trusted"]);

    // Signed by the one who is, and changed by one byte since.
    scene.sign("mine");
    let bytes = std::fs::read(&scene.wasm).unwrap();
    let mut changed = bytes.clone();
    let middle = changed.len() / 2;
    changed[middle] ^= 1;
    std::fs::write(&scene.wasm, &changed).unwrap();
    refused(&["not for these bytes"]);
    let verify = ["plugin", "verify", &scene.wasm.to_string_lossy()];
    scene.run(&verify).fails(1, &["not for these bytes"]);
    // Not even where no signature is needed.
    let lax = format!("{config}allow_unsigned = true\n");
    scene.project.configure(&format!("[plugins]\ntrusted_keys = [\"{mine}\"]\n{lax}"));
    refused(&["not for these bytes"]);

    // As it was signed, it runs.
    std::fs::write(&scene.wasm, &bytes).unwrap();
    scene.project.configure(&format!("[plugins]\ntrusted_keys = [\"{mine}\"]\n{config}"));
    assert_eq!(scene.json(&["plugin", "inspect", "spread"])["name"], "spread");

    // One that merely lies in the project is asked the same.
    let scene = Scene::new(QUOTES);
    std::fs::create_dir(scene.project.root.join("plugins")).unwrap();
    std::fs::rename(&scene.wasm, scene.project.root.join("plugins/spread.wasm")).unwrap();
    let report = scene.json(&["plugin", "inspect", "spread"]);
    assert_eq!(report["from"], "project");
    assert!(report["error"]["message"].as_str().unwrap().contains("not signed"), "{report:#}");
    scene.nothing_was_compiled();
    scene.run(&["validate"]).fails(1, &["spread", "not signed", "allow_unsigned"]);
}

#[test]
fn a_plugin_that_changed_after_it_was_added_is_refused_with_both_digests() {
    let scene = Scene::new(QUOTES);
    scene.keygen("mine");
    scene.sign("mine");
    scene.add(&["--trust", &scene.path("mine.pub")]).success();
    std::fs::remove_dir_all(scene.project.root.join("cache")).unwrap();

    let file = scene.added();
    let good = std::fs::read(&file).unwrap();
    let pinned = scene.json(&["plugin", "inspect", &scene.wasm.to_string_lossy()]);
    let pinned = pinned["sha256"].as_str().unwrap().to_owned();
    std::fs::write(&file, importing("tidelake:plugin/kv@0.1.0")).unwrap();
    let report = scene.json(&["plugin", "inspect", "spread"]);
    let found = report["sha256"].as_str().unwrap();
    assert_ne!(found, pinned);
    let error = report["error"].to_string();
    assert!(error.contains(found) && error.contains(&pinned), "{error}");
    assert!(error.contains("tidelake plugin add"), "{error}");
    scene.nothing_was_compiled();
    // A good signature of other bytes does not help: they are not what was added.
    let key = scene.path("mine.key");
    scene.run(&["plugin", "sign", &file.to_string_lossy(), "--key", &key]).success();
    scene.run(&["validate"]).fails(1, &["tidelake.lock pins", &pinned]);

    std::fs::write(&file, &good).unwrap();
    std::fs::remove_file(format!("{}.minisig", file.display())).unwrap();
    scene.run(&["validate"]).fails(1, &["spread", "not signed"]);
    std::fs::remove_file(&file).unwrap();
    scene.run(&["validate"]).fails(1, &["there is no file", "tidelake plugin add"]);
    scene.add(&[]).success();
    scene.run(&["validate"]).success();

    let lock = scene.project.root.join("tidelake.lock");
    let text = std::fs::read_to_string(&lock).unwrap();
    std::fs::write(&lock, text.replace("sha256", "sha265")).unwrap();
    scene.run(&["validate"]).fails(1, &["tidelake.lock cannot be used", "sha265", "sha256"]);
}

#[test]
fn capabilities_are_granted_by_name_or_the_plugin_is_not_compiled() {
    let config =
        format!("{QUOTES}\n[plugin.spread]\nsource = \"spread.wasm\"\nallow_unsigned = true\n");
    let scene = Scene::new(&config);
    for (import, capability) in
        [("tidelake:plugin/kv@0.1.0", "kv"), ("wasi:http/outgoing-handler@0.2.3", "wasi:http")]
    {
        scene.project.configure(&config);
        scene.project.write("spread.wasm", importing(import));
        let report = scene.json(&["plugin", "inspect", "spread"]);
        assert_eq!(report["imports"][0]["capability"], capability);
        assert_eq!(report["imports"][0]["granted"], false);
        let error = report["error"].to_string();
        assert!(error.contains(import) && error.contains("not granted"), "{error}");
        // This host has none of them yet: a grant changes the answer, not the end.
        scene.project.configure(&format!("{config}grants = [\"{capability}\"]\n"));
        let report = scene.json(&["plugin", "inspect", "spread"]);
        assert_eq!(report["imports"][0]["granted"], true);
        let error = report["error"].to_string();
        assert!(error.contains("does not offer"), "{error}");
        scene.nothing_was_compiled();
    }
}

#[test]
fn an_update_that_wants_more_is_refused_until_it_is_granted() {
    let scene = Scene::new(QUOTES);
    scene.add(&["--allow-unsigned"]).success();
    std::fs::remove_dir_all(scene.project.root.join("cache")).unwrap();
    let lock = || std::fs::read_to_string(scene.project.root.join("tidelake.lock")).unwrap();
    let before = lock();
    assert!(before.contains("unsigned = true"), "{before}");
    scene.project.write("spread.wasm", importing("tidelake:plugin/kv@0.1.0"));
    // Unsigned was allowed for the one that was added, and not for ever.
    scene.add(&[]).fails(1, &["not signed"]);
    scene.add(&["--allow-unsigned"]).fails(
        1,
        &["`tidelake:plugin/kv@0.1.0`", "not granted", "was added without", "--grant kv"],
    );
    scene.add(&["--allow-unsigned", "--grant", "kv"]).fails(1, &["does not offer"]);
    scene.nothing_was_compiled();
    assert_eq!(lock(), before, "the lock is as it was");
    scene.run(&["validate"]).success();
}

#[test]
fn what_cannot_be_fetched_or_is_not_there_is_said_so() {
    let scene = Scene::new(QUOTES);
    let elsewhere = ["plugin", "add", "ftp://example.com/spread.wasm"];
    scene.run(&elsewhere).fails(1, &["not fetched from ftp://", "https://", "oci://"]);
    scene.run(&["plugin", "add", "nowhere.wasm"]).fails(1, &["there is no file", "nowhere.wasm"]);
    let url = format!("file://{}", scene.wasm.display());
    scene.run(&["plugin", "add", &url, "--allow-unsigned"]).success();
    scene
        .run(&["plugin", "add", &url, "--allow-unsigned", "--name", "other"])
        .fails(1, &["calls itself `spread`, not `other`"]);
    scene.run(&["plugin", "inspect", "spraed"]).fails(1, &["no plugin named `spraed`", "spread"]);
    let other = Path::new("/nonexistent").to_string_lossy().into_owned();
    scene.run(&["plugin", "sign", &other, "--key", &other]).fails(1, &["cannot be read"]);
}
