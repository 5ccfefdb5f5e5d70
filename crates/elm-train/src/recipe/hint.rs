//! What may have been meant by a name that there is none of.

use super::keys::{SECTIONS, keys};

/// What other tools call a key.
const ALIASES: [(&str, &str); 17] = [
    ("lr", "train.learning_rate"),
    ("learning_rate_init", "train.learning_rate"),
    ("min_lr", "train.final_learning_rate"),
    ("eta_min", "train.final_learning_rate"),
    ("bs", "train.batch_size"),
    ("batch", "train.batch_size"),
    ("max_epochs", "train.epochs"),
    ("num_epochs", "train.epochs"),
    ("max_steps", "train.steps"),
    ("wd", "train.weight_decay"),
    ("ema", "train.average_decay"),
    ("early_stopping", "train.patience"),
    ("grad_clip", "train.clip_norm"),
    ("gradient_clip_val", "train.clip_norm"),
    ("accumulate_grad_batches", "train.accumulate"),
    ("gradient_accumulation_steps", "train.accumulate"),
    ("warmup", "train.warmup_steps"),
];

/// ", did you mean `...`?" with the candidate nearest to `name`, or `otherwise` when none is near.
pub(super) fn hint<'a>(
    name: &str,
    candidates: impl Iterator<Item = &'a str>,
    otherwise: &str,
) -> String {
    let leaf = |s: &str| s.rsplit('.').next().unwrap_or(s).to_lowercase();
    let score = |candidate: &str| {
        let whole = strsim::jaro_winkler(&name.to_lowercase(), candidate);
        // a key in the wrong table, or without one
        let last = strsim::jaro_winkler(&leaf(name), &leaf(candidate));
        whole.max(last) + 0.01 * whole
    };
    candidates
        .map(|candidate| (score(candidate), candidate))
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .filter(|(score, _)| *score > 0.8)
        .map_or_else(
            || otherwise.to_string(),
            |(_, candidate)| format!(", did you mean `{candidate}`?"),
        )
}

/// The hint for a key that no recipe has.
pub(super) fn key_hint(name: &str) -> String {
    let leaf = name.rsplit('.').next().unwrap_or(name).to_lowercase();
    if let Some((_, key)) = ALIASES.iter().find(|(alias, _)| *alias == leaf) {
        return format!(", did you mean `{key}`?");
    }
    // a table's name is meant by a name without a dot only
    let tables = SECTIONS.iter().copied().filter(|_| !name.contains('.'));
    let names = keys().iter().map(|key| key.name).chain(tables);
    hint(name, names, "; `elm recipes` shows a recipe with all keys")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_other_tools_lead_to_keys() {
        for (alias, key) in ALIASES {
            assert!(keys().iter().any(|known| known.name == key), "{key}");
            for name in [alias.to_string(), format!("train.{alias}")] {
                assert_eq!(key_hint(&name), format!(", did you mean `{key}`?"));
            }
        }
    }
}
