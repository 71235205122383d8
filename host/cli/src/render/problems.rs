//! The mistakes of a configuration, each with its line.

use std::io::{IsTerminal, Result, Write};
use std::path::Path;

use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteDiagnostic, NamedSource};
use serde_json::{Value, json};
use tidelake_core::config::Problem;

/// Writes all of them, in the order of the file.
pub(crate) fn write(
    out: &mut dyn Write,
    path: &Path,
    text: &str,
    problems: &[Problem],
) -> Result<()> {
    writeln!(out, "error: {}\n", headline(path, problems))?;
    let theme = match std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none() {
        true => GraphicalTheme::unicode(),
        false => GraphicalTheme::unicode_nocolor(),
    };
    let handler = GraphicalReportHandler::new_themed(theme).with_context_lines(0).with_width(100);
    for problem in problems {
        let length = problem.span.len();
        let label = LabeledSpan::at_offset(problem.span.start, "");
        let label = if length == 0 { label } else { LabeledSpan::at(problem.span.clone(), "here") };
        let mut diagnostic = MietteDiagnostic::new(problem.message.clone()).with_label(label);
        diagnostic.help = problem.help.clone();
        let source = NamedSource::new(path.display().to_string(), text.to_owned());
        let report = miette::Report::new(diagnostic).with_source_code(source);
        let mut shown = String::new();
        if handler.render_report(&mut shown, report.as_ref()).is_err() {
            let (line, column) = problem.position(text);
            shown = format!("  {}:{line}:{column}: {}\n", path.display(), problem.message);
        }
        write!(out, "{shown}")?;
    }
    Ok(())
}

/// How many there are.
pub(crate) fn headline(path: &Path, problems: &[Problem]) -> String {
    let mistakes = super::counted(problems.len() as u64, "mistake");
    format!("{} has {mistakes}", path.display())
}

/// For machines.
pub(crate) fn to_json(text: &str, problems: &[Problem]) -> Vec<Value> {
    let problem = |p: &Problem| {
        let (line, column) = p.position(text);
        json!({ "line": line, "column": column, "message": p.message, "help": p.help })
    };
    problems.iter().map(problem).collect()
}
