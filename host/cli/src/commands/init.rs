//! `tidelake init`

use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;

use tidelake_core::Error;

use super::Out;
use crate::args::Global;
use crate::failure::Failure;
use crate::project::CONFIG_FILE;

/// What a new project starts from.
const TEMPLATE: &str = include_str!("template.toml");

/// Writes a commented configuration. Never over one that is there.
pub(super) fn run(global: &Global, dir: Option<PathBuf>, out: Out<'_>) -> Result<(), Failure> {
    let path = match (&global.config, dir.or_else(|| global.directory.clone())) {
        (Some(file), None) => file.clone(),
        (_, dir) => dir.unwrap_or_else(|| PathBuf::from(".")).join(CONFIG_FILE),
    };
    let unwritten = |e: std::io::Error| {
        let there = e.kind() == std::io::ErrorKind::AlreadyExists;
        let error = Error::input(match there {
            true => "there is a configuration already",
            false => "the configuration could not be written",
        });
        let error = error.with("file", path.display());
        match there {
            true => error.with_help("edit it, or choose another directory: tidelake init DIR"),
            false => error.with_source(e),
        }
    };
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(unwritten)?;
    }
    let file = OpenOptions::new().write(true).create_new(true).open(&path);
    file.and_then(|mut f| f.write_all(TEMPLATE.as_bytes())).map_err(unwritten)?;
    if global.json {
        return super::print_json(out, &serde_json::json!({ "file": path }));
    }
    writeln!(
        out,
        "wrote {}\nnext: name your table and its columns in it, then\n  \
         tidelake validate\n  tidelake ingest TABLE FILE...\n  tidelake plan",
        path.display()
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_is_sound_as_it_is_and_uncommented() {
        let config = tidelake_core::config::parse(TEMPLATE).unwrap();
        assert_eq!(config.tables["trades"].time, "ts");
        // A comment that begins with `#` and a key or bracket is a setting.
        let setting = |line: &str| match line.strip_prefix('#') {
            Some(rest) if !rest.starts_with(' ') => rest.to_owned(),
            _ => line.to_owned(),
        };
        let all: String = TEMPLATE.lines().map(|l| setting(l) + "\n").collect();
        assert!(all.matches('\n').count() > 20 && all != TEMPLATE);
        let config = tidelake_core::config::parse(&all).unwrap();
        assert_eq!(config.tables["trades"].rollups.len(), 1);
        assert_eq!(config.plugins.len(), 1);
    }

    #[test]
    fn never_over_a_file_that_is_there() {
        let dir = tempfile::tempdir().unwrap();
        let init = || run(&Global::default(), Some(dir.path().join("new")), &mut Vec::new());
        init().unwrap();
        let path = dir.path().join("new").join(CONFIG_FILE);
        std::fs::write(&path, "# mine").unwrap();
        assert!(matches!(init(), Err(Failure::Error(e)) if e.message().contains("already")));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "# mine");
    }
}
