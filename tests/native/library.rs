//! A native library for the tests of trust, without the SDK: `rustc --crate-type cdylib`.
//! What it says of itself comes from the environment of its build; that it was loaded, and
//! that its stage was destroyed, it writes to files.
#![allow(dead_code, improper_ctypes_definitions, missing_docs, non_snake_case)]

use std::ffi::c_void;

#[used]
#[unsafe(link_section = ".init_array")]
static LOADED: extern "C" fn() = loaded;

extern "C" fn loaded() {
    let _ = std::fs::write(env!("LOADED"), "loaded");
}

#[used]
static MARK: &str = env!("MARK");

#[unsafe(no_mangle)]
static tidelake_abi_version: u32 = if env!("ABI").len() == 1 { 1 } else { 77 };

#[repr(C)]
#[derive(Clone, Copy)]
struct Bytes(*const u8, usize);

#[repr(C)]
struct Host {
    context: *mut c_void,
    emit: *const c_void,
    emit_selected: *const c_void,
    write: *const c_void,
    answer: extern "C" fn(*mut c_void, Bytes),
    fail: extern "C" fn(*mut c_void, u32, Bytes, u64),
}

#[repr(C)]
struct Plugin {
    abi: u32,
    kind: u32,
    sdk: Bytes,
    describe: extern "C" fn(&Host) -> i32,
    create: extern "C" fn(&Host, *const c_void, *mut *mut c_void) -> i32,
    output_schema: extern "C" fn(&Host, *mut c_void, *mut c_void) -> i32,
    take: extern "C" fn(&Host, *mut c_void, u32, *mut c_void) -> i32,
    finish: extern "C" fn(&Host, *mut c_void) -> i32,
    buffered: extern "C" fn(&Host, *mut c_void, *mut u64) -> i32,
    destroy: extern "C" fn(&Host, *mut c_void) -> i32,
}

unsafe impl Sync for Plugin {}

#[unsafe(no_mangle)]
static tidelake_plugin_v1: Plugin = Plugin {
    abi: 1,
    kind: 2,
    sdk: Bytes("0".as_ptr(), 1),
    describe,
    create,
    output_schema,
    take,
    finish,
    buffered,
    destroy,
};

fn text(text: &str) -> Bytes {
    Bytes(text.as_ptr(), text.len())
}

extern "C" fn describe(host: &Host) -> i32 {
    let json = r#"{"name":"library","version":"1.0.0","kind":"transform","description":"d"}"#;
    (host.answer)(host.context, text(json));
    0
}

extern "C" fn create(_: &Host, _: *const c_void, stage: *mut *mut c_void) -> i32 {
    unsafe { *stage = std::ptr::dangling_mut() };
    0
}

/// As the SDK does when a plugin panics.
extern "C" fn output_schema(host: &Host, _: *mut c_void, _: *mut c_void) -> i32 {
    (host.fail)(host.context, 100, text("no such tide"), 0);
    1
}

extern "C" fn take(_: &Host, _: *mut c_void, _: u32, _: *mut c_void) -> i32 {
    1
}

extern "C" fn finish(_: &Host, _: *mut c_void) -> i32 {
    1
}

extern "C" fn buffered(_: &Host, _: *mut c_void, _: *mut u64) -> i32 {
    1
}

extern "C" fn destroy(_: &Host, _: *mut c_void) -> i32 {
    let _ = std::fs::write(concat!(env!("LOADED"), ".destroyed"), "destroyed");
    0
}
