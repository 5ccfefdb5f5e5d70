//! `elm completions`.

use std::io::Write;
use std::path::PathBuf;

use clap_complete::Shell;

use crate::error::{Result, TrainError};
use crate::{durable, output, say};

/// Print what lets a shell complete the arguments of elm, or write its manual pages.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  elm completions bash > ~/.local/share/bash-completion/completions/elm
  elm completions zsh > ~/.zfunc/_elm
  elm completions fish > ~/.config/fish/completions/elm.fish
  elm completions man --out ~/.local/share/man/man1")]
pub(super) struct Args {
    /// Which shell, or the manual
    #[arg(value_enum)]
    what: What,
    /// Folder for the manual's pages
    #[arg(long, value_name = "DIR", required_if_eq("what", "man"))]
    out: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum What {
    Bash,
    Elvish,
    Fish,
    Powershell,
    Zsh,
    /// Manual pages
    Man,
}

pub(super) fn run(command: &mut clap::Command, args: Args) -> Result<()> {
    let shell = match args.what {
        What::Bash => Shell::Bash,
        What::Elvish => Shell::Elvish,
        What::Fish => Shell::Fish,
        What::Powershell => Shell::PowerShell,
        What::Zsh => Shell::Zsh,
        What::Man => return manual(command, args.out.unwrap_or_default()),
    };
    let mut script = Vec::new();
    clap_complete::generate(shell, command, "elm", &mut script);
    output::note(std::io::stdout().write_all(&script));
    Ok(())
}

/// A page for the command and each of its own.
fn manual(command: &mut clap::Command, folder: PathBuf) -> Result<()> {
    let failed = |e: std::io::Error| durable::unwritten(&folder, e);
    std::fs::create_dir_all(&folder).map_err(failed)?;
    command.build();
    let visible = command.get_subcommands().filter(|c| !c.is_hide_set());
    let pages = visible.map(|c| (format!("elm-{}", c.get_name()), c.clone()));
    let mut pages: Vec<_> = pages.collect();
    pages.insert(0, ("elm".to_string(), command.clone()));
    for (name, command) in pages {
        let mut page = Vec::new();
        clap_mangen::Man::new(command)
            .title(name.to_uppercase())
            .render(&mut page)
            .map_err(|e| TrainError::Run(format!("the page of {name}: {e}")))?;
        durable::write_whole(&folder.join(format!("{name}.1")), page)?;
    }
    say!("{}", folder.display());
    Ok(())
}
