//! Who we are to a registry: `TIDELAKE_OCI_USER` and `TIDELAKE_OCI_PASSWORD`, else what
//! `docker login` has left in `config.json`, else nobody. Helpers that keep passwords
//! elsewhere are not asked: running programs that a file names is not ours to do.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use oci_client::secrets::RegistryAuth;
use serde_json::Value;

/// The variables.
pub(super) const USER: &str = "TIDELAKE_OCI_USER";
pub(super) const PASSWORD: &str = "TIDELAKE_OCI_PASSWORD";

/// What a registry is told.
pub(super) fn of(registry: &str) -> RegistryAuth {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    if let (Some(user), Some(password)) = (variable(USER), variable(PASSWORD)) {
        return RegistryAuth::Basic(user, password);
    }
    let text = docker_config().and_then(|path| std::fs::read_to_string(path).ok());
    let found = text.and_then(|text| in_docker_config(&text, registry));
    found.map_or(RegistryAuth::Anonymous, |(user, password)| RegistryAuth::Basic(user, password))
}

fn docker_config() -> Option<PathBuf> {
    let of = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    let directory = of("DOCKER_CONFIG").or_else(|| of("HOME").map(|home| home.join(".docker")))?;
    Some(directory.join("config.json"))
}

/// User and password for a registry; `None` when there is none in plain words.
fn in_docker_config(text: &str, registry: &str) -> Option<(String, String)> {
    let config: Value = serde_json::from_str(text).ok()?;
    let auths = config.get("auths")?.as_object()?;
    // Old entries are URLs.
    let host = |key: &str| {
        let key = key.split_once("://").map_or(key, |(_, rest)| rest);
        key.split('/').next().unwrap_or_default().to_owned()
    };
    let exact = auths.get(registry);
    let entry = exact
        .or_else(|| auths.iter().find(|(key, _)| host(key) == registry).map(|(_, value)| value))?;
    let decoded = STANDARD.decode(entry.get("auth")?.as_str()?.trim()).ok()?;
    let pair = String::from_utf8(decoded).ok()?;
    let (user, password) = pair.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_entries_of_docker_are_read() {
        // me:secret:with:colons
        let config = r#"{ "auths": {
            "r.example:5000": { "auth": "bWU6c2VjcmV0OndpdGg6Y29sb25z" },
            "https://old.example/v1/": { "auth": "bWU6c2VjcmV0OndpdGg6Y29sb25z" },
            "kept.example": {},
            "odd.example": { "auth": "no base64!" }
        }, "credsStore": "desktop" }"#;
        let of = |registry| in_docker_config(config, registry);
        let me = Some(("me".to_owned(), "secret:with:colons".to_owned()));
        assert_eq!(of("r.example:5000"), me);
        assert_eq!(of("old.example"), me);
        for registry in ["r.example", "kept.example", "odd.example", "nowhere.example"] {
            assert_eq!(of(registry), None, "{registry}");
        }
        assert_eq!(in_docker_config("no json", "r.example"), None);
    }
}
