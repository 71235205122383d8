//! The WIT worlds as Rust.
//!
//! Several worlds share one crate here, so what each one exports is generated
//! apart from what all import: [`host`] holds the imports, and [`meta`],
//! [`transform`], [`format_writer`], [`downsampler`], [`storage_backend`] and
//! [`source`] hold one exported interface each, over the types of [`host`]. An export macro of this crate
//! uses two of them, and the linker drops every import that the plugin does not
//! call, so that a component's imports stay the list of its capabilities.

#![allow(missing_docs, unsafe_code, unreachable_pub, rust_2018_idioms, unused, clippy::all)]

/// Everything that plugins may import.
pub mod host {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "
            package tidelake:sdk;
            world host {
                import tidelake:plugin/types@0.1.0;
                import tidelake:plugin/arrow@0.1.0;
                import tidelake:plugin/codec@0.1.0;
                import tidelake:plugin/log@0.1.0;
                import tidelake:plugin/metrics@0.1.0;
                import tidelake:plugin/config@0.1.0;
                import tidelake:plugin/clock@0.1.0;
                import tidelake:plugin/kv@0.1.0;
                import tidelake:plugin/secrets@0.1.0;
            }
        ",
        world: "tidelake:sdk/host",
        ownership: Borrowing { duplicate_if_necessary: true },
        pub_export_macro: true,
        generate_unused_types: true,
        generate_all,
    });
}

/// What a plugin says about itself.
pub mod meta {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "
            package tidelake:sdk;
            world described {
                export tidelake:plugin/meta@0.1.0;
            }
        ",
        world: "tidelake:sdk/described",
        pub_export_macro: true,
        default_bindings_module: "tidelake_sdk::bindings::meta",
        export_macro_name: "export_meta",
    });
}

/// The export of a transform.
pub mod transform {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "
            package tidelake:sdk;
            world transforms {
                import tidelake:plugin/types@0.1.0;
                import tidelake:plugin/arrow@0.1.0;
                export tidelake:plugin/transform@0.1.0;
            }
        ",
        world: "tidelake:sdk/transforms",
        ownership: Borrowing { duplicate_if_necessary: true },
        with: {
            "tidelake:plugin/types@0.1.0": crate::bindings::host::tidelake::plugin::types,
            "tidelake:plugin/arrow@0.1.0": crate::bindings::host::tidelake::plugin::arrow,
        },
        pub_export_macro: true,
        default_bindings_module: "tidelake_sdk::bindings::transform",
        export_macro_name: "export_transform_interface",
    });
}

/// The export of a format writer.
pub mod format_writer {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "
            package tidelake:sdk;
            world writes-a-format {
                import tidelake:plugin/types@0.1.0;
                import tidelake:plugin/arrow@0.1.0;
                export tidelake:plugin/format-writer@0.1.0;
            }
        ",
        world: "tidelake:sdk/writes-a-format",
        ownership: Borrowing { duplicate_if_necessary: true },
        with: {
            "tidelake:plugin/types@0.1.0": crate::bindings::host::tidelake::plugin::types,
            "tidelake:plugin/arrow@0.1.0": crate::bindings::host::tidelake::plugin::arrow,
        },
        pub_export_macro: true,
        default_bindings_module: "tidelake_sdk::bindings::format_writer",
        export_macro_name: "export_format_writer_interface",
    });
}

/// The export of a downsampler.
pub mod downsampler {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "
            package tidelake:sdk;
            world downsamples {
                import tidelake:plugin/types@0.1.0;
                import tidelake:plugin/arrow@0.1.0;
                export tidelake:plugin/downsampler@0.1.0;
            }
        ",
        world: "tidelake:sdk/downsamples",
        ownership: Borrowing { duplicate_if_necessary: true },
        with: {
            "tidelake:plugin/types@0.1.0": crate::bindings::host::tidelake::plugin::types,
            "tidelake:plugin/arrow@0.1.0": crate::bindings::host::tidelake::plugin::arrow,
        },
        pub_export_macro: true,
        default_bindings_module: "tidelake_sdk::bindings::downsampler",
        export_macro_name: "export_downsampler_interface",
    });
}

/// The export of a storage backend, with the words for objects: nothing else uses them.
pub mod storage_backend {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "
            package tidelake:sdk;
            world keeps-objects {
                import tidelake:plugin/types@0.1.0;
                import tidelake:plugin/objects@0.1.0;
                export tidelake:plugin/storage-backend@0.1.0;
            }
        ",
        world: "tidelake:sdk/keeps-objects",
        with: {
            "tidelake:plugin/types@0.1.0": crate::bindings::host::tidelake::plugin::types,
        },
        generate_all,
        pub_export_macro: true,
        generate_unused_types: true,
        default_bindings_module: "tidelake_sdk::bindings::storage_backend",
        export_macro_name: "export_storage_backend_interface",
    });
}

/// The export of a source.
pub mod source {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "
            package tidelake:sdk;
            world brings-rows {
                import tidelake:plugin/types@0.1.0;
                import tidelake:plugin/arrow@0.1.0;
                export tidelake:plugin/source@0.1.0;
            }
        ",
        world: "tidelake:sdk/brings-rows",
        ownership: Borrowing { duplicate_if_necessary: true },
        with: {
            "tidelake:plugin/types@0.1.0": crate::bindings::host::tidelake::plugin::types,
            "tidelake:plugin/arrow@0.1.0": crate::bindings::host::tidelake::plugin::arrow,
        },
        pub_export_macro: true,
        default_bindings_module: "tidelake_sdk::bindings::source",
        export_macro_name: "export_source_interface",
    });
}
