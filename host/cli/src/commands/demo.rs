//! `tidelake demo`: the whole story on real stock prices, offline.
//!
//! It types its own commands: every step is parsed from the line that is
//! printed above its output, and goes through the code that a user's line would.

mod files;
mod tree;

use std::path::{Path, PathBuf};

use clap::Parser;
use tidelake_core::{Error, Result as CoreResult};

use super::{Out, on_project};
use crate::args::{Args, Global, Now};
use crate::failure::Failure;
use crate::project::Project;

/// The day after the last bar.
const NOW: &str = "2013-03-02";

const QUERY: &str = "SELECT asset_class, Ticker, count(*) AS days, min(Date) AS first, \
                     max(Date) AS last, sum(Volume) AS volume FROM stocks \
                     GROUP BY asset_class, Ticker ORDER BY Ticker";

const ROLLUP_QUERY: &str = "SELECT Date, Ticker, open, high, low, close, volume \
                            FROM \"stocks@1mo\" WHERE Ticker = 'AAPL' ORDER BY Date DESC LIMIT 4";

/// Writes the project if it is not there, and plays the story.
pub(super) async fn run(
    global: &Global,
    dir: Option<PathBuf>,
    out: Out<'_>,
) -> Result<(), Failure> {
    let dir =
        dir.or_else(|| global.directory.clone()).unwrap_or_else(|| PathBuf::from("tidelake-demo"));
    if global.json {
        return Err(Error::unsupported("the demo is for people")
            .with_help("its commands print JSON: tidelake -C DIR status --json")
            .into());
    }
    files::write(&dir)?;
    let project = Project::read(&Global { directory: Some(dir.clone()), ..Global::default() })?;
    let mut story = Story { project, dir: dir.display().to_string(), out };

    story.say(
        "13 years of daily bars of five stocks are in a CSV file; their asset classes in another.",
    )?;
    if story.has_rows().await? {
        story.say(
            "The bars are in the hot store or the lake since an earlier demo: not ingested again.",
        )?;
    } else {
        let lookup = "--lookup data/asset-classes.csv --on Ticker";
        story.types(&format!("ingest stocks data/stocks.csv.gz {lookup}")).await?;
    }
    story.say("What is older than 90 days goes to the lake; what is older than a year leaves the hot store.")?;
    story.types(&format!("plan --now {NOW}")).await?;
    story.types(&format!("run --now {NOW}")).await?;
    story.types(&format!("status --now {NOW}")).await?;
    story.types(&format!("verify --now {NOW}")).await?;
    story.say(
        "Hot store and lake are one table; the line below the rows says what was read where.",
    )?;
    story.types(&format!("query {}", quoted(QUERY))).await?;
    story.say("The monthly bars are kept up to date beside it.")?;
    story.types(&format!("query {}", quoted(ROLLUP_QUERY))).await?;
    story.say("The lake is open: Delta tables of Parquet files.")?;
    tree::write(story.out, &dir.join("lake"))?;
    let table = dir.canonicalize().unwrap_or(dir).join("lake").join("stocks");
    writeln!(
        story.out,
        "\nFrom Python:\n  python3 -c 'from deltalake import DeltaTable; \
         print(DeltaTable(\"{}\").to_pandas())'",
        table.display()
    )?;
    Ok(())
}

/// The SQL as a shell takes it.
fn quoted(sql: &str) -> String {
    let escaped = sql.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{escaped}\"")
}

struct Story<'a> {
    project: Project,
    dir: String,
    out: Out<'a>,
}

impl Story<'_> {
    fn say(&mut self, text: &str) -> Result<(), Failure> {
        Ok(writeln!(self.out, "\n# {text}")?)
    }

    /// Prints a line and does what it says.
    async fn types(&mut self, line: &str) -> Result<(), Failure> {
        let prefix = format!("tidelake -C {} ", self.dir);
        let shown = line.replace(" data/", &format!(" {}/data/", self.dir));
        writeln!(self.out, "\n$ {prefix}{shown}")?;
        self.out.flush()?;
        let args = Args::try_parse_from(words(&format!("tidelake {line}")))
            .map_err(|e| Error::internal("the demo typed a wrong line").with_source(e))?;
        let command = in_project(args.command, Path::new(&self.dir));
        on_project(&self.project, &args.global, command, self.out).await
    }

    async fn has_rows(&self) -> CoreResult<bool> {
        let now = Now { now: tidelake_core::time::Micros::parse(NOW).ok() };
        let options = self.project.options("demo", now.now);
        let engine =
            tidelake::Engine::open(&self.project.root, self.project.config.clone(), options)?;
        Ok(engine.status(&[]).await?.iter().any(|table| table.rows > 0))
    }
}

/// Files named on a line are in the demo's directory.
fn in_project(command: crate::args::Command, dir: &Path) -> crate::args::Command {
    use crate::args::Command;
    match command {
        Command::Ingest(mut args) => {
            args.files = args.files.iter().map(|file| dir.join(file)).collect();
            args.lookup = args.lookup.map(|file| dir.join(file));
            Command::Ingest(args)
        }
        other => other,
    }
}

/// Splits a line at blanks outside double quotes, as a shell does.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut inside = false;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => inside = !inside,
            '\\' => word.extend(chars.next()),
            ' ' if !inside => words.push(std::mem::take(&mut word)),
            c => word.push(c),
        }
    }
    words.push(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_split_as_a_shell_would() {
        let line = format!("tidelake query {}", quoted("SELECT 'a b' FROM \"t@1mo\""));
        assert_eq!(words(&line), ["tidelake", "query", "SELECT 'a b' FROM \"t@1mo\""]);
    }

    #[test]
    fn the_configuration_is_sound() {
        let dir = tempfile::tempdir().unwrap();
        files::write(dir.path()).unwrap();
        let config = dir.path().join(crate::project::CONFIG_FILE);
        let text = std::fs::read_to_string(&config).unwrap();
        let parsed = tidelake_core::config::parse(&text).unwrap();
        assert_eq!(parsed.tables["stocks"].lifecycle.hot.to_string(), "90d");
        // A second demo leaves what is there alone.
        std::fs::write(&config, format!("{text}# mine\n")).unwrap();
        files::write(dir.path()).unwrap();
        assert!(std::fs::read_to_string(&config).unwrap().ends_with("# mine\n"));
    }
}
