//! PyTorch on the same card, in a process of its own per variant.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::Args;
use crate::sizes::Size;

/// Variants of `torch_gpu.py`, see there.
const VARIANTS: [&str; 4] = ["plain", "manual_jit", "manual_graph", "compile"];

/// Medians of one variant.
pub struct Line {
    pub variant: &'static str,
    pub forward_ms: f64,
    pub train_ms: f64,
}

/// Times every variant; one that fails is told and left out.
pub fn measure(script: &Path, device: &str, size: Size, args: &Args) -> Result<Vec<Line>, String> {
    if !script.is_file() {
        return Err(format!("{}: no such script", script.display()));
    }
    let (batch, steps) = size.batch_and_steps(args.tiny);
    let mut lines = Vec::new();
    for variant in VARIANTS {
        let output = Command::new("python3")
            .arg(script)
            .args([variant, size.name(), device])
            .args([
                batch.to_string(),
                steps.to_string(),
                args.seconds.to_string(),
            ])
            .output()
            .map_err(|e| format!("python3 cannot be run: {e}"))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let json: Option<Value> = text
            .lines()
            .last()
            .and_then(|l| serde_json::from_str(l).ok());
        let number = |json: &Value, key: &str| json.get(key).and_then(Value::as_f64);
        let found = json.and_then(|j| Some((number(&j, "forward_ms")?, number(&j, "train_ms")?)));
        match found {
            Some((forward_ms, train_ms)) => lines.push(Line {
                variant,
                forward_ms,
                train_ms,
            }),
            None => {
                let error = String::from_utf8_lossy(&output.stderr);
                let last = error.lines().last().unwrap_or("no output").to_string();
                eprintln!("PyTorch {variant} at {}: {last}", size.name());
            }
        }
    }
    Ok(lines)
}
