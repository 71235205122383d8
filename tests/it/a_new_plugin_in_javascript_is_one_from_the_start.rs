//! The author's path in JavaScript: new, its tests, build, test, sign, add, run. What npm
//! installs is what it installed for the example, whose pins a new project has.

use std::os::unix::fs::symlink;
use std::process::Command;

use crate::support::author::{added, built, doubles, tested, written};
use crate::support::{Project, python, repository};

#[test]
fn a_new_plugin_in_javascript_is_one_from_the_start() {
    let project = Project::new("");
    let dir = written(&project, "javascript", "transform", "fresh-js");
    let path = dir.to_string_lossy();
    project.run(&["plugin", "build", &path]).fails(1, &["is not installed", "npm install"]);

    let modules = repository().join("target/javascript/node_modules");
    assert!(modules.exists(), "{} is missing: `make test-javascript`", modules.display());
    symlink(&modules, dir.join("node_modules")).unwrap();
    // Node comes with the foreign readers.
    let node = python().with_file_name("node");
    let unit = Command::new(&node).arg("--test").current_dir(&dir).output().unwrap();
    let said = String::from_utf8_lossy(&unit.stdout);
    assert!(unit.status.success() && said.contains("pass 2"), "{said}");

    let made = built(&project, &dir, "transform", "fresh-js");
    tested(&project, &dir, &made, &[]);
    added(&project, &made, &[]);
    doubles(&project, "fresh-js", "[plugin.fresh-js]\nmemory = \"256MB\"\n");
}

#[test]
fn a_project_in_javascript_says_what_it_lacks() {
    let project = Project::new("");
    let build = |package: &str| {
        let file = project.write("mine/package.json", package);
        project.run(&["plugin", "build", &file.parent().unwrap().to_string_lossy()])
    };
    build("{").fails(1, &["is no JSON"]);
    build("{ \"name\": \"x\" }").fails(1, &["does not say its `main`"]);
    build("{ \"name\": \"x\", \"main\": \"src/x.js\" }").fails(1, &["no `src/x.js`"]);
}
