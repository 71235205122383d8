//! The example of a plugin of one's own: built with its documented command,
//! named in a configuration, at work.

use crate::support::stranger::QUOTES;
use crate::support::{Project, custom_transform};

#[test]
fn a_custom_transform_is_used_by_a_config() {
    let wasm = custom_transform();
    let config = format!(
        r#"{QUOTES}options = {{ bid = "bid", ask = "ask" }}

[plugin.spread]
source = "{}"
# Built a moment ago, from source that is at hand.
allow_unsigned = true
"#,
        wasm.display()
    );
    let project = Project::new(&config);
    let mut csv = String::from("ts,symbol,bid,ask\n");
    for day in 1..10 {
        csv.push_str(&format!("2024-03-{day:02}T10:00:00Z,A,99.0,101.0\n"));
        csv.push_str(&format!("2024-03-{day:02}T10:00:00Z,B,50.0,50.0\n"));
    }
    let path = project.write("quotes.csv", csv);
    project.run(&["ingest", "quotes", &path.to_string_lossy()]).success();
    project.run(&["validate"]).success();
    let sql = "SELECT symbol, min(mid) AS mid, max(spread_bps) AS bps, count(*) AS n \
               FROM quotes GROUP BY symbol ORDER BY symbol";
    let hot = project.query(sql);
    assert_eq!(hot[0]["mid"], 100.0);
    assert_eq!(hot[0]["bps"], 200.0);
    assert_eq!(hot[1]["bps"], 0.0);
    project.run(&["run", "--now", "2024-03-10"]).success();
    assert_eq!(project.query(sql), hot, "the same columns from the lake");
}
