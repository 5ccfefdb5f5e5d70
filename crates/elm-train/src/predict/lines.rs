//! Lines of numbers or events, as they come in step by step.

/// What one line says of a time step.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Line {
    /// The value of every channel.
    Dense(Vec<f32>),
    /// Channel and value of those that are not zero.
    Events(Vec<(usize, f32)>),
}

impl Line {
    /// Reads a line for a model of so many channels: numbers, one for each channel, or `channel:value` for each that is not
    /// zero (an empty line: silence); spaces, commas, semicolons or tabs are between them.
    ///
    /// # Errors
    /// What was expected and found, in words.
    pub fn parse(text: &str, channels: usize) -> Result<Self, String> {
        let separators = |c: char| c.is_whitespace() || matches!(c, ',' | ';');
        let words: Vec<&str> = text.split(separators).filter(|w| !w.is_empty()).collect();
        let events = words.iter().filter(|word| word.contains(':')).count();
        if events == words.len() {
            let events = words.iter().map(|word| event(word, channels));
            return events.collect::<Result<_, _>>().map(Self::Events);
        }
        if events > 0 {
            return Err("expected either numbers or channel:value, found both".into());
        }
        let values: Vec<f32> = words
            .iter()
            .map(|word| number(word))
            .collect::<Result<_, _>>()?;
        match values.len() == channels {
            true => Ok(Self::Dense(values)),
            false => Err(format!(
                "expected {channels} numbers, one for each channel, or channel:value, found {} numbers",
                values.len()
            )),
        }
    }
}

fn event(word: &str, channels: usize) -> Result<(usize, f32), String> {
    let (channel, value) = word.split_once(':').unwrap_or((word, ""));
    let index: usize = channel
        .parse()
        .map_err(|_| format!("expected channel:value, found `{word}`"))?;
    match index < channels {
        true => Ok((index, number(value)?)),
        false => Err(format!("channel {index}: expected 0 to {}", channels - 1)),
    }
}

fn number(word: &str) -> Result<f32, String> {
    match word.parse::<f32>() {
        Ok(value) if value.is_finite() => Ok(value),
        _ => Err(format!("expected a finite number, found `{word}`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_numbers_or_events() {
        let dense = Ok(Line::Dense(vec![1.0, -0.5, 2.0]));
        for text in ["1 -0.5 2", "1,-0.5,2", " 1;\t-5e-1 , 2\r"] {
            assert_eq!(Line::parse(text, 3), dense, "{text}");
        }
        let events = Line::parse("2:1 0:-1", 3).expect("events");
        assert_eq!(events, Line::Events(vec![(2, 1.0), (0, -1.0)]));
        assert_eq!(Line::parse("", 3), Ok(Line::Events(vec![])));
        for (text, says) in [
            ("1 2", "expected 3 numbers"),
            ("1 2:1 3", "found both"),
            ("3:1", "channel 3: expected 0 to 2"),
            ("x:1", "`x:1`"),
            ("1:", "finite number"),
            ("1 nan 2", "found `nan`"),
            ("a b c", "found `a`"),
        ] {
            let error = Line::parse(text, 3).expect_err(text);
            assert!(error.contains(says), "{text}: {error}");
        }
    }
}
