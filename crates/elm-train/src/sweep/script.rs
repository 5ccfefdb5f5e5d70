//! Commands for schedulers.

use std::path::PathBuf;

/// The calls that work on a sweep, for a shell.
#[derive(Debug, Clone)]
pub struct Calls {
    /// This program.
    pub program: PathBuf,
    /// The sweep file, or the folder of a sweep.
    pub file: PathBuf,
    /// The folder of the sweep.
    pub out: PathBuf,
    /// Where to compute; members take turns.
    pub devices: Vec<String>,
    /// CPU threads of each call.
    pub threads: Option<usize>,
}

impl Calls {
    fn call(&self, device: &str, arguments: &str) -> String {
        let mut call = format!("{} sweep {}", quoted(&self.program), quoted(&self.file));
        if self.out != self.file {
            call += &format!(" --out {}", quoted(&self.out));
        }
        if device != "auto" {
            call += &format!(" --device {}", quoted(device));
        }
        if let Some(threads) = self.threads {
            call += &format!(" --threads {threads}");
        }
        format!("{call} {arguments}")
    }

    /// The call that trains one member.
    pub fn member(&self, index: usize) -> String {
        let device = &self.devices[index % self.devices.len()];
        self.call(device, &format!("--only {index}"))
    }

    /// A script for `sbatch`: an array of `tasks`, each with its share of the members, that is warned two minutes before
    /// its time is over and put back until the members are done.
    pub fn slurm(&self, name: &str, tasks: usize) -> String {
        let cpus = self.threads.map_or(String::new(), |threads| {
            format!("#SBATCH --cpus-per-task={threads}\n")
        });
        let name: String = name
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
            .collect();
        let folder = std::env::current_dir().unwrap_or_default();
        let call = self.call(
            &self.devices.join(","),
            &format!("--shard \"$SLURM_ARRAY_TASK_ID/{tasks}\""),
        );
        format!(
            "#!/bin/bash
#SBATCH --job-name=elm-{name}
#SBATCH --array=0-{}
{cpus}#SBATCH --signal=B:TERM@120
#SBATCH --requeue
#SBATCH --open-mode=append
# add what your centre wants: --partition, --time, --mem, --gres=gpu:1
cd {} || exit 1
{call} &
worker=$!
# bash tells the worker, waits for its checkpoint, and puts the task back
trap 'told=1; kill -TERM $worker' TERM
wait $worker; code=$?
if [ -n \"$told\" ]; then wait $worker; code=$?; fi
if [ $code -eq 75 ]; then scontrol requeue \"${{SLURM_ARRAY_JOB_ID}}_$SLURM_ARRAY_TASK_ID\"; fi
exit $code
",
            tasks.saturating_sub(1),
            quoted(&folder)
        )
    }
}

/// A word as a shell takes it.
pub fn quoted(word: impl AsRef<std::path::Path>) -> String {
    let word = word.as_ref().to_string_lossy();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-=:,@%+".contains(c);
    match !word.is_empty() && word.chars().all(is_plain) {
        true => word.into_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_for_a_shell() {
        assert_eq!(quoted("/a/b-1.toml"), "/a/b-1.toml");
        assert_eq!(quoted("a b"), "'a b'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted(""), "''");
    }

    #[test]
    fn members_take_turns_on_devices() {
        let calls = Calls {
            program: "/bin/elm".into(),
            file: "/x/my sweep.toml".into(),
            out: "/x/out".into(),
            devices: vec!["flex".into(), "ndarray".into()],
            threads: Some(2),
        };
        assert_eq!(
            calls.member(3),
            "/bin/elm sweep '/x/my sweep.toml' --out /x/out --device ndarray --threads 2 --only 3"
        );
        let script = calls.slurm("my sweep", 8);
        for line in [
            "#SBATCH --array=0-7",
            "#SBATCH --cpus-per-task=2",
            "#SBATCH --job-name=elm-my-sweep",
        ] {
            assert!(script.lines().any(|l| l == line), "{script}");
        }
        assert!(
            script.contains(
                "--device flex,ndarray --threads 2 --shard \"$SLURM_ARRAY_TASK_ID/8\" &\n"
            )
        );
    }
}
