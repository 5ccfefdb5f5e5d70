//! `elm recipes`.

use crate::error::Result;
use crate::recipe::{Recipe, builtins};
use crate::say;

/// List the built-in recipes, or print one.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Print this recipe as TOML, ready to be changed and given to `elm train --recipe`
    name: Option<String>,
}

pub(super) fn run(args: Args) -> Result<()> {
    match args.name {
        Some(name) => say!("{}", Recipe::builtin(&name)?.to_toml().trim_end()),
        None => {
            for (name, about) in builtins() {
                say!("{name:<22} {about}");
            }
        }
    }
    Ok(())
}
