//! Scenarios over the public API and the real binary, one a file, named as sentences.
//!
//! The binary is built with failpoints and found through `TIDELAKE_BIN` (the
//! Makefile sets it), plugins through `TIDELAKE_PLUGINS`. The oracle everywhere:
//! the rows and the th1 digest of hot ∪ lake equal the source's, whatever happened.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::disallowed_methods)]

mod support;

mod a_custom_transform_is_used_by_a_config;
mod a_filter_keeps_what_its_condition_says;
mod a_lake_lives_on_a_component;
mod a_lake_lives_on_s3;
mod a_native_plugin_runs_only_when_signed;
mod a_new_plugin_in_javascript_is_one_from_the_start;
mod a_new_plugin_in_python_is_one_from_the_start;
mod a_new_plugin_is_one_from_the_start;
mod a_new_source_brings_rows;
mod a_new_storage_backend_is_one_from_the_start;
mod a_plugin_comes_from_a_registry;
mod a_plugin_comes_from_a_web_server;
mod a_plugin_is_replaced_while_it_runs;
mod a_source_brings_each_row_once;
mod a_strangers_plugin_runs_only_when_trusted;
mod bad_config_is_reported_at_once;
mod bad_data_is_refused_and_counted;
mod bad_plugins_are_refused;
mod dependencies_point_one_way;
mod every_failpoint_recovers;
mod format_is_one_key;
mod masks_hold_in_both_tiers;
mod native_and_wasm_agree;
mod options_are_held_against_the_plugins_schema;
mod random_kills_lose_nothing;
mod storage_is_a_component;
mod stores_that_fail_lose_nothing;
mod the_demo_tells_the_whole_story;
mod the_same_transform_in_three_languages_gives_equal_results;
mod two_at_once_are_told_apart;
mod zones_have_names_in_guests;
