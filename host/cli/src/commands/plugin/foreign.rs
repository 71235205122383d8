//! Reading a file as others would: through a Python with pyarrow or DuckDB.
//!
//! The script reads the file by its reader's own means, brings the columns into the types
//! that were written, and answers Arrow. What it read is compared here.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;
use tidelake_plugin::conformance::ReadBack;

const SCRIPT: &str = include_str!("foreign.py");

/// The readers that the script knows.
pub(super) const READERS: [&str; 2] = ["pyarrow", "duckdb"];

/// A Python, or the lack of one.
pub(super) struct Python {
    program: Option<String>,
    scratch: OnceLock<Option<Scratch>>,
}

impl Python {
    pub(super) fn new(program: Option<String>) -> Self {
        Self { program, scratch: OnceLock::new() }
    }

    /// The rows of a file.
    pub(super) fn read(
        &self,
        reader: &str,
        format: &str,
        file: &[u8],
        schema: &SchemaRef,
    ) -> Result<ReadBack, String> {
        let Some(program) = &self.program else {
            return Ok(ReadBack::Unknown("no Python: --python, or TIDELAKE_PYTHON".to_owned()));
        };
        if !["parquet", "json"].contains(&format) {
            return Ok(ReadBack::Unknown(format!("{format} is not read here")));
        }
        let Some(scratch) = self.scratch.get_or_init(Scratch::new) else {
            return Ok(ReadBack::Unknown("no directory for temporary files".to_owned()));
        };
        let io = |error: std::io::Error| format!("a temporary file: {error}");
        let arrow = |error: ArrowError| format!("its answer: {error}");
        let (data, columns) = (scratch.0.join("data"), scratch.0.join("schema"));
        std::fs::write(&data, file).map_err(io)?;
        let mut message = Vec::new();
        StreamWriter::try_new(&mut message, schema).and_then(|mut w| w.finish()).map_err(arrow)?;
        std::fs::write(&columns, message).map_err(io)?;
        let output = Command::new(program)
            .args(["-c", SCRIPT, reader, format])
            .args([&data, &columns])
            .stdin(Stdio::null())
            .output();
        let output = match output {
            Ok(output) => output,
            Err(error) => return Ok(ReadBack::Unknown(format!("{program}: {error}"))),
        };
        match output.status.code() {
            Some(0) => {}
            // The script's own word for it.
            Some(3) => return Ok(ReadBack::Unknown(format!("this Python has no {reader}"))),
            _ => {
                let said = String::from_utf8_lossy(&output.stderr);
                let last = said.lines().rev().find(|line| !line.trim().is_empty());
                return Err(last.unwrap_or("Python failed without a word").to_owned());
            }
        }
        let answer = StreamReader::try_new(output.stdout.as_slice(), None).map_err(arrow)?;
        let batches = answer.collect::<Result<Vec<RecordBatch>, _>>().map_err(arrow)?;
        concat_batches(schema, &batches).map(ReadBack::Rows).map_err(arrow)
    }
}

/// A directory that is gone when nobody needs it any more.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Option<Self> {
        let name = format!("tidelake-plugin-test-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let mut builder = std::fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        // One that is there already is somebody else's.
        builder.create(&path).ok().map(|()| Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let path: &Path = &self.0;
        let _ = std::fs::remove_dir_all(path);
    }
}
