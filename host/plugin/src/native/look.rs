//! What can be seen of a native library without loading it.

use std::path::Path;

use tidelake_columns::native::{ABI, MARK};
use tidelake_core::plugin::PluginKind;
use tidelake_core::{Error, Result};

use crate::text;

/// How native plugins are built.
const BUILD: &str = "build it with `tidelake plugin build --native`";

/// Beginnings of files that are native libraries: ELF, Mach-O in its variants, PE.
const MAGIC: [&[u8]; 6] = [
    b"\x7fELF",
    b"\xcf\xfa\xed\xfe",
    b"\xce\xfa\xed\xfe",
    b"\xca\xfe\xba\xbe",
    b"\xfe\xed\xfa\xcf",
    b"MZ",
];

/// Whether a file is a native library, by its first bytes.
pub(crate) fn is_library(bytes: &[u8]) -> bool {
    MAGIC.iter().any(|magic| bytes.starts_with(magic))
}

/// The kind that a library's mark names. A library without one is not loaded to find out
/// more: loading runs code.
pub(crate) fn kind(name: &str, path: &Path, bytes: &[u8]) -> Result<PluginKind> {
    let refuse = |what: String| {
        Error::plugin(format!("plugin `{name}` cannot be loaded: {what}"))
            .with("plugin", name)
            .with("path", path.display())
    };
    let Some((abi, kind)) = mark(bytes) else {
        return Err(
            refuse("it is a native library, but not a tidelake plugin".to_owned()).with_help(BUILD)
        );
    };
    if abi != ABI.to_string() {
        let abi = text::clean(abi, 32);
        return Err(refuse(format!(
            "it was built for version {abi} of the native interface, this host speaks version {ABI}"
        ))
        .with_help("build the plugin with the SDK of this host's version"));
    }
    kind_of(kind).ok_or_else(|| {
        let kind = text::clean(kind, 32);
        refuse(format!("it is a `{kind}`, which no native plugin can be"))
            .with_help("native plugins are transforms, format writers and downsamplers")
    })
}

fn kind_of(word: &str) -> Option<PluginKind> {
    use PluginKind::{Downsampler, FormatWriter, Transform};
    [FormatWriter, Transform, Downsampler].into_iter().find(|kind| kind.to_string() == word)
}

/// Version and kind in the first mark that is whole.
fn mark(bytes: &[u8]) -> Option<(&str, &str)> {
    let (mark, first) = (MARK.as_bytes(), MARK.as_bytes()[0]);
    let mut from = 0;
    while let Some(at) = bytes.get(from..)?.iter().position(|byte| *byte == first) {
        let rest = &bytes[from + at..];
        if rest.starts_with(mark)
            && let Some(parts) = parts(&rest[mark.len()..])
        {
            return Some(parts);
        }
        from += at + 1;
    }
    None
}

/// `abi=N:kind=WORD:`
fn parts(bytes: &[u8]) -> Option<(&str, &str)> {
    let bytes = &bytes[..bytes.len().min(64)];
    let end = bytes.iter().position(|byte| !(b' '..=b'~').contains(byte)).unwrap_or(bytes.len());
    let text = std::str::from_utf8(&bytes[..end]).ok()?;
    let (abi, rest) = text.strip_prefix("abi=")?.split_once(":kind=")?;
    Some((abi, rest.split_once(':')?.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looked(text: &str) -> Result<PluginKind> {
        kind("mask", Path::new("mask.so"), format!("\u{7f}ELF tidelake-{text}").as_bytes())
    }

    #[test]
    fn libraries_are_known_by_their_first_bytes() {
        assert!(is_library(b"\x7fELF\x02\x01") && is_library(b"MZ\x90"));
        assert!(!is_library(b"\0asm\x0d\0\x01\0") && !is_library(b""));
    }

    #[test]
    fn a_mark_says_version_and_kind() {
        let good = "tidelake-native-plugin:tidelake-native-plugin:abi=1:kind=transform:\0rest";
        assert_eq!(looked(good).expect("a plugin"), PluginKind::Transform);
        for (text, part) in [
            (
                "tidelake-native-plugin:abi=7:kind=transform:",
                "for version 7 of the native interface",
            ),
            ("tidelake-native-plugin:abi=7:kind=transform:", "speaks version 1"),
            ("tidelake-native-plugin:abi=1:kind=storage-backend:", "no native plugin can be"),
            ("tidelake-native-plugin:abi=1:kind=trans\0", "not a tidelake plugin"),
            ("nothing", "not a tidelake plugin"),
        ] {
            let error = looked(text).expect_err("refused");
            assert!(error.message().contains(part), "{error:?}");
        }
    }
}
