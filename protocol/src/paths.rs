//! Default paths of the socket and the database: pure functions of the environment.

use std::ffi::OsString;
use std::path::PathBuf;

/// Name of the socket in Stina's home directory.
pub const SOCKET_NAME: &str = "stinad.sock";
/// Name of the database in Stina's home directory.
pub const DATABASE_NAME: &str = "stina.db";

/// Looks up an environment variable; an empty one counts as unset.
type Env<'a> = &'a dyn Fn(&str) -> Option<OsString>;

fn variable(env: Env<'_>, name: &str) -> Option<PathBuf> {
    env(name).filter(|v| !v.is_empty()).map(PathBuf::from)
}

/// Stina's home directory: `$STINA_HOME`, else `~/.stina`; `None` when `HOME` is unset too.
pub fn home(env: Env<'_>) -> Option<PathBuf> {
    variable(env, "STINA_HOME").or_else(|| variable(env, "HOME").map(|home| home.join(".stina")))
}

/// The daemon's socket: `$STINA_SOCKET`, else `stinad.sock` in [`home`].
pub fn socket(env: Env<'_>) -> Option<PathBuf> {
    variable(env, "STINA_SOCKET").or_else(|| home(env).map(|home| home.join(SOCKET_NAME)))
}

/// The database: `$STINA_DB_PATH`, else `stina.db` in [`home`].
pub fn database(env: Env<'_>) -> Option<PathBuf> {
    variable(env, "STINA_DB_PATH").or_else(|| home(env).map(|home| home.join(DATABASE_NAME)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_override_the_home_directory() {
        let env = |set: &'static [(&str, &str)]| {
            move |name: &str| set.iter().find(|(k, _)| *k == name).map(|(_, v)| OsString::from(v))
        };
        assert_eq!(socket(&env(&[])), None);
        assert_eq!(socket(&env(&[("HOME", "/h")])), Some("/h/.stina/stinad.sock".into()));
        assert_eq!(database(&env(&[("HOME", "/h"), ("STINA_HOME", "/s")])), Some("/s/stina.db".into()));
        assert_eq!(socket(&env(&[("HOME", "/h"), ("STINA_SOCKET", "/x")])), Some("/x".into()));
        assert_eq!(
            database(&env(&[("HOME", "/h"), ("STINA_DB_PATH", "")])),
            Some("/h/.stina/stina.db".into())
        );
    }
}
