//! The files of the demo's project; they are part of the program.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::Path;

use tidelake_core::{Error, Result};

use crate::project::CONFIG_FILE;

const FILES: [(&str, &[u8]); 3] = [
    (CONFIG_FILE, include_bytes!("tidelake.toml")),
    ("data/stocks.csv.gz", include_bytes!("../../../../../examples/data/stocks.csv.gz")),
    ("data/asset-classes.csv", include_bytes!("../../../../../examples/data/asset-classes.csv")),
];

/// Writes those that are not there.
pub(super) fn write(dir: &Path) -> Result<()> {
    for (name, bytes) in FILES {
        let path = dir.join(name);
        let unwritten = |e: std::io::Error| {
            Error::unavailable("the demo could not be written")
                .with("file", path.display())
                .with_source(e)
                .with_help("name a directory that you may write to: tidelake demo DIR")
        };
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(unwritten)?;
        }
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(mut file) => file.write_all(bytes).map_err(unwritten)?,
            Err(e) if e.kind() == ErrorKind::AlreadyExists => {}
            Err(e) => return Err(unwritten(e)),
        }
    }
    Ok(())
}
