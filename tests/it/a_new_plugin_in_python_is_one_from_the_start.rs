//! The author's path in Python: new, its tests, build, test, sign, add, run.

use std::process::Command;

use crate::support::author::{added, built, doubles, tested, written};
use crate::support::{Project, python};

#[test]
fn a_new_plugin_in_python_is_one_from_the_start() {
    let project = Project::new("");
    let dir = written(&project, "python", "transform", "fresh-py");
    // Its tests need nothing but Python.
    let unit = Command::new(python())
        .args(["-m", "unittest"])
        .current_dir(&dir)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&unit.stderr);
    assert!(unit.status.success() && said.contains("Ran 2 tests"), "{said}");

    // Without the tool nothing is built, and it is said what to type.
    let path = dir.to_string_lossy();
    let mut bare = project.command(&["plugin", "build", &path]);
    let output = bare.env("PATH", "/nowhere").env_remove("TIDELAKE_PYTHON").output().unwrap();
    crate::support::Outcome::of(&["build"], output)
        .fails(1, &["`componentize-py` is not installed", "pip install -r requirements.txt"]);

    let made = built(&project, &dir, "transform", "fresh-py");
    let again = std::fs::metadata(made["path"].as_str().unwrap()).unwrap().modified().unwrap();
    tested(&project, &dir, &made, &[]);
    let after = std::fs::metadata(made["path"].as_str().unwrap()).unwrap().modified().unwrap();
    assert_eq!(again, after, "what did not change is not built again");
    added(&project, &made, &[]);
    doubles(&project, "fresh-py", "");
}

#[test]
fn a_project_in_python_says_what_it_lacks() {
    let project = Project::new("");
    let build = |pyproject: &str| {
        let file = project.write("mine/pyproject.toml", pyproject);
        project.run(&["plugin", "build", &file.parent().unwrap().to_string_lossy()])
    };
    build("[project]\nname = \"x\"\n").fails(1, &["does not say its `module`", "tool.tidelake"]);
    build("[tool.tidelake\n").fails(1, &["not valid TOML", "pyproject.toml"]);
    build("[tool.tidelake]\nmodule = \"x\"\nsource = \"src\"\n").fails(1, &["no `src`"]);
}
