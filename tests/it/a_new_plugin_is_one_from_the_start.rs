//! From `plugin new` to a table that runs the plugin, as its author does it, for the kinds
//! that rows go through, in Rust: new, build, test, sign, add, run. The README's chapter is
//! that path, and is followed as it is written.

use std::os::unix::fs::symlink;
use std::process::Command;

use crate::support::author::{made_and_added, share};
use crate::support::{Project, binary, plugin_cache, plugins, repository, ticks};
use tidelake_core::time::Micros;

/// Five days of ticks, of which all but the last two leave the hot store's window.
fn ingest(project: &Project) -> String {
    let first = Micros::parse("2024-03-01").unwrap();
    let mut random = ticks::Ticks::new(3);
    let days = (0..5).flat_map(|day| random.day(Micros(first.0 + day * ticks::DAY), 40));
    let path = project.write("ticks.csv", ticks::csv(&days.collect::<Vec<_>>()));
    project.run(&["ingest", "ticks", &path.to_string_lossy()]).success();
    project.run(&["validate"]).success();
    "2024-03-06".to_owned()
}

#[test]
fn a_new_downsampler_is_built_tested_signed_added_and_run() {
    let project = Project::new("");
    made_and_added(&project, "downsampler", "fresh-bars", &[]);
    let rollup = "[[table.ticks.rollup]]\nevery = \"1d\"\nplugin = \"fresh-bars\"\n\
                  options = { column = \"price\" }\n";
    project.configure(&ticks::config("parquet", rollup));
    let now = ingest(&project);
    project.run(&["run", "--now", &now]).success();
    // What the rollup covers, worked out from the raw rows.
    let covered = "SELECT count(price) AS n, round(sum(price), 6) AS s FROM ticks \
                   WHERE ts < (SELECT max(ts) + interval '1 day' FROM \"ticks@1d\")";
    let rolled = "SELECT sum(count) AS n, round(sum(sum), 6) AS s FROM \"ticks@1d\"";
    let rolled = project.query(rolled);
    assert_eq!(rolled, project.query(covered));
    assert!(rolled[0]["n"].as_u64() > Some(50), "{rolled:?}");
}

#[test]
fn a_new_format_is_built_tested_signed_added_and_run() {
    let project = Project::new("");
    made_and_added(&project, "format-writer", "fresh-file", &[]);
    project.configure(&ticks::config("fresh-file", ""));
    let now = ingest(&project);
    let sql = "SELECT symbol, count(*) AS n, sum(size) AS size, round(sum(price), 6) AS price \
               FROM ticks GROUP BY symbol ORDER BY symbol";
    let hot = project.query(sql);
    let report = project.json(&["run", "--now", &now]);
    assert!(report["tables"][0]["rows"].as_u64() > Some(50), "{report}");
    assert_eq!(project.query(sql), hot, "the same rows from the lake");
    project.run(&["verify"]).success();
}

#[test]
fn a_name_that_cannot_be_one_is_refused() {
    let project = Project::new("");
    for name in ["Spread", "9lives", "serde"] {
        let dir = project.root.join(name);
        let path = dir.to_string_lossy();
        project.run(&["plugin", "new", "--kind", "transform", &path]).fails(1, &[name]);
        assert!(!dir.exists());
    }
}

#[test]
fn what_a_language_cannot_do_yet_is_refused() {
    let project = Project::new("");
    for language in ["python", "javascript"] {
        let dir = project.root.join(language);
        let new = ["plugin", "new", "--kind", "downsampler", "--lang", language];
        let path = dir.to_string_lossy();
        project.run(&[&new[..], &[&path]].concat()).fails(1, &["only transforms", "--lang rust"]);
        assert!(!dir.exists());
    }
}

#[test]
fn what_cannot_be_built_or_tested_says_why() {
    let project = Project::new("");
    let root = project.root.to_string_lossy();
    project.run(&["plugin", "build", &root]).fails(1, &["no plugin's project", "Cargo.toml"]);
    let library = project.write("lib/Cargo.toml", "[package]\nname = \"x\"\n\n[workspace]\n");
    project.write("lib/src/lib.rs", "");
    let library = library.parent().unwrap().to_string_lossy();
    project.run(&["plugin", "build", &library]).fails(1, &["makes no cdylib", "crate-type"]);
    let mask = plugins().join("mask.wasm");
    let mask = mask.to_string_lossy();
    project.run(&["plugin", "test", &mask, "--options", "{\"colums\": []}"]).fails(1, &[]);
    project.run(&["plugin", "test", &mask, "--options", "7"]).fails(1, &["no JSON object"]);
    project.run(&["plugin", "test", &mask, "--key", "ticker"]).fails(1, &["no column \"ticker\""]);
    let sample = project.write("sample.toml", "tmie = \"ts\"\n");
    let sample = sample.to_string_lossy();
    project.run(&["plugin", "test", &mask, "--sample", &sample]).fails(1, &["did you mean `time`"]);
}

#[test]
fn rows_of_the_authors_own_are_part_of_the_test() {
    let project = Project::new("");
    let rows = project.write("own.csv", "ts,account\n2024-03-01,A-1\n2024-03-02,A-2\n");
    let mask = plugins().join("mask.wasm");
    let report = project.json(&[
        "plugin",
        "test",
        &mask.to_string_lossy(),
        "--data",
        &rows.to_string_lossy(),
        "--options",
        "{\"columns\": [\"account\"], \"salt\": \"s\"}",
    ]);
    let own = report["checks"].as_array().unwrap().iter().find(|c| c["name"] == "your own rows");
    assert_eq!(own.unwrap()["note"], "2 rows in, 2 out", "{report}");
}

#[test]
fn a_bench_counts_what_crosses_and_what_it_costs() {
    let project = Project::new("");
    let mask = plugins().join("mask.wasm");
    let report = project.json(&[
        "plugin",
        "bench",
        &mask.to_string_lossy(),
        "--rows",
        "100000",
        "--times",
        "3",
        "--options",
        "{\"columns\": [\"symbol\"], \"salt\": \"s\"}",
    ]);
    let number = |key: &str| report[key].as_f64().unwrap_or_else(|| panic!("{key}: {report}"));
    assert_eq!(report["seconds"].as_array().unwrap().len(), 3);
    assert_eq!((number("rows"), number("rows_out")), (100_000.0, 300_000.0));
    assert!(number("bytes_in") > 0.0 && number("bytes_out") > 0.0, "{report}");
    // One column in four is read: less crosses than is there.
    assert!(number("bytes_in") < 3.0 * number("arrow_bytes"), "{report}");
    assert!(number("crossing_seconds") > 0.0, "{report}");
    assert!(number("crossing_seconds") < number("busy_seconds"), "{report}");
    assert!(
        number("busy_seconds")
            <= report["seconds"].as_array().unwrap().iter().map(|s| s.as_f64().unwrap()).sum(),
        "{report}"
    );
    assert!(number("peak_memory") > 64.0 * 1024.0, "{report}");
    assert!(number("from_cache_seconds") < number("compile_seconds"), "{report}");
}

/// The README's path is typed line by line; what it shows is what there is to see.
#[test]
fn the_readme_is_followed_as_it_is_written() {
    let project = Project::new("");
    let readme = std::fs::read_to_string(repository().join("README.md")).unwrap();
    let (_, chapter) = readme.split_once("\n### One of your own\n").unwrap();
    let (chapter, _) = chapter.split_once("\n### ").unwrap();
    let steps = steps(chapter);
    let typed: Vec<&str> = steps.iter().map(|(typed, _)| typed.as_str()).collect();
    for word in ["new", "build", "test", "bench", "keygen", "sign", "add"] {
        let word = format!("tidelake plugin {word}");
        assert!(typed.iter().any(|line| line.starts_with(&word)), "{word}: {typed:?}");
    }

    symlink(binary(), project.root.join("tidelake")).unwrap();
    let shown = steps.iter().find(|(typed, _)| typed == "cat tidelake.toml").unwrap();
    project.write("market/tidelake.toml", shown.1.join("\n"));
    let day = |day: u32| format!("2024-03-0{day}T10:00:00Z,A,{day}0.0\n");
    let csv: String = (1..10).map(day).collect();
    project.write("market/trades.csv", format!("ts,symbol,price\n{csv}"));
    let mut place = project.root.clone();
    for (typed, shown) in steps {
        if let Some(to) = typed.strip_prefix("cd ") {
            place = place.join(to).canonicalize().unwrap();
            continue;
        }
        // There is no checkout above a temporary directory.
        let sdk = repository().join("sdk/rust");
        let new = typed.starts_with("tidelake plugin new");
        let line = if new { format!("{typed} --sdk {}", sdk.display()) } else { typed.clone() };
        let path = std::env::var("PATH").unwrap();
        let output = Command::new("sh")
            .args(["-c", &line])
            .current_dir(&place)
            .env("PATH", format!("{}:{path}", project.root.display()))
            .env("TIDELAKE_PLUGINS", plugins())
            .env("TIDELAKE_CACHE", plugin_cache())
            .env_remove("FAILPOINTS")
            .env_remove("RUSTFLAGS")
            .env_remove("CARGO_TARGET_DIR")
            .output()
            .unwrap();
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        assert!(output.status.success(), "{typed}: {said}");
        assert_shows(&typed, &said, &shown);
        if new {
            share(&project.root.join("scaled"));
        }
    }
}

/// What is typed in the console blocks of a text, each with the lines shown for it.
fn steps(text: &str) -> Vec<(String, Vec<String>)> {
    let mut steps: Vec<(String, Vec<String>)> = Vec::new();
    let mut console = false;
    for line in text.lines() {
        match line {
            "```console" => console = true,
            "```" => console = false,
            _ if !console => {}
            _ => match (line.strip_prefix("$ "), steps.last_mut()) {
                (Some(typed), _) => steps.push((typed.to_owned(), Vec::new())),
                (None, Some((_, shown))) => shown.push(line.to_owned()),
                (None, None) => panic!("{line:?} is shown before anything is typed"),
            },
        }
    }
    steps
}

/// Each line is there, its parts in order on one line; how many blanks are between
/// words does not matter.
#[track_caller]
fn assert_shows(typed: &str, said: &str, shown: &[String]) {
    let fold = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    for line in shown {
        let parts: Vec<String> = line.split('…').map(fold).collect();
        let holds = |said: &str| {
            let said = fold(said);
            parts.iter().try_fold(0, |from, part| {
                said[from..].find(part.as_str()).map(|at| from + at + part.len())
            })
        };
        assert!(said.lines().any(|line| holds(line).is_some()), "{typed}: {line:?} in {said}");
    }
}
