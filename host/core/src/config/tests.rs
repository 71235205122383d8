use super::*;
use crate::period::{Every, Period};
use crate::table::LogKind;
use arrow::datatypes::{DataType, TimeUnit};
use proptest::prelude::*;

/// Line, and the words that its message and help must hold.
fn assert_problems(text: &str, expected: &[(usize, &[&str])]) {
    let problems = parse(text).unwrap_err();
    let shown: Vec<String> = problems
        .iter()
        .map(|p| {
            format!("{:?} {} / {}", p.position(text), p.message, p.help.as_deref().unwrap_or(""))
        })
        .collect();
    assert_eq!(problems.len(), expected.len(), "{shown:#?}");
    for ((problem, shown), (line, words)) in problems.iter().zip(&shown).zip(expected) {
        assert_eq!(problem.position(text).0, *line, "{shown}");
        for word in *words {
            assert!(shown.contains(word), "{word:?} is not in {shown:?}");
        }
    }
}

#[test]
fn one_line_is_enough() {
    let config = parse("[table.trades]\ntime = \"ts\"\n").unwrap();
    assert_eq!(config.hot, HotConfig::Embedded { path: "hot".into() });
    assert_eq!(config.lake.url, "lake");
    assert_eq!(config.engine, EngineConfig::default());
    let table = &config.tables["trades"];
    assert_eq!(table.layout.format, "delta");
    assert_eq!(table.layout.log(), LogKind::Delta);
    assert_eq!(table.layout.partition.names(), ["ts_day"]);
    assert_eq!(table.layout.sort, ["ts"]);
    assert_eq!(table.layout.target_file_size, 128_000_000);
    assert_eq!(table.lifecycle.hot.to_string(), "30d");
    assert_eq!(table.lifecycle.warm.to_string(), "90d");
    assert_eq!((table.lifecycle.retention, table.lifecycle.grace.to_string()), (None, "0s".into()));
    assert!(parse("").unwrap().tables.is_empty());
}

#[test]
fn a_source_is_read_and_its_mistakes_are_told_by_line() {
    let config = parse(
        "[table.t]\ntime = \"ts\"\n[table.t.source]\nplugin = \"feed\"\nid = \"second\"\n\
         max_rows = 7\noptions = { a = 1 }\n[table.u]\ntime = \"ts\"\n\
         [table.u.source]\nplugin = \"feed\"\n",
    )
    .unwrap();
    let source = config.tables["t"].source.clone().unwrap();
    assert_eq!(
        (source.plugin.as_str(), source.id.as_str(), source.max_rows),
        ("feed", "second", 7)
    );
    assert_eq!(source.options["a"], 1);
    let plain = config.tables["u"].source.clone().unwrap();
    assert_eq!((plain.id.as_str(), plain.max_rows), ("feed", 16_384));
    assert_problems(
        "[table.t]\ntime = \"ts\"\n[table.t.source]\nid = \"a\\tb\"\nmax_rows = 0\nplugn = \"x\"\n",
        &[
            (3, &["does not name its plugin"]),
            (4, &["cannot be the name of a source"]),
            (5, &["`max_rows` is 0"]),
            (6, &["`plugn`", "`plugin`"]),
        ],
    );
}

#[test]
fn every_key_is_read() {
    let config = parse(
        r#"
        [hot]
        kind = "embedded"
        path = "data/hot"
        [lake]
        url = "data/lake"
        [engine]
        memory = "1GiB"
        threads = 2
        interrupt = "epochs"

        [table.trades]
        time = "ts"
        key = ["symbol"]
        category = "class"
        [table.trades.schema]
        ts = "timestamp(ns, UTC)"
        symbol = "dictionary(utf8)"
        class = "utf8"
        price = "decimal(18, 4)"
        [table.trades.lifecycle]
        hot = "90d"
        warm = "1y"
        retention = "7y"
        grace = "10m"
        [table.trades.layout]
        format = "parquet"
        partition = ["month", "class"]
        target_file_size = "64MiB"
        options = { compression = "zstd(3)", levels = [1, 2.5, true] }
        [[table.trades.transform]]
        plugin = "mask"
        options = { columns = ["account"] }
        [[table.trades.rollup]]
        every = "1mo"
        zone = "Europe/Zurich"
        plugin = "ohlcv"
        options.price = "price"
        [[table.trades.rollup]]
        every = "1h"
        plugin = "stats"

        [plugins]
        trusted_keys = ["RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3"]
        allow_unsigned = false

        [plugin.mask]
        source = "plugins/mask.wasm"
        runtime = "wasm"
        memory = "32MB"
        deadline = "250ms"
        grants = ["kv", "wasi:http"]
        allow_unsigned = true
        hosts = ["*.example.com", "http://127.0.0.1:5000"]
        [plugin.mask.secrets]
        key = "env:KEY"
        word = "file:secrets/word"
        "#,
    )
    .unwrap();
    assert_eq!(
        config.engine,
        EngineConfig { memory: 1 << 30, threads: Some(2), interrupt: Interruption::Epochs }
    );
    let table = &config.tables["trades"];
    assert_eq!(table.layout.sort, ["symbol", "ts"]);
    assert_eq!(table.layout.partition.period, Period::Month);
    assert_eq!(table.layout.partition.columns, ["class"]);
    assert_eq!(
        table.layout.options,
        serde_json::json!({"compression": "zstd(3)", "levels": [1, 2.5, true]})
    );
    let schema = table.schema.as_ref().unwrap();
    assert_eq!(
        schema.field(0).data_type(),
        &DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()))
    );
    assert_eq!(table.transforms[0].options, serde_json::json!({"columns": ["account"]}));
    assert_eq!(table.rollups[0].every, Every::Month);
    assert_eq!(table.rollups[0].zone.name(), "Europe/Zurich");
    assert_eq!(table.rollups[0].options, serde_json::json!({"price": "price"}));
    assert_eq!(table.rollup_name(&table.rollups[1]), "trades@1h");
    assert_eq!(
        config.plugins["mask"],
        PluginConfig {
            runtime: Runtime::Wasm,
            source: Some("plugins/mask.wasm".into()),
            memory: 32_000_000,
            deadline_ms: 250,
            grants: vec!["kv".into(), "wasi:http".into()],
            allow_unsigned: true,
            hosts: ["*.example.com", "http://127.0.0.1:5000"].map(|h| h.parse().unwrap()).into(),
            secrets: [("key", "env:KEY"), ("word", "file:secrets/word")]
                .map(|(name, source)| (name.to_owned(), source.parse().unwrap()))
                .into(),
        }
    );
    assert_eq!(config.lake.storage, None);
    assert_eq!(config.trust.trusted_keys.len(), 1);
    assert!(!config.trust.allow_unsigned);
}

#[test]
fn a_lake_elsewhere_has_a_storage_plugin() {
    let lake = |text: &str| parse(text).unwrap().lake;
    let s3 = lake("[lake]\nurl = \"s3://bucket/prefix\"\noptions = { region = \"x\" }\n");
    let storage = s3.storage.unwrap();
    assert_eq!((s3.url.as_str(), storage.plugin.as_str()), ("s3://bucket/prefix", "s3"));
    assert_eq!(storage.options, serde_json::json!({"region": "x"}));
    let named = lake("[lake]\nurl = \"x+y://a\"\nstorage = \"mine\"\n").storage.unwrap();
    assert_eq!((named.plugin.as_str(), named.options), ("mine", serde_json::json!({})));
    assert_eq!(lake("[lake]\nurl = \"file:///x\"\n").storage, None);
    assert_problems(
        "[lake]\nurl = \"there\"\nstorage = \"s3\"\n",
        &[(3, &["needs no `storage`", "s3://"])],
    );
    assert_problems("[lake]\noptions = { a = 1 }\n", &[(2, &["no `options`"])]);
    assert_problems("[lake]\nurl = \"x+y://a\"\n", &[(2, &["`x+y`", "storage ="])]);
    assert_problems(
        "[lake]\nurl = \"s3://a\"\nstorage = \"S 3\"\nregion = \"x\"\n",
        &[(3, &["\"S 3\"", "name of a plugin"]), (4, &["unknown key `region`", "options"])],
    );
}

#[test]
fn hosts_and_secrets_are_spelt_out() {
    assert_problems(
        "[plugin.s3]\nhosts = [\"ftp://a\", \"a/b\"]\n\
         [plugin.s3.secrets]\nkey = \"hunter2\"\nword = 7\n\"a b\" = \"env:A\"\n",
        &[
            (2, &["`hosts`", "ftp://a"]),
            (2, &["a/b", "paths"]),
            (4, &["`key`", "env:VARIABLE"]),
            (5, &["`word`", "not a text"]),
            (6, &["\"a b\"", "name of a secret"]),
        ],
    );
}

#[test]
fn trust_is_spelt_out() {
    assert_problems(
        "[plugins]\ntrusted_keys = [\"RWshort\"]\nallow_unsinged = true\n\
         [plugin.a]\ngrants = [\"no spaces\"]\nallow_unsigned = \"yes\"\ntrusted_keys = []\n",
        &[
            (2, &["\"RWshort\" is not a public key", ".pub"]),
            (3, &["unknown key `allow_unsinged` in [plugins]", "`allow_unsigned`"]),
            (5, &["\"no spaces\"", "capability"]),
            (6, &["`allow_unsigned` is a text", "true or false"]),
            (7, &["unknown key `trusted_keys` in [plugin.a]"]),
        ],
    );
}

#[test]
fn all_mistakes_at_once() {
    let text = r#"[hot]
kind = "postgres"
pth = "hot"

[lake]
url = "s3://key:word@bucket/lake"

[engine]
memory = "lots"
threads = "two"

[tabel.trades]
time = "ts"

[table.trades]
time = "ts"
key = "symbol"
hot = "90d"

[table.trades.lifecycle]
hot = "90days"
warm = "1y"
retention = "365d"

[table.trades.layout]
partition = ["asset_class", "month"]
target_file_size = "128 megs"

[[table.trades.rollup]]
every = "7m"
plugin = "ohlcv"

[[table.trades.rollup]]
every = "1h"
zone = "Europe/Zurch"

[[table.trades.rollup]]
every = "60m"
plugin = "stats"

[table.quotes]
category = "class"

[plugin.mask]
runtime = "jvm"
memory = "8GB"
"#;
    assert_problems(
        text,
        &[
            (2, &["PostgreSQL", "embedded"]),
            (3, &["unknown key `pth` in [hot]", "`path`"]),
            (6, &["a user or a password", "secrets"]),
            (9, &["`memory`", "lots", "128MB"]),
            (10, &["`threads`", "a text", "whole number"]),
            (12, &["unknown section `tabel`", "`table`"]),
            (17, &["`key`", "[\"symbol\"]"]),
            (18, &["unknown key `hot`", "[table.trades.lifecycle]"]),
            (21, &["90days", "90d"]),
            (23, &["`warm` (1y)", "`retention` (365d)"]),
            (26, &["asset_class", "period"]),
            (26, &["\"month\" after its first"]),
            (27, &["128 megs"]),
            (30, &["7m", "divide a day"]),
            (33, &["does not name its plugin"]),
            (35, &["Europe/Zurch", "`Europe/Zurich`"]),
            (38, &["rollup of 1h already"]),
            (41, &["[table.quotes]", "time"]),
            (45, &["\"jvm\" is not a runtime", "native"]),
            (46, &["8GB", "4GiB"]),
        ],
    );
}

#[test]
fn syntax_errors_do_not_hide_each_other() {
    let text = "[hot]\npath = hot\n[table.t]\ntime = \"ts\n key = [\"a\"]\nhott = 1\n";
    assert_problems(text, &[(2, &["TOML"]), (4, &["TOML"]), (6, &["unknown key `hott`"])]);
    // What follows a broken header or an open bracket cannot be judged.
    assert_problems("[table.t\ntime = \"ts\"\nfoo = 1\n", &[(1, &["TOML"])]);
    assert_problems(
        "[table.t]\nkey = [\"a\"\ntime = \"ts\"\nfoo = 1\n",
        &[(3, &["TOML", "line 2"])],
    );
    assert_problems("[table.t]\ntime = \"ts\"\ntime = \"at\"\n", &[(3, &["duplicate"])]);
}

#[test]
fn columns_are_checked_against_the_schema() {
    let text = r#"[table.t]
time = "at"
key = ["symbl", "at"]
[table.t.schema]
symbol = "utf8"
at = "int64"
at_day = "date32"
price = "double"
size = "float64"
"#;
    assert_problems(
        text,
        &[
            (3, &["\"at\" is used as a key"]),
            (7, &["derived partition column"]),
            (8, &["`price`", "`float64`"]),
        ],
    );
    let text = text.replace("price = \"double\"", "price = \"float64\"");
    assert_problems(
        &format!(
            "{text}[table.t.layout]\npartition = [\"day\", \"size\"]\nsort = [\"symbol\", \"tim\"]\n"
        ),
        &[
            (3, &["\"symbl\"", "`symbol`"]),
            (3, &["used as a key"]),
            (6, &["int64", "timestamp(us)"]),
            (7, &["derived"]),
            (11, &["\"size\"", "float64", "text, integer"]),
            (12, &["sort column \"tim\""]),
        ],
    );
}

#[test]
fn names_and_shapes() {
    assert_problems(
        "[table.\"my-table\"]\ntime = \"ts\"\n",
        &[(1, &["my-table", "letters, digits"])],
    );
    assert_problems(
        "table = 3\n[[hot]]\npath = \"x\"\n",
        &[(1, &["not a section"]), (2, &["only once"])],
    );
    assert_problems(
        "[table.t]\ntime = \"\"\nkey = [\"a\", \"a\", 3]\ntransform = { plugin = \"x\" }\n",
        &[(2, &["empty"]), (3, &["twice"]), (3, &["integer"]), (4, &["[[table.t.transform]]"])],
    );
    assert_problems(
        "[engine]\ninterrupt = \"never\"\n",
        &[(2, &["never", "\"polls\"", "\"epochs\""])],
    );
    assert_problems(
        "[hot]\npath = \"data\"\n[lake]\nurl = \"./data/lake\"\n",
        &[(4, &["share a directory"])],
    );
    assert_problems(
        "[table.t]\ntime = \"ts\"\n[[table.t.transform]]\nplugin = \"a/b.wasm\"\noptions = { x = nan }\n",
        &[(4, &["a/b.wasm", "source"]), (5, &["nan"])],
    );
}

#[test]
fn a_long_hot_age_alone_is_no_contradiction() {
    let text = "[table.t]\ntime = \"ts\"\n[table.t.lifecycle]\nhot = \"1y\"\n";
    assert_eq!(parse(text).unwrap().tables["t"].lifecycle.warm.to_string(), "1y");
    // A leap year is longer than 365 days.
    assert_problems(&format!("{text}warm = \"365d\"\n"), &[(5, &["(1y)", "(365d)"])]);
    assert!(parse(&format!("{text}warm = \"366d\"\n")).is_ok());
}

#[test]
fn positions_count_characters() {
    let problem = Problem { span: 8..9, message: String::new(), help: None };
    assert_eq!(problem.position("ab\nnaïve = 1"), (2, 5));
    assert_eq!(problem.position("ab"), (1, 3));
}

#[test]
fn guesses() {
    assert_eq!(closest("trade", ["trades", "quotes"]), Some("trades"));
    assert_eq!(closest("Tikcer", ["Ticker", "Date"]), Some("Ticker"));
    assert_eq!(closest("x", ["y", "z"]), None);
    assert_eq!(closest("volume", ["price"]), None);
}

proptest! {
    /// Whatever the text, there is an answer, and its problems lie inside the text.
    #[test]
    fn any_text_is_answered(text in "(\\[table\\.[a-z]\\]\n|\\[\\[?[a-z.]{0,9}\\]?\\]?\n|[a-zé]{1,4} ?= ?[\"\\[a-z0-9.,é\\]{}]{0,9}\n|\"\"\"\n|\n){0,12}") {
        if let Err(problems) = parse(&text) {
            prop_assert!(!problems.is_empty());
            for problem in problems {
                prop_assert!(problem.span.end <= text.len(), "{problem:?}");
                let (line, column) = problem.position(&text);
                prop_assert!(line >= 1 && column >= 1);
            }
        }
    }
}

#[test]
fn a_plugin_runs_natively_only_where_that_is_written() {
    let parsed = |text: &str| parse(&format!("[plugin.mask]\n{text}"));
    assert_eq!(parsed("memory = \"8MB\"").unwrap().plugins["mask"].runtime, Runtime::Wasm);
    assert_eq!(parsed("runtime = \"wasm\"").unwrap().plugins["mask"].runtime, Runtime::Wasm);
    assert_eq!(parsed("runtime = \"native\"").unwrap().plugins["mask"].runtime, Runtime::Native);
    let problems = parsed("runtime = \"native\"\nallow_unsigned = true").unwrap_err();
    assert!(problems[0].message.contains("needs a signature"), "{problems:?}");
    assert!(problems[0].help.as_deref().is_some_and(|help| help.contains("plugin sign")));
}
