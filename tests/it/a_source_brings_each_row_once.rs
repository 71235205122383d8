//! Sources bring each row once: whatever of the process dies between a poll and its
//! commit, however the server fails, and whatever rule the plugin breaks.

use serde_json::json;
use tidelake_core::failpoint;

use crate::support::pages::{Pages, TOKEN};
use crate::support::{Project, repository};

/// Two tables of one server, by two ways of paging.
fn config(server: &Pages) -> String {
    let address = &server.address;
    let table = |name: &str, path: &str, rest: &str| {
        format!(
            r#"
[table.{name}]
time = "ts"
key = ["symbol"]
[table.{name}.lifecycle]
hot = "2d"
warm = "4d"
[table.{name}.source]
plugin = "source-http"
max_rows = 37
[table.{name}.source.options]
url = "http://{address}/{path}"
columns = {{ id = "int64", ts = "timestamp(us, UTC)", symbol = "utf8", price = "float64" }}
page_size = {{ param = "limit", rows = 60 }}
headers = {{ Authorization = "Bearer secret:token" }}
{rest}
"#
        )
    };
    let trades = table(
        "trades",
        "rows",
        "format = \"ndjson\"\ncursor = { from = \"row\", field = \"id\", param = \"after\" }",
    );
    let quotes = table(
        "quotes",
        "pages",
        "format = \"json\"\nrows = \"rows\"\n\
         cursor = { from = \"page\", path = \"next\", param = \"after\" }",
    );
    format!(
        "{trades}{quotes}\n[plugin.source-http]\ngrants = [\"wasi:http\", \"secrets\"]\n\
         hosts = [\"http://{address}\"]\nsecrets = {{ token = \"file:word\" }}\n"
    )
}

fn project(server: &Pages) -> Project {
    let project = Project::new(&config(server));
    project.write("word", format!("{TOKEN}\n"));
    project
}

/// Rows 1 to `rows`, each once, in both tables.
#[track_caller]
fn holds(project: &Project, rows: u64, when: &str) {
    for table in ["trades", "quotes"] {
        let sql = format!(
            "SELECT count(*) AS n, count(DISTINCT id) AS ids, sum(id) AS ids_sum, \
             max(id) AS last, sum(price) AS price FROM {table}"
        );
        let sum = rows * (rows + 1) / 2;
        let expected = json!({
            "n": rows, "ids": rows, "ids_sum": sum, "last": rows,
            "price": sum as f64 + rows as f64 * 0.25,
        });
        assert_eq!(project.query(&sql), [expected], "{table} {when}");
    }
}

#[test]
fn each_row_arrives_once_whatever_dies() {
    let server = Pages::start();
    let project = project(&server);
    project.run(&["validate"]).success();
    assert_eq!(server.requests(), 0, "to validate sends nothing");
    server.fail_every(7);
    let mut rows = 150;
    server.grow(rows);
    project.run(&["sync"]).success();
    holds(&project, rows, "at first");
    for (i, name) in failpoint::SYNC.iter().enumerate() {
        rows += 130 + i as u64;
        server.grow(rows);
        // In the first poll, and in a later one.
        for armed in [format!("{name}=return(kill)"), format!("{name}=2*off->return(kill)")] {
            project.run_with_failpoints(&armed, &["sync"]).killed_at(name);
        }
        project.run_with_failpoints(&format!("{name}=1*off->1*return(enospc)->off"), &["sync"]);
        project.run(&["sync"]).success();
        holds(&project, rows, name);
    }
    // From the hot store into the lake: the rows stay the same, and new ones join them.
    project.run(&["run", "--now", "2024-06-01"]).success();
    holds(&project, rows, "in the lake");
    rows += 10;
    server.grow(rows);
    let report = project.json(&["sync"]);
    assert_eq!(report["tables"][0]["rows"], 10, "{report}");
    holds(&project, rows, "in both");
    project.run(&["run", "--now", "2024-06-01"]).success();
    project.run(&["verify", "--now", "2024-06-01"]).success();
    holds(&project, rows, "at last");
}

#[test]
fn what_is_wrong_is_told_and_nothing_moves() {
    let server = Pages::start();
    let project = project(&server);
    server.grow(20);
    project.write("word", "sesame");
    let outcome = project.run(&["sync"]).fails(1, &["status 401", "who are you?", "`headers`"]);
    assert!(!outcome.stderr.contains("Bearer"), "{outcome:?}");
    project.write("word", TOKEN);
    // A server that is busy for good.
    server.fail_every(1);
    project.run(&["sync", "trades"]).fails(1, &["sync again later"]);
    server.fail_every(0);
    let config = config(&server);
    let schema = "\n[table.trades.schema]\nid = \"int32\"\nts = \"timestamp(us, UTC)\"\n\
                  symbol = \"utf8\"\nprize = \"utf8\"\n";
    project.configure(&format!("{config}{schema}"));
    let says = ["the source's columns differ from [table.trades.schema]", "\"prize\""];
    project.run(&["validate"]).fails(1, &says);
    project.run(&["sync", "trades"]).fails(1, &says);
    project.configure(&config.replace("\"float64\"", "\"flaot\""));
    project.run(&["validate"]).fails(1, &["columns.price", "is not a type"]);
    project.configure(&config.replace("max_rows = 37", "max_row = 37"));
    project.run(&["validate"]).fails(1, &["`max_row`", "did you mean `max_rows`"]);
    project.configure(&config);
    project.run(&["sync"]).success();
    holds(&project, 20, "in the end");
    // Another endpoint is another source.
    project.configure(&config.replace("/rows\"", "/rows?x=1\""));
    project.run(&["sync", "trades"]).fails(1, &["an `id` of its own"]);
    project.run(&["sync", "nobody"]).fails(1, &["nobody"]);
}

#[test]
fn a_source_that_breaks_a_rule_stores_nothing_of_the_poll() {
    let feed = repository().join("target/test-guests/guest-feed.wasm");
    let config = |options: &str| {
        format!(
            "[table.ticks]\ntime = \"ts\"\n[table.ticks.source]\nplugin = \"feed\"\n\
             options = {{ rows = 500, {options} }}\nmax_rows = 100\n[plugin.feed]\n\
             source = \"{}\"\nallow_unsigned = true\ngrants = [\"kv\"]\ndeadline = \"2s\"\n",
            feed.display()
        )
    };
    let project = Project::new("");
    for (i, (trick, says)) in [
        ("too-many", "emitted 101 rows where at most 100"),
        ("stuck", "did not move its offset"),
        ("nothing", "promises more"),
        ("long-offset", "an offset of 16385 bytes"),
        ("wait-with-rows", "asks to wait and has moved on"),
        ("panics", "this source panics after 200 rows"),
        ("loops", "did not finish within 2s"),
    ]
    .into_iter()
    .enumerate()
    {
        project.configure(&config(&format!("trick = \"{trick}\", after = 200, count = true")));
        project.run(&["sync"]).fails(1, &[says]);
        assert_eq!(project.scalar("SELECT count(*) FROM ticks"), 200, "{trick}");
        // How often it was opened is remembered, by the count of its only value.
        let kv = std::fs::read(project.root.join(".tidelake/kv/feed.kv")).unwrap();
        assert_eq!(kv[kv.len() - 9], i as u8 + 1, "{trick}");
    }
    project.configure(&config("open_end = true"));
    let report = project.json(&["sync"]);
    assert_eq!(report["tables"][0]["idle_ms"], 1000, "{report}");
    assert_eq!(project.scalar("SELECT count(DISTINCT n) FROM ticks"), 500);
}
