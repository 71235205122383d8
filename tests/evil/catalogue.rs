//! Every attack, with its end.

use std::collections::BTreeSet;

use arrow::datatypes::DataType;
use tidelake_core::ErrorKind::{Exhausted, Input, Plugin};

use crate::attack::{Attack, WAYS, by};
use crate::frame;

/// Makes a test of each attack, and a list of all.
macro_rules! attacks {
    ($($name:ident: $attack:expr,)*) => {
        $(#[test]
        fn $name() {
            for way in WAYS {
                let attack = $attack;
                let (_dir, host) = attack.host(way);
                attack.once(&host);
            }
        })*

        /// All attacks, by the names of their tests.
        pub fn all() -> Vec<(&'static str, Attack)> {
            vec![$((stringify!($name), $attack)),*]
        }
    };
}

fn list_of_nulls() -> DataType {
    DataType::new_list(DataType::Null, true)
}

fn dictionary() -> DataType {
    DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::Utf8))
}

attacks! {
    // Time.
    endless_loop_in_start: by("endless-loop").at("start").ends_at_deadline(),
    endless_loop_in_describe: by("endless-loop").at("describe").ends_at_deadline(),
    endless_loop_in_create: by("endless-loop").at("create").ends_at_deadline(),
    endless_loop_in_output_schema: by("endless-loop").at("output-schema").ends_at_deadline(),
    endless_loop_in_process: by("endless-loop").at("process").ends_at_deadline(),
    endless_loop_in_finish: by("endless-loop").at("finish").ends_at_deadline(),
    endless_loop_in_a_destructor: by("endless-loop").at("drop").ends_late(),
    endless_recursion: by("endless-recursion").ends_at_deadline(),
    endless_host_calls: by("endless-host-calls").ends_at_deadline(),
    endless_realloc: by("endless-realloc").ends_at_deadline(),
    // Memory, of its own and of the host.
    memory_bomb: by("memory-bomb").ends(Plugin, &["needs more than its 8 MB of memory"]),
    memory_bomb_in_start:
        by("memory-bomb").at("start").ends(Plugin, &["needs more than its 8 MB of memory"]),
    deep_recursion: by("deep-recursion").ends(Plugin, &["crashed", "call stack is exhausted"]),
    table_exhaustion: by("table-exhaustion").ends(Plugin, &["table", "262144"]),
    handle_exhaustion: by("handle-exhaustion").ends(Plugin, &["crashed", "handle limit"]),
    // Output.
    output_flood: by("output-flood").ends(Exhausted, &["emitted more than 4 MB in one call"]),
    empty_batches_flood:
        by("empty-batches-flood").ends(Exhausted, &["emitted more than 4 MB in one call"]),
    log_flood: by("log-flood"),
    metric_flood: by("metric-flood"),
    // Columns that lie.
    null_count_too_small: by("null-count-too-small")
        .ends(Plugin, &["not valid", "`x`", "a null count of 0, but 1 nulls in the bitmap"]),
    null_count_without_bitmap:
        by("null-count-without-bitmap").ends(Plugin, &["`x`", "2 nulls, but no validity bitmap"]),
    null_count_huge: by("null-count-huge").ends(Plugin, &["`x`", "a null count of 18446744073709551615"]),
    offsets_decrease: by("offsets-decrease").column(DataType::Utf8).ends(Plugin, &["`x`", "ffset"]),
    offsets_overflow: by("offsets-overflow").column(DataType::Utf8).ends(Plugin, &["`x`", "ffset"]),
    invalid_utf8: by("invalid-utf8").column(DataType::Utf8).ends(Plugin, &["`x`", "UTF8"]),
    buffer_too_short: by("buffer-too-short").ends(Plugin, &["`x`", "24 bytes"]),
    buffer_misaligned: by("buffer-misaligned"),
    buffer_out_of_memory: by("buffer-out-of-memory").ends(Plugin, &["crashed", "out of bounds"]),
    rows_in_an_empty_buffer: by("rows-in-an-empty-buffer").ends(Exhausted, &["emitted more than"]),
    items_without_bytes: by("items-without-bytes")
        .column(list_of_nulls())
        .ends(Exhausted, &["emitted more than"]),
    wrong_schema: by("wrong-schema").ends(Plugin, &["`x`", "buffer"]),
    keys_out_of_range: by("keys-out-of-range").column(dictionary()).ends(Plugin, &["`x`", "3"]),
    selection_too_short:
        by("selection-too-short").ends(Plugin, &["a selection of 0 bytes for 3 rows"]),
    schema_is_noise: by("schema-is-noise").ends(Plugin, &["output schema is not valid"]),
    schema_out_of_memory: by("schema-out-of-memory").ends(Plugin, &["crashed", "out of bounds"]),
    // Handles.
    foreign_handle: by("foreign-handle").ends(Plugin, &["crashed", "unknown handle index 4242"]),
    handle_of_another_type: by("handle-of-another-type").ends(Plugin, &["crashed", "handle"]),
    handle_that_was_never_made:
        by("handle-that-was-never-made").ends(Plugin, &["crashed", "unknown handle index 77"]),
    use_after_drop: by("use-after-drop").ends(Plugin, &["crashed", "unknown handle index"]),
    stage_after_drop: by("stage-after-drop").ends(Plugin, &["crashed", "unknown handle index"]),
    keeps_its_handles: by("keeps-its-handles").ends(Plugin, &["crashed", "borrow"]),
    // Calls that are wrong, and answers.
    realloc_out_of_memory: by("realloc-out-of-memory").ends(Plugin, &["crashed", "realloc"]),
    column_out_of_range: by("column-out-of-range").ends(Plugin, &["crashed", "column 200 read of 1"]),
    reads_too_much: by("reads-too-much").ends(Plugin, &["crashed", "262144 columns read of 1"]),
    answer_is_no_answer: by("answer-is-no-answer").ends(Plugin, &["crashed", "discriminant"]),
    message_out_of_memory: by("message-out-of-memory").ends(Plugin, &["crashed", "out of bounds"]),
    message_with_escapes: by("message-with-escapes").ends(Input, &["row 7 is odd", "\\u{1b}[2J"]),
    message_is_long: by("message-is-long").ends(Input, &["xxx", "[cut]"]),
}

#[test]
fn every_guest_has_its_attack() {
    let used: BTreeSet<_> = all().into_iter().map(|(_, attack)| attack.guest()).collect();
    let mut guests = frame::guests();
    guests.retain(|guest| guest != "well-behaved");
    assert_eq!(guests, used.into_iter().collect::<Vec<_>>());
}
