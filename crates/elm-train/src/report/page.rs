//! The page around the sections, and text made safe for it.

/// `text` with the characters that mean something in HTML and SVG escaped.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // no control characters in XML
            c if c.is_control() && c != '\n' && c != '\t' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// A section with its heading; `body` is HTML. The id is for links to the section.
pub(super) fn section(id: &str, heading: &str, body: &str) -> String {
    format!(
        "<section id=\"{id}\">\n<h2>{}</h2>\n{body}\n</section>\n",
        escape(heading)
    )
}

/// A paragraph under a heading or a chart.
pub(super) fn paragraph(text: &str) -> String {
    format!("<p>{}</p>\n", escape(text))
}

/// What stands where there is nothing to show.
pub(super) fn missing(text: &str) -> String {
    format!("<p class=\"missing\">{}</p>\n", escape(text))
}

/// A picture of the page as a file of its own.
pub(super) fn standalone(svg: &str) -> String {
    let style = include_str!("style.css");
    let frame = "<rect width=\"100%\" height=\"100%\" style=\"fill:var(--page)\"/>";
    svg.replacen(">\n", &format!(">\n<style>\n{style}</style>\n{frame}\n"), 1)
}

/// The whole page.
pub(super) fn page(title: &str, sections: &[String]) -> String {
    let title = escape(title);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n\
         <meta name=\"color-scheme\" content=\"light dark\"/>\n\
         <title>{title}</title>\n<style>\n{}</style>\n</head>\n<body>\n<main>\n\
         <h1>{title}</h1>\n{}</main>\n</body>\n</html>\n",
        include_str!("style.css"),
        sections.concat()
    )
}
