//! From bytes that were checked to functions that can be called.
//!
//! The loader of the system takes files. A file that lies where the plugin was read from may
//! have changed since; so the bytes go to memory with a file's name (`memfd`), are sealed
//! against every change, and are loaded from there. Its descriptor stays open: the loader
//! knows libraries by their names, and this one's must not become another's.
//!
//! A library is loaded once for each digest and stays until the process ends: arrays that
//! it emitted, and what its threads run, may outlive everything else.

#![allow(unsafe_code)]

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use tidelake_columns::native::{self as abi, ABI, Plugin};
use tidelake_core::plugin::PluginKind;

use crate::text;
use crate::trust::Checked;

/// What is wrong, and what to do.
type Refusal = (String, &'static str);

const REPORT: &str = "build the plugin with the SDK of this host's version";

/// A library that is loaded for good.
#[derive(Debug)]
pub(crate) struct Library {
    plugin: &'static Plugin,
}

impl Library {
    /// The functions of the plugin.
    pub(super) fn functions(&self) -> &'static Plugin {
        self.plugin
    }
}

static LOADED: Mutex<Option<HashMap<String, &'static Library>>> = Mutex::new(None);

/// Loads bytes that were vetted, unless they are loaded already.
pub(super) fn load(bytes: &[u8], checked: &Checked) -> Result<&'static Library, Refusal> {
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    let loaded = loaded.get_or_insert_default();
    if let Some(library) = loaded.get(&checked.digest) {
        return Ok(library);
    }
    // Of one that is refused below, code has run by now: it was signed, and stays.
    let library: &'static libloading::Library = Box::leak(Box::new(open(bytes)?));
    let plugin = symbols(library)?;
    let kind = match checked.kind {
        PluginKind::FormatWriter => abi::FORMAT_WRITER,
        PluginKind::Transform => abi::TRANSFORM,
        PluginKind::Downsampler => abi::DOWNSAMPLER,
        other @ (PluginKind::StorageBackend | PluginKind::Source) => {
            return Err((format!("it is a {other}, which has no native interface"), REPORT));
        }
    };
    if plugin.kind != kind {
        let what = format!("its mark calls it a {}, its functions are another's", checked.kind);
        return Err((what, REPORT));
    }
    let library: &'static Library = Box::leak(Box::new(Library { plugin }));
    loaded.insert(checked.digest.clone(), library);
    Ok(library)
}

fn symbols(library: &'static libloading::Library) -> Result<&'static Plugin, Refusal> {
    let lacks = |error: libloading::Error| {
        (format!("it lacks a symbol of the native interface ({error})"), REPORT)
    };
    let other = |version: u32| {
        let what = format!(
            "it was built for version {version} of the native interface, this host speaks \
             version {ABI}"
        );
        (what, REPORT)
    };
    // SAFETY: by this name libraries of every version have a number of 32 bits.
    let version = unsafe { library.get::<*const u32>(abi::ABI_SYMBOL.to_bytes_with_nul()) };
    // SAFETY: as above; it never changes and is never unloaded.
    let version = unsafe { **version.map_err(lacks)? };
    if version != ABI {
        return Err(other(version));
    }
    // SAFETY: a library of this version has the table by this name.
    let plugin = unsafe { library.get::<*const Plugin>(abi::PLUGIN_SYMBOL.to_bytes_with_nul()) };
    // SAFETY: as above; it never changes and is never unloaded.
    let plugin = unsafe { &**plugin.map_err(lacks)? };
    if plugin.abi != ABI {
        return Err(other(plugin.abi));
    }
    // SAFETY: lent for ever.
    let sdk = String::from_utf8_lossy(unsafe { plugin.sdk.get() });
    tracing::debug!(sdk = %text::clean(&sdk, 64), "a native plugin was loaded");
    Ok(plugin)
}

#[cfg(target_os = "linux")]
fn open(bytes: &[u8]) -> Result<libloading::Library, Refusal> {
    use std::fs::File;
    use std::io::Write;
    use std::os::fd::{FromRawFd, IntoRawFd};

    use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};

    let failed = |error: std::io::Error| {
        (format!("its bytes could not be handed to the loader ({error})"), "see dmesg and ulimits")
    };
    // SAFETY: the name is a C string; the answer is checked.
    let file = match unsafe {
        libc::memfd_create(c"tidelake-plugin".as_ptr(), libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING)
    } {
        ..0 => return Err(failed(std::io::Error::last_os_error())),
        // SAFETY: a descriptor that was made just now, and nobody else's.
        file => unsafe { File::from_raw_fd(file) },
    };
    (&file).write_all(bytes).map_err(failed)?;
    let file = file.into_raw_fd();
    let seals = libc::F_SEAL_WRITE | libc::F_SEAL_GROW | libc::F_SEAL_SHRINK | libc::F_SEAL_SEAL;
    // SAFETY: a descriptor of ours, which stays open.
    if unsafe { libc::fcntl(file, libc::F_ADD_SEALS, seals) } != 0 {
        return Err(failed(std::io::Error::last_os_error()));
    }
    let path = format!("/proc/self/fd/{file}");
    // SAFETY: loading runs the library's initialisers. Somebody whom the operator trusts
    // signed these very bytes, and the configuration says that they may run natively.
    let library = unsafe { Library::open(Some(path), RTLD_NOW | RTLD_LOCAL) };
    library.map(Into::into).map_err(|error| {
        let what = format!("the system does not load it: {error}");
        (what, "build it on a system like this one, for this processor")
    })
}

#[cfg(not(target_os = "linux"))]
fn open(_: &[u8]) -> Result<libloading::Library, Refusal> {
    let what = "this version loads native libraries on Linux alone";
    Err((what.to_owned(), "use the plugin's component: leave `runtime` out"))
}
