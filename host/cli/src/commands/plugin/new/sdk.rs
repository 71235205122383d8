//! Where a new project finds the SDK of its language.

use std::path::{Component, Path, PathBuf};

use tidelake_core::Error;

use super::Language;

/// The directory of the SDK: the one that is given, or that of a checkout above the
/// project, or above this program.
pub(super) fn find(
    language: Language,
    given: Option<&Path>,
    place: &Path,
) -> Result<PathBuf, Error> {
    let (word, dir) = (language.word(), language.sdk());
    if let Some(given) = given {
        let found = given.canonicalize().ok().filter(|path| is_sdk(language, path));
        return found.ok_or_else(|| {
            Error::input(format!("there is no {word} SDK of tidelake there"))
                .with("directory", given.display())
                .with_help(format!("give the directory `{dir}` of a checkout of tidelake"))
        });
    }
    let program = std::env::current_exe().ok();
    let above = [Some(place), program.as_deref()].into_iter().flatten().flat_map(Path::ancestors);
    let mut candidates = above.map(|above| above.join(dir));
    let found = candidates.find(|path| is_sdk(language, path));
    found.and_then(|path| path.canonicalize().ok()).ok_or_else(|| {
        Error::input(format!("the {word} SDK was not found; it is not published yet"))
            .with_help(format!("check out tidelake and add --sdk CHECKOUT/{dir}"))
    })
}

fn is_sdk(language: Language, dir: &Path) -> bool {
    let (file, name) = match language {
        Language::Rust => ("Cargo.toml", "name = \"tidelake-sdk\""),
        Language::Python => ("pyproject.toml", "name = \"tidelake\""),
        Language::Javascript => ("package.json", "\"name\": \"@tidelake/sdk\","),
    };
    std::fs::read_to_string(dir.join(file))
        .is_ok_and(|manifest| manifest.lines().any(|line| line.trim() == name))
}

/// The way from one directory to another, with `/` between its parts. Both are absolute
/// and without links; it is absolute itself where they share no root.
pub(super) fn relative(from: &Path, to: &Path) -> String {
    let (from, to) = (from.components(), to.components());
    let (from, to): (Vec<Component<'_>>, Vec<_>) = (from.collect(), to.collect());
    let shared = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    if shared == 0 {
        return to.iter().collect::<PathBuf>().to_string_lossy().replace('\\', "/");
    }
    let up = from[shared..].iter().map(|_| "..".into());
    let down = to[shared..].iter().map(|part| part.as_os_str().to_string_lossy());
    up.chain(down).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_to_the_sdk_is_relative() {
        let way = |from: &str, to: &str| relative(Path::new(from), Path::new(to));
        assert_eq!(way("/a/b/c", "/a/sdk/rust"), "../../sdk/rust");
        assert_eq!(way("/a", "/a/sdk/rust"), "sdk/rust");
        assert_eq!(way("/x/y", "/a/sdk/rust"), "../../a/sdk/rust");
    }

    #[test]
    fn the_sdk_of_each_language_is_known() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        for language in [Language::Rust, Language::Python, Language::Javascript] {
            assert!(find(language, Some(&root.join(language.sdk())), Path::new("/")).is_ok());
            assert!(find(language, Some(&root), Path::new("/")).is_err());
        }
    }
}
