use std::cell::RefCell;
use std::rc::Rc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use serde_json::{Value, json};
use tidelake_sdk::ErrorKind;
use tidelake_sdk::http::{Request, Response};
use tidelake_sdk::testing::conformance;
use tidelake_sdk::testing::{Outside, open_source, poll};

use super::*;

const COLUMNS: [(&str, &str); 4] =
    [("id", "int64"), ("ts", "timestamp(us, UTC)"), ("price", "decimal(18, 4)"), ("venue", "utf8")];

fn columns() -> Value {
    COLUMNS.iter().map(|(name, text)| (name.to_string(), json!(text))).collect()
}

/// A row, in JSON.
fn row(id: u64) -> String {
    let venue = if id.is_multiple_of(3) { "null".to_owned() } else { format!("\"V, {id}\"") };
    format!(
        r#"{{"id":{id},"ts":"2024-03-01T00:{:02}:00Z","price":{id}.1230,"venue":{venue},"more":[1]}}"#,
        id % 60
    )
}

fn query<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    let query = request.url.split_once('?')?.1;
    query.split('&').find_map(|pair| pair.split_once('=').filter(|(n, _)| *n == name)).map(|p| p.1)
}

/// A server with rows 1 to `rows`, in pages of `limit` (10), which speaks every way.
fn server(rows: u64) -> Outside {
    Outside::new().secret("token", "sesame").http(move |request| {
        let sent = request.headers.iter().find(|(name, _)| name == "authorization");
        if sent.is_none_or(|(_, value)| value != "Bearer sesame") {
            return Ok(Response::new(401));
        }
        let number = |name: &str| query(request, name).and_then(|text| text.parse::<u64>().ok());
        let limit = number("limit").unwrap_or(10);
        let after = number("after").or(number("page").map(|page| (page - 1) * limit)).unwrap_or(0);
        let ids: Vec<u64> = (after + 1..=rows).take(limit as usize).collect();
        let next = ids.last().copied().filter(|last| *last < rows);
        let objects: Vec<String> = ids.iter().map(|id| row(*id)).collect();
        let response = Response::new(200);
        let path = request.url.split('?').next().unwrap_or_default();
        let response = match next {
            Some(next) => response
                .with_header(
                    "Link",
                    format!("</first>; rel=prev, <{path}?after={next}>; rel=\"next\""),
                )
                .with_header("X-Next", next.to_string()),
            None => response,
        };
        Ok(match path.rsplit('/').next() {
            Some("ndjson") => response.with_body(objects.join("\n") + "\n"),
            Some("json") => response.with_body(format!("[{}]", objects.join(","))),
            Some("csv") => {
                let line = |id: &u64| {
                    let venue =
                        if id.is_multiple_of(3) { String::new() } else { format!("\"V, {id}\"") };
                    format!("{venue},{id}.1230,x,2024-03-01T00:{:02}:00Z,{id}\n", id % 60)
                };
                let lines: String = ids.iter().map(line).collect();
                response.with_body(format!("venue,price,more,ts,id\n{lines}"))
            }
            _ => {
                let next = next.map_or("null".to_owned(), |next| next.to_string());
                let rows = objects.join(",");
                response.with_body(format!(r#"{{"meta":{{"next":{next}}},"d":{{"r":[{rows}]}}}}"#))
            }
        })
    })
}

fn options(format: &str, path: &str, cursor: Value) -> Value {
    json!({
        "url": format!("https://a.example/{path}"), "format": format, "columns": columns(),
        "cursor": cursor, "headers": {"Authorization": "Bearer secret:token"},
    })
}

/// Every way of speaking.
fn ways() -> Vec<Value> {
    let row = json!({"from": "row", "field": "id", "param": "after"});
    let mut paged =
        options("json", "page", json!({"from": "page", "path": "meta.next", "param": "after"}));
    paged["rows"] = json!("d.r");
    let mut numbered = options("csv", "csv", json!({"from": "number", "param": "page"}));
    numbered["page_size"] = json!({"param": "limit", "rows": 7});
    vec![
        options("ndjson", "ndjson", row.clone()),
        options("csv", "csv", row),
        options("json", "json", json!({"from": "header"})),
        options("ndjson", "ndjson", json!({"from": "header", "name": "x-next", "param": "after"})),
        paged,
        numbered,
    ]
}

fn ids(batches: &[RecordBatch]) -> Vec<i64> {
    let column = |batch: &RecordBatch| batch.column_by_name("id").expect("id").clone();
    batches.iter().flat_map(|b| column(b).as_primitive::<Int64Type>().values().to_vec()).collect()
}

#[test]
fn it_conforms_in_every_way_of_speaking() {
    let _outside = server(45).install();
    for mut options in ways() {
        for ends in [false, true] {
            options["ends"] = json!(ends);
            conformance::source::<HttpSource>(&options).expect("conforms");
        }
    }
}

#[test]
fn rows_that_come_later_are_brought_by_the_next_one_and_no_other() {
    for options in ways() {
        let (mut offset, mut seen) = (None::<Vec<u8>>, Vec::new());
        for rows in [0, 3, 10, 10, 14, 40, 41] {
            let _outside = server(rows).install();
            let mut source: HttpSource = open_source(&options, offset.as_deref()).expect("open");
            loop {
                let (polled, batches) = poll(&mut source, 4).expect("poll");
                seen.extend(ids(&batches));
                offset = Some(polled.offset);
                if polled.next != Next::More {
                    break;
                }
            }
            assert_eq!(seen, (1..=rows as i64).collect::<Vec<_>>(), "{options}");
        }
    }
}

#[test]
fn values_arrive_as_they_were_written() {
    let _outside = server(5).install();
    let mut shown = Vec::new();
    for options in ways() {
        let mut source: HttpSource = open_source(&options, None).expect("open");
        let (_, batches) = poll(&mut source, 100).expect("poll");
        let batch = &batches[0];
        let column = |name: &str| batch.column_by_name(name).expect("column");
        assert!(column("venue").is_null(2) && column("venue").is_valid(3));
        let text = |name: &str, row| {
            arrow_cast::display::array_value_to_string(column(name), row).expect("text")
        };
        shown.push(["id", "ts", "price", "venue"].map(|name| text(name, 3)));
    }
    let expected = ["4", "2024-03-01T00:04:00Z", "4.1230", "V, 4"].map(str::to_owned);
    assert!(shown.iter().all(|row| *row == expected), "{shown:?}");
}

/// The first error of a source whose server answers so.
fn refused(
    mut options: Value,
    change: Value,
    answer: impl Fn(&Request) -> Response + 'static,
) -> Error {
    for (key, value) in change.as_object().expect("an object") {
        options[key] = value.clone();
    }
    let outside = Outside::new().secret("token", "sesame").http(move |request| Ok(answer(request)));
    let _outside = outside.install();
    let mut source: HttpSource = match open_source(&options, None) {
        Ok(source) => source,
        Err(error) => return error,
    };
    for _ in 0..5 {
        if let Err(error) = poll(&mut source, 100) {
            return error;
        }
    }
    panic!("nothing was refused: {options}")
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let ways = ways();
    let body = |text: &'static str| move |_: &Request| Response::new(200).with_body(text);
    let bad = "{\"id\":1,\"price\":1}\n\n{\"id\":2,\"price\":\"cheap\"}\n";
    let none = json!({});
    for (error, says) in [
        (
            refused(ways[0].clone(), none.clone(), body(bad)),
            "line 3: column `price`: \"cheap\" is not",
        ),
        (
            refused(ways[0].clone(), none.clone(), body("{\"id\":1}\n[")),
            "line 2: it is not a JSON object",
        ),
        (
            refused(ways[0].clone(), none.clone(), body("{\"price\":1}")),
            "line 1: column `id`: the last row",
        ),
        (
            refused(ways[0].clone(), none.clone(), body("{\"id\":1,\"price\":0.12345}")),
            "column `price`: \"0.12345\"",
        ),
        (
            refused(ways[1].clone(), none.clone(), body("id,ts\n")),
            "line 1: column `price`: the header has no",
        ),
        (
            refused(ways[1].clone(), none.clone(), body("id,ts,price,venue\n1,2\n")),
            "the page is not CSV",
        ),
        (
            refused(ways[2].clone(), none.clone(), body("[{\"id\":1},{\"id\":{}}]")),
            "row 2: column `id`: it is no single",
        ),
        (refused(ways[4].clone(), none.clone(), body("{\"d\":1}")), "there is no `d.r`"),
        (
            refused(ways[4].clone(), none.clone(), body("{\"d\":{\"r\":3}}")),
            "what is at `d.r` is not an array",
        ),
        (
            refused(ways[0].clone(), json!({"columns": {"id": "number"}}), body("")),
            "option `columns.id`",
        ),
        (refused(ways[5].clone(), json!({"page_size": null}), body("")), "option `page_size`"),
        (refused(ways[0].clone(), json!({"rows": "x"}), body("")), "option `rows`"),
    ] {
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
        assert!(error.message().contains(says), "{says:?} is not said: {error}");
    }
}

#[test]
fn a_cursor_that_does_not_advance_is_an_error() {
    let page = |id: u64| move |_: &Request| Response::new(200).with_body(row(id));
    let error = refused(ways()[0].clone(), json!({}), page(7));
    assert!(error.message().contains("the cursor does not advance: \"7\""), "{error}");
    // Round in a circle.
    let count = Rc::new(RefCell::new(0_u64));
    let circle = move |_: &Request| {
        *count.borrow_mut() += 1;
        Response::new(200).with_body(row(*count.borrow() % 3))
    };
    let error = refused(ways()[0].clone(), json!({}), circle);
    assert!(error.message().contains("the cursor does not advance"), "{error}");
    // To another server: it must not see the headers.
    let link = |_: &Request| {
        let link = "<https://b.example/x>; rel=next";
        Response::new(200).with_header("link", link).with_body(format!("[{}]", row(1)))
    };
    let error = refused(ways()[2].clone(), json!({}), link);
    assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
}

#[test]
fn refusals_of_the_server_are_told_by_what_can_be_done() {
    let way = || ways()[0].clone();
    for (status, kind) in [
        (500, ErrorKind::Transient),
        (503, ErrorKind::Transient),
        (429, ErrorKind::Transient),
        (401, ErrorKind::Denied),
        (404, ErrorKind::NotFound),
        (302, ErrorKind::InvalidInput),
        (400, ErrorKind::InvalidInput),
    ] {
        let answer = move |_: &Request| Response::new(status).with_body("because");
        let error = refused(way(), json!({}), answer);
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.message().contains("because") && !error.message().contains("sesame"));
    }
    let _outside = Outside::new()
        .secret("token", "sesame")
        .http(|_| Ok(Response::new(429).with_header("Retry-After", "7")))
        .install();
    let mut source: HttpSource = open_source(&way(), None).expect("open");
    let (polled, batches) = poll(&mut source, 10).expect("poll");
    assert!(batches.is_empty());
    assert!(matches!(polled.next, Next::Wait(wait, _) if wait == Duration::from_secs(7)));
}

#[test]
fn an_offset_of_another_endpoint_is_refused() {
    let _outside = server(3).install();
    let [first, .., last] = &ways()[..] else { panic!("ways") };
    let mut source: HttpSource = open_source(first, None).expect("open");
    let (polled, _) = poll(&mut source, 10).expect("poll");
    let error = open_source::<HttpSource>(last, Some(&polled.offset)).err().expect("refused");
    assert!(error.message().contains("an `id` of its own"), "{error}");
}
