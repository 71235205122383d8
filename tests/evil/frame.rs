//! Hostile guests as components: each a few lines of text in `guests/`, put into the
//! frame that all of them share (`frame.wat`).

use std::path::PathBuf;

fn read(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("evil").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The names of all guests.
pub fn guests() -> Vec<String> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("evil/guests");
    let files = std::fs::read_dir(path).expect("guests").map(|e| e.expect("guest").path());
    let name = |path: PathBuf| path.file_stem().expect("name").to_string_lossy().into_owned();
    let mut names: Vec<String> = files.map(name).collect();
    names.sort();
    names
}

/// The component of a guest, which calls itself `name`. A guest that consists of
/// `$evil` is called from `hook`.
pub fn component(guest: &str, name: &str, hook: &str) -> Vec<u8> {
    let text = read(&format!("guests/{guest}.wat"));
    let defined = text.contains("(func $evil");
    let evil = |at: &str| if defined && hook == at { "(call $evil)" } else { "" };
    let hooks = [
        ("$on-describe", format!("(func $on-describe {})", evil("describe"))),
        ("$on-create", format!("(func $on-create {})", evil("create"))),
        ("$stage", "(func $stage (result i32) (call $stage-new (i32.const 1)))".to_owned()),
        (
            "$schema",
            format!(
                "(func $schema (param i32) {}
                    (i32.store (local.get 0) (global.get $input))
                    (i32.store offset=4 (local.get 0) (global.get $length)))",
                evil("output-schema")
            ),
        ),
        (
            "$process",
            format!(
                "(func $process (param $batch i32) (param $sink i32) {}
                    (call $pass (local.get $batch) (local.get $sink)))",
                evil("process")
            ),
        ),
        ("$finish", format!("(func $finish (param i32) {})", evil("finish"))),
        ("$answer", "(func $answer (param i32))".to_owned()),
    ];
    let mut body = text.clone();
    for (name, default) in hooks {
        if !text.contains(&format!("(func {name} ")) {
            body.push_str(&default);
        }
    }
    let realloc = text.lines().find_map(|line| line.strip_prefix(";; realloc: "));
    let description = format!(r#"{{"name":"{name}","version":"1.0.0","kind":"transform"}}"#);
    let described = ((description.len() as u64) << 32) | 0xe000;
    // A destructor is code of a module of its own.
    let (end, drop) = if hook == "drop" { (text.as_str(), "(call $evil)") } else { ("", "") };
    let frame = read("frame.wat");
    let whole = [
        ("{guest}", body.as_str()),
        ("{start}", if hook == "start" { "(start $evil)" } else { "" }),
        ("{end}", end),
        ("{drop}", drop),
        ("{realloc}", realloc.unwrap_or_default()),
        ("{description}", &description.replace('"', "\\\"")),
        ("{described}", &described.to_string()),
    ]
    .into_iter()
    .fold(frame, |frame, (place, with)| frame.replace(place, with));
    wat::parse_str(&whole).unwrap_or_else(|error| panic!("{guest}: {error}"))
}
