//! Errors: what, where, why, what to do.

use std::io::{Result, Write};

use tidelake::ErrorReport;
use tidelake_core::Error;

/// Writes an error for people:
///
/// ```text
/// error: there is no such file (file: trades.csv)
///   because No such file or directory (os error 2)
///   help: ...
/// ```
pub(crate) fn write(out: &mut dyn Write, error: &Error) -> Result<()> {
    write_report(out, &ErrorReport::from(error))
}

/// The same, for an error that is in a report already.
pub(crate) fn write_report(out: &mut dyn Write, error: &ErrorReport) -> Result<()> {
    write!(out, "error: {}", error.message)?;
    if !error.context.is_empty() {
        let pairs: Vec<String> = error.context.iter().map(|(k, v)| format!("{k}: {v}")).collect();
        write!(out, " ({})", pairs.join(", "))?;
    }
    writeln!(out)?;
    let mut last = error.message.as_str();
    for cause in &error.causes {
        // Some errors print their source as part of themselves: once is enough.
        if !last.contains(cause.as_str()) {
            writeln!(out, "  because {}", cause.replace('\n', "\n    "))?;
            last = cause;
        }
    }
    if let Some(help) = &error.help {
        writeln!(out, "  help: {help}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_tells_all_of_it() {
        let cause = Error::unavailable("the disk is full").with_source(std::io::Error::other("28"));
        let error = Error::input("rows were not stored")
            .with("table", "trades")
            .with_source(cause)
            .with_help("free some space");
        let mut text = Vec::new();
        write(&mut text, &error).unwrap();
        assert_eq!(
            String::from_utf8(text).unwrap(),
            "error: rows were not stored (table: trades)\n  because the disk is full\n  \
             because 28\n  help: free some space\n"
        );
    }
}
