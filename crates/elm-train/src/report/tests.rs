//! The page as a whole: all sections, sound markup, no number that is none.
#![allow(clippy::unwrap_used)]

use elm_data::{Sample, Sequence, Task};

use super::*;

const SECTIONS: [&str; 7] = [
    "summary",
    "learning",
    "examples",
    "roc",
    "timescales",
    "memory",
    "notes",
];

/// A report with everything in it, drawn from formulas.
fn full_report() -> Report {
    Report {
        title: "quick <& \"friends\">".into(),
        facts: vec![
            ("Recipe".into(), "quick".into()),
            ("Device".into(), "CPU, 2 threads".into()),
        ],
        summary: vec![
            SummaryRow::new("Test AUC", 0.97123)
                .decimals(4)
                .published(0.9922),
            SummaryRow::new("Soma RMSE (mV)", 0.913).published(0.52),
            SummaryRow::new("Explained variance (%)", f64::NAN),
        ],
        published: None,
        plain: false,
        loss_curve: (1..=20)
            .map(|epoch| EpochPoint {
                epoch,
                train_loss: 0.05 + 0.6 / epoch as f64,
                valid_loss: (epoch % 2 == 0).then(|| 0.08 + 0.5 / epoch as f64),
            })
            .collect(),
        metric_curves: vec![
            metric("Validation AUC", |e| 0.98 - 0.2 / e),
            metric("Soma RMSE (mV)", |e| 0.8 + 1.3 / e),
            metric("Explained variance (%)", |e| 90.0 - 60.0 / e),
        ],
        examples: vec![example("a.p.gz, simulation 3", 5500), example("short", 800)],
        roc: Some(roc_curve()),
        classification: None,
        timescales: vec![TimescaleList {
            part: String::new(),
            tau: (0..20).map(|i| 150f32.powf(i as f32 / 19.0)).collect(),
            unit: TimeUnit::Milliseconds,
        }],
        memory_traces: Some(memory(32)),
        notes: vec!["The published models saw 600 times as much data.".into()],
    }
}

fn metric(name: &str, value: impl Fn(f64) -> f64) -> MetricCurve {
    MetricCurve {
        name: name.into(),
        points: (1..=20)
            .map(|e| (f64::from(e), value(f64::from(e))))
            .collect(),
    }
}

/// A pseudo random number in 0..1 that depends on `i` alone.
fn noise(i: usize) -> f32 {
    let mixed = (i as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    (mixed >> 40) as f32 / (1u64 << 24) as f32
}

fn example(title: &str, steps: usize) -> ExampleTrace {
    let mut voltage = Vec::with_capacity(steps);
    let mut v = -70.0f32;
    for i in 0..steps {
        v += (-72.0 - v) / 25.0
            + if noise(i) > 0.9 {
                6.0 * noise(i + 7)
            } else {
                0.0
            };
        voltage.push(v.min(-55.0));
    }
    let spikes: Vec<f32> = (0..steps)
        .filter(|&i| voltage[i] > -58.5 && (i == 0 || voltage[i - 1] <= -58.5))
        .map(|i| 500.0 + i as f32)
        .collect();
    let predicted: Vec<f32> = (0..steps)
        .map(|i| voltage[i] * 0.97 - 2.0 + noise(i))
        .collect();
    let probability = voltage
        .iter()
        .map(|v| 1.0 / (1.0 + (-(v + 58.5) * 1.2).exp()))
        .collect();
    ExampleTrace {
        title: title.into(),
        start_ms: 500.0,
        true_soma_mv: voltage,
        predicted_soma_mv: predicted,
        true_spikes_ms: spikes,
        spike_probability: probability,
    }
}

fn roc_curve() -> RocCurve {
    let fpr: Vec<f64> = (0..=20_000).map(|i| f64::from(i) / 20_000.0).collect();
    let tpr = fpr.iter().map(|f| f.powf(0.06)).collect();
    RocCurve {
        fpr,
        tpr,
        auc: 1.0 / 1.06,
    }
}

fn memory(units: usize) -> MemoryTraces {
    let trace = |unit: usize| {
        let tau_ms = 150f32.powf(unit as f32 / (units - 1).max(1) as f32);
        let mut m = 0.0;
        let values = (0..5500).map(|i| {
            m += (noise(i + 31 * unit) * 2.0 - 0.8 - m) / tau_ms;
            m
        });
        MemoryUnitTrace {
            tau_ms,
            values: values.collect(),
        }
    };
    MemoryTraces {
        title: "a.p.gz, simulation 3".into(),
        start_ms: 500.0,
        step_ms: 1.0,
        units: (0..units).map(trace).collect(),
    }
}

/// Panics unless every tag of `html` is closed, in order, and every attribute quoted.
fn assert_balanced(html: &str) {
    let mut open: Vec<String> = Vec::new();
    let mut rest = html.strip_prefix("<!doctype html>").unwrap();
    while let Some(start) = rest.find('<') {
        assert!(
            !rest[..start].contains('>'),
            "stray > in {:?}",
            &rest[..start]
        );
        let end = start + rest[start..].find('>').unwrap();
        let tag = &rest[start + 1..end];
        assert!(!tag.contains('<'), "tag in tag: {tag}");
        assert_eq!(tag.matches('"').count() % 2, 0, "open quote: {tag}");
        let name: String = tag
            .trim_start_matches('/')
            .chars()
            .take_while(|c| c.is_alphanumeric())
            .collect();
        assert!(!name.is_empty(), "no name: {tag}");
        if tag.starts_with('/') {
            assert_eq!(open.pop().as_deref(), Some(name.as_str()), "at {tag}");
        } else if !tag.ends_with('/') {
            open.push(name);
        }
        rest = &rest[end + 1..];
    }
    assert!(open.is_empty(), "left open: {open:?}");
}

/// Panics on a number that is none in any attribute or text.
fn assert_numbers(html: &str) {
    for word in ["NaN", "inf\"", "inf ", "-inf", "Infinity", "null"] {
        assert!(!html.contains(word), "{word} in the page");
    }
}

#[test]
fn every_section_is_there_and_sound() {
    let html = render(&full_report());
    // for a look at the page: ELM_REPORT_OUT=/tmp/report.html cargo test …
    if let Some(path) = std::env::var_os("ELM_REPORT_OUT") {
        std::fs::write(path, &html).unwrap();
    }
    for id in SECTIONS {
        assert_eq!(
            html.matches(&format!("<section id=\"{id}\">")).count(),
            1,
            "{id}"
        );
    }
    assert_balanced(&html);
    assert_numbers(&html);
    assert!(!html.contains("class=\"missing\""));
    // loss, 3 metrics, 2 views of the long example, the short one, 2 ROC, timescales, memory
    assert_eq!(html.matches("<svg ").count(), 11);
    for word in [
        "0.9712",
        "0.9922",
        "AUC 0.9434",
        "TPR 0.759 at FPR 0.010",
        "20 of the 32 units",
    ] {
        assert!(html.contains(word), "{word}");
    }
}

#[test]
fn it_needs_nothing_from_elsewhere() {
    let html = render(&full_report());
    for word in ["<script", "<link", "<img", "src=", "@import", "url("] {
        assert!(!html.contains(word), "{word}");
    }
    // the name of the SVG format is the only address
    assert_eq!(
        html.matches("://").count(),
        html.matches("http://www.w3.org/2000/svg").count()
    );
}

#[test]
fn text_is_escaped() {
    let mut report = full_report();
    let nasty = "<b>&\"'\u{1}";
    report.facts = vec![(nasty.into(), nasty.into())];
    report.summary[0].metric = nasty.into();
    report.metric_curves[0].name = nasty.into();
    report.examples[0].title = nasty.into();
    report.memory_traces.as_mut().unwrap().title = nasty.into();
    report.notes = vec![nasty.into()];
    let html = render(&report);
    assert_balanced(&html);
    assert!(!html.contains("<b>") && !html.contains('\u{1}'));
    assert!(html.contains("&lt;b&gt;&amp;&quot;&#39;"));
}

#[test]
fn an_empty_report_is_sentences() {
    let html = render(&Report::default());
    assert_balanced(&html);
    assert_numbers(&html);
    assert_eq!(html.matches("<svg ").count(), 0);
    assert_eq!(html.matches("class=\"missing\"").count(), 5);
}

#[test]
fn a_classification_shows_its_answers_instead_of_simulations() {
    let mut report = full_report();
    let sample = |inputs| Sample { inputs, label: 3 };
    let pixels = Sequence::Pixels((0..1024).map(|i| (i % 251) as u8).collect());
    let text = Sequence::Tokens("<b>&".bytes().map(|b| u16::from(b) + 1).collect());
    report.classification = Some(ClassReport {
        classes: (0..10).map(|class| format!("<class {class}>")).collect(),
        confusion: (0..10)
            .map(|row| {
                (0..10)
                    .map(|column| usize::from(row == column) * 7)
                    .collect()
            })
            .collect(),
        samples: vec![
            SamplePicture::new(Task::IMAGE, &sample(vec![pixels])).answered(
                "cat".into(),
                0.5,
                true,
            ),
            SamplePicture::new(Task::RETRIEVAL, &sample(vec![text.clone(), text])),
        ],
        ..ClassReport::default()
    });
    let html = render(&report);
    assert_balanced(&html);
    assert_numbers(&html);
    for id in ["confusion", "samples", "memory"] {
        assert!(html.contains(&format!("<section id=\"{id}\">")), "{id}");
    }
    assert!(!html.contains("<section id=\"roc\">"));
    assert!(
        html.contains("70 of 70 samples"),
        "the right answers are counted"
    );
    assert!(!html.contains("<b>"), "text is escaped");
}

/// An answer of three classes that forms over so many steps.
fn decision(task: Task, input: Sequence, tokens: &[&str], label: usize) -> Decision {
    let steps = input.len();
    let sample = Sample {
        inputs: vec![input],
        label,
    };
    Decision {
        picture: SamplePicture::new(task, &sample),
        tokens: tokens.iter().map(ToString::to_string).collect(),
        classes: ["<a>", "b", "c"].map(String::from).to_vec(),
        label,
        probabilities: (0..steps)
            .map(|t| {
                let p = t as f32 / steps as f32;
                vec![p, 1.0 - p, 0.0]
            })
            .collect(),
        response: tokens.iter().map(|t| t.len() as f32).collect(),
    }
}

#[test]
fn answers_form_on_images_spikes_and_tokens() {
    let pixels = Sequence::Pixels(vec![7; 1024]);
    let spikes = Sequence::Spikes {
        steps: 50,
        events: Vec::new(),
    };
    let words = Sequence::Tokens(vec![1, 2, 3]);
    let mut decisions = vec![
        decision(Task::IMAGE, pixels, &[], 0),
        decision(Task::SHD, spikes, &[], 1),
        decision(Task::LISTOPS, words, &["[MAX ", "<7 ", "] "], 2),
        decision(Task::LISTOPS, Sequence::Tokens(vec![1]), &["1 "], 2),
    ];
    decisions[0].probabilities[5] = vec![f32::NAN; 3];
    decisions[2].response[1] = f32::NAN;
    let group = |tau: f32, accuracy| AblatedUnits {
        tau: [tau, 2.0 * tau],
        units: 2,
        accuracy,
    };
    let mut report = full_report();
    report.classification = Some(ClassReport {
        decisions,
        ablation: Some(Ablation {
            accuracy: 0.9,
            samples: 500,
            unit: TimeUnit::Steps,
            groups: vec![group(1.0, 0.85), group(10.0, f64::NAN), group(100.0, 0.3)],
        }),
        ..ClassReport::default()
    });
    let html = render(&report);
    assert_balanced(&html);
    assert_numbers(&html);
    // the wrong answer is told and drawn, the right one only once
    assert!(
        html.contains("<h3>b: answered &lt;a&gt; (98 %)</h3>"),
        "{html}"
    );
    assert!(html.contains("<h3>&lt;a&gt;: answered &lt;a&gt; (100 %)</h3>"));
    assert!(html.contains("This sample has no steps to show."));
    assert!(html.contains("reaches 90.0 %") && html.contains("30.0 % without 2 units"));
    assert!(html.contains("memory timescale (steps, log axis)"));
    let files = pictures(&report);
    let names: Vec<&str> = files.iter().map(|(name, _)| &**name).collect();
    let expected = [
        "voltage-1.svg",
        "voltage-2.svg",
        "decision-1.svg",
        "decision-2.svg",
        "decision-3.svg",
        "timescales.svg",
    ];
    assert_eq!(names, expected);
    for (name, svg) in &files {
        assert!(
            svg.starts_with("<svg ") && svg.contains("<style>"),
            "{name}"
        );
        assert_balanced(&format!("<!doctype html>{svg}"));
        assert_numbers(svg);
    }
}

#[test]
fn what_is_not_finite_leaves_gaps() {
    let mut report = full_report();
    report.loss_curve[3].train_loss = f64::NAN;
    report.loss_curve[4].valid_loss = Some(f64::INFINITY);
    report.metric_curves[0].points = vec![(1.0, f64::NAN)];
    report.metric_curves[1].points[2].1 = f64::NEG_INFINITY;
    report.examples[0].true_soma_mv[100..200].fill(f32::NAN);
    report.examples[0].spike_probability[7] = f32::INFINITY;
    report.examples[1].true_soma_mv.clear();
    report.examples[1].predicted_soma_mv.fill(f32::NAN);
    report.examples[1].true_spikes_ms.push(f32::NAN);
    report.timescales[0].tau[0] = 0.0;
    report.timescales[0].tau[1] = f32::NAN;
    let units = &mut report.memory_traces.as_mut().unwrap().units;
    units[0].values.fill(f32::NAN);
    units[31].values[5] = f32::NAN;
    units[31].tau_ms = f32::INFINITY;
    let html = render(&report);
    assert_balanced(&html);
    assert_numbers(&html);
    assert!(html.contains("no voltage was recorded") && html.contains("no finite value"));
}

#[test]
fn single_values_and_constants_are_drawn() {
    let mut report = full_report();
    report.loss_curve.truncate(1);
    report.metric_curves[0].points.truncate(1);
    report.examples[1].true_soma_mv.fill(-70.0);
    report.examples[1].predicted_soma_mv.fill(-70.0);
    report.examples[1].spike_probability.fill(0.0);
    report.timescales[0].tau = vec![12.5];
    report.memory_traces = Some(memory(1));
    report.memory_traces.as_mut().unwrap().units[0]
        .values
        .fill(0.0);
    let html = render(&report);
    assert_balanced(&html);
    assert_numbers(&html);
    assert_eq!(html.matches("<svg ").count(), 11);
}

#[test]
fn each_layer_has_its_timescales_and_a_model_without_any_has_no_section() {
    let mut report = full_report();
    report.timescales = (1..=2)
        .map(|layer| TimescaleList {
            part: format!("<Layer> {layer}"),
            tau: vec![1.0, 10.0, 100.0],
            unit: TimeUnit::Steps,
        })
        .collect();
    report.timescales[1].tau.clear();
    report.memory_traces = None;
    let html = render(&report);
    assert_balanced(&html);
    assert_numbers(&html);
    for part in ["&lt;Layer&gt; 1", "&lt;Layer&gt; 2", "no memory timescales"] {
        assert!(html.contains(part), "{part}");
    }
    assert!(!html.contains("<section id=\"memory\">"));
    report.timescales.clear();
    assert!(!render(&report).contains("<section id=\"timescales\">"));
}

#[test]
fn a_comparison_shows_every_model_against_steps_and_seconds() {
    let curve = |model: usize, rate: f64| ComparedCurve {
        model,
        points: (1..=5)
            .map(|epoch| CurvePoint {
                step: 10.0 * f64::from(epoch),
                seconds: rate * f64::from(epoch),
                value: 1.0 / f64::from(epoch),
            })
            .collect(),
    };
    let table = |cells: [[&str; 2]; 3]| {
        let [columns, rows @ ..] = cells.map(|row| row.map(String::from).to_vec());
        Table {
            columns,
            rows: rows.into(),
            ..Table::default()
        }
    };
    let mut report = ComparisonReport {
        title: "<compared>".into(),
        facts: vec![("Budget".into(), "50 steps each".into())],
        results: table([["Model", "Accuracy"], ["<elm>", "90.1"], ["lif", "80.2"]]),
        tables: vec![table([
            ["Model", "Loss"],
            ["<elm>", "0.33"],
            ["lif", "0.44"],
        ])],
        models: vec!["<elm>".into(), "lif".into()],
        metrics: vec![ComparedMetric {
            name: "Validation loss".into(),
            curves: vec![curve(0, 1.0), curve(1, 3.0)],
        }],
        notes: vec!["none was tuned".into()],
    };
    let html = render_comparison(&report);
    assert_balanced(&html);
    assert_numbers(&html);
    // the colours' names, and each metric twice
    assert_eq!(html.matches("<svg ").count(), 3);
    for part in [
        "&lt;elm&gt;",
        "90.1",
        "80.2",
        "0.44",
        "gradient steps",
        "seconds",
        "class=\"m0\"",
        "class=\"m1\"",
        "none was tuned",
        "lif: 0.2000 after 50 steps, 15 s",
    ] {
        assert!(html.contains(part), "{part}");
    }
    assert!(!html.contains("<elm>"));
    // what is not finite leaves gaps, and nothing at all is said
    report.metrics[0].curves[0].points[2].value = f64::NAN;
    report.metrics[0].curves[1].points.clear();
    assert_numbers(&render_comparison(&report));
    let empty = render_comparison(&ComparisonReport::default());
    assert_balanced(&empty);
    assert!(empty.contains("No model was trained to its end."));
}

#[test]
fn long_traces_stay_small() {
    let mut report = full_report();
    report.examples = (0..4).map(|i| example(&i.to_string(), 6000)).collect();
    let bytes = render(&report).len();
    assert!(bytes < 1_200_000, "{bytes} bytes");
}
