//! `elm recipes`.

use crate::error::Result;
use crate::recipe::{Recipe, builtins};

/// List the built-in recipes, or print one.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Print this recipe as TOML, ready to be changed and given to `elm train --recipe`
    name: Option<String>,
}

pub(super) fn run(args: Args) -> Result<()> {
    match args.name {
        Some(name) => print!("{}", Recipe::builtin(&name)?.to_toml()),
        None => {
            for (name, about) in builtins() {
                println!("{name:<16} {about}");
            }
        }
    }
    Ok(())
}
